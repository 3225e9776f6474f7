"""A fixed number of threads, each of which serves one client at a time.

Represents: tuned: each thread accepts its clients itself, with a small stack

Each thread accepts a client, serves it until it disconnects, and accepts the next. Strengths: threads are started only
once, and memory is bounded. Weakness: a client that stays connected occupies a thread, so clients beyond the size of
the pool wait in the backlog; it suits short conversations. The interpreter lock lets only one thread at a time run
Python. Over UDP the threads share the socket; no client waits, but for cheap replies the threads only hinder each
other.
"""

from __future__ import annotations

import _thread

from servers import sockets
from servers.log import Tally
from servers.models import iterative
from servers.work.blocking import BlockingDatagrams, serve_work
from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler

MAX_TCP_CLIENTS = 64  # number of threads; more would wait for the interpreter lock, not for clients
MAX_UDP_WAITS = 4  # number of threads over UDP
STACK_BYTES = 256 * 1024


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Start the threads; the current one is the last of them."""
    _serve_in_threads(listener, iterative.serve_connection, new_handler)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Start the threads; the current one is the last of them."""
    _start(MAX_UDP_WAITS - 1, lambda: iterative.serve_udp(sock, new_handler))
    iterative.serve_udp(sock, new_handler)


def serve_work_tcp(listener: socket.socket) -> None:
    """Start the threads, which sleep while a request waits."""
    _serve_in_threads(listener, serve_work, RequestStream)


def serve_work_udp(sock: socket.socket) -> None:
    """Start the threads, which sleep while a request waits."""
    serve_udp(sock, BlockingDatagrams)


def _serve_in_threads(
    listener: socket.socket, serve: Callable[[socket.socket, Any], None], new_conversation: Callable[[], object]
) -> None:
    acceptor, busy_threads = sockets.Acceptor(listener), _BusyThreads()

    def serve_clients() -> None:
        while True:
            conn = acceptor.accept_blocking()
            busy_threads.begin()
            serve(conn, new_conversation())
            busy_threads.end()

    _start(MAX_TCP_CLIENTS - 1, serve_clients)
    serve_clients()


class _BusyThreads:
    """Number of threads that serve a client; logs when none is free."""

    def __init__(self) -> None:
        self.count = 0
        self.lock = _thread.allocate_lock()
        self.at_capacity = Tally("all threads of the pool are busy; clients wait in the backlog")

    def begin(self) -> None:
        with self.lock:
            self.count += 1
            if self.count == MAX_TCP_CLIENTS:
                self.at_capacity.add()

    def end(self) -> None:
        with self.lock:
            self.count -= 1


def _start(threads: int, work: Callable[[], None]) -> None:
    _thread.stack_size(STACK_BYTES)
    for _ in range(threads):
        _thread.start_new_thread(work, ())
