"""Servers with scripted faults, in a thread of the test.

The compiled loop releases the GIL, so both run.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def start_udp_server(answer: Callable[[int, bytes], list[bytes]]) -> Iterator[int]:
    """Serve datagrams and yield the port.

    ``answer(number, datagram)`` returns the replies; number counts from 1.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))

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
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", sock.getsockname())
            thread.join()


@contextlib.contextmanager
def start_tcp_server(converse: Callable[[socket.socket, int], None]) -> Iterator[int]:
    """Serve connections, each in a thread, and yield the port.

    ``converse(conn, number)`` serves one; number counts from 1.
    """
    threads: list[threading.Thread] = []
    with socket.create_server((HOST, 0), backlog=512) as listener:

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
