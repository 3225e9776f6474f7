"""Servers with scripted faults, in a thread of the test.

The compiled loop releases the GIL, so both run.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def start_udp_server(answer: Callable[[int, bytes], list[bytes]], host: str = HOST) -> Iterator[int]:
    """Serve datagrams and yield the port.

    ``answer(number, datagram)`` returns the replies; number counts from 1. host: ``::`` serves IPv4, too.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))

        def serve() -> None:
            number = 0
            while True:
                datagram, peer = sock.recvfrom(65536)
                if not datagram:  # the test has ended
                    return
                number += 1
                for reply in answer(number, datagram):
                    sock.sendto(reply, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            with socket.socket(family, socket.SOCK_DGRAM) as last:
                last.sendto(b"", sock.getsockname())
            thread.join()


@contextlib.contextmanager
def start_tcp_server(converse: Callable[[socket.socket, int], None], host: str = HOST) -> Iterator[int]:
    """Serve connections, each in a thread, and yield the port.

    ``converse(conn, number)`` serves one; number counts from 1. host: ``::`` serves IPv4, too.
    """
    threads: list[threading.Thread] = []
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family, backlog=512, dualstack_ipv6=host == "::") as listener:

        def converse_once(conn: socket.socket, number: int) -> None:
            with conn, contextlib.suppress(OSError):  # the generator may close first
                converse(conn, number)

        def serve() -> None:
            number = 0
            while True:
                try:
                    conn, _ = listener.accept()
                except OSError:  # the test has ended
                    return
                number += 1
                thread = threading.Thread(target=converse_once, args=(conn, number))
                thread.start()
                threads.append(thread)

        accepting = threading.Thread(target=serve)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join()


def echo(conn: socket.socket, _number: int) -> None:
    """Echo until the client closes."""
    while data := conn.recv(65536):
        conn.sendall(data)
