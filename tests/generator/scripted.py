"""Servers that misbehave to order, in a thread of the test: the compiled loop runs without the GIL, so both go on."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

HOST = "127.0.0.1"


@contextlib.contextmanager
def udp_server(answer: Callable[[int, bytes], list[bytes]]) -> Iterator[int]:
    """Serve datagrams: ``answer(number, datagram)`` gives the replies, number counted from 1. Yields the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))

        def serve() -> None:
            number = 0
            while True:
                datagram, peer = sock.recvfrom(65536)
                if not datagram:  # the test is over
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
def tcp_server(converse: Callable[[socket.socket, int], None]) -> Iterator[int]:
    """Serve connections, each in a thread: ``converse(conn, number)``, number counted from 1. Yields the port."""
    threads: list[threading.Thread] = []
    with socket.create_server((HOST, 0), backlog=512) as listener:

        def one(conn: socket.socket, number: int) -> None:
            with conn, contextlib.suppress(OSError):  # the generator may close first
                converse(conn, number)

        def serve() -> None:
            number = 0
            while True:
                try:
                    conn, _ = listener.accept()
                except OSError:  # the test is over
                    return
                number += 1
                thread = threading.Thread(target=one, args=(conn, number))
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
    """Echo until the client ends."""
    while data := conn.recv(65536):
        conn.sendall(data)
