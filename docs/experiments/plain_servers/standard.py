"""Plain servers from the standard library: ``python standard.py NAME TRANSPORT PROTOCOL PORT``.

Each one is what the documentation of Python or of the library leads to, without a line for speed and without care for
clients that misbehave. It answers one request for each read, as the load of this experiment sends them. Modules that
only some need are imported by these.
"""

from __future__ import annotations

import functools
import os
import select
import signal

from conversation import ADIOS, HOST, READ_BYTES, answer_datagrams, bind_udp, converse, listen, run

TYPE_CHECKING = False  # typing would make the servers larger, and their forks slower
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from conversation import Answer


def _iterative_tcp(port: int, answer: Answer) -> None:
    listener = listen(port)
    while True:
        converse(listener.accept()[0], answer)


def _iterative_udp(port: int, answer: Answer) -> None:
    answer_datagrams(bind_udp(port), answer)


def _thread_per_client_tcp(port: int, answer: Answer) -> None:
    import threading

    listener = listen(port)
    while True:
        threading.Thread(target=converse, args=(listener.accept()[0], answer), daemon=True).start()


def _thread_per_client_udp(port: int, answer: Answer) -> None:
    import queue
    import threading

    sock = bind_udp(port)
    queues: dict[Any, queue.SimpleQueue[bytes]] = {}

    def serve_peer(requests: queue.SimpleQueue[bytes], peer: Any) -> None:
        while True:
            sock.sendto(answer(requests.get()), peer)

    while True:
        request, peer = sock.recvfrom(READ_BYTES)
        if peer not in queues:
            queues[peer] = queue.SimpleQueue()
            threading.Thread(target=serve_peer, args=(queues[peer], peer), daemon=True).start()
        queues[peer].put(request)


def _thread_pool_tcp(port: int, answer: Answer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    listener = listen(port)
    with ThreadPoolExecutor(64) as pool:
        while True:
            pool.submit(converse, listener.accept()[0], answer)


def _process_per_client_tcp(port: int, answer: Answer) -> None:
    listener = listen(port)

    def reap(*_: object) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    signal.signal(signal.SIGCHLD, reap)
    while True:
        conn, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            converse(conn, answer)
            os._exit(0)
        conn.close()


def _select_loop(listener: socket.socket, answer: Answer) -> None:
    """Serve all clients of a listener with select."""
    listener.setblocking(False)
    conns: dict[int, socket.socket] = {}
    while True:
        for fd in select.select([listener.fileno(), *conns], [], [])[0]:
            if fd != listener.fileno():
                if not _answer_ready(conns[fd], answer):
                    conns.pop(fd).close()
            elif conn := _accept(listener):
                conns[conn.fileno()] = conn


def _accept(listener: socket.socket) -> socket.socket | None:
    """Accept a client, unless another process was faster."""
    try:
        conn, _ = listener.accept()
    except BlockingIOError:
        return None
    conn.setblocking(False)
    return conn


def _answer_ready(conn: socket.socket, answer: Answer) -> bool:
    """Answer a connection that can be read. Returns whether it stays open."""
    try:
        request = conn.recv(READ_BYTES)
        if not request:
            return False
        reply = answer(request)
        conn.send(reply)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return reply != ADIOS


def _select_tcp(port: int, answer: Answer) -> None:
    _select_loop(listen(port), answer)


def _select_udp(port: int, answer: Answer) -> None:
    sock = bind_udp(port)
    sock.setblocking(False)
    while True:
        select.select([sock], [], [])
        try:
            while True:
                request, peer = sock.recvfrom(READ_BYTES)
                sock.sendto(answer(request), peer)
        except BlockingIOError:
            pass


def _polling_tcp(port: int, answer: Answer, poller: Any, flags: int) -> None:
    """Serve all clients with a poll or epoll object."""
    listener = listen(port)
    listener.setblocking(False)
    conns: dict[int, socket.socket] = {}
    poller.register(listener.fileno(), 1)  # POLLIN and EPOLLIN are 1
    while True:
        for fd, _ in poller.poll():
            if fd != listener.fileno():
                if not _answer_ready(conns[fd], answer):
                    poller.unregister(fd)
                    conns.pop(fd).close()
            elif conn := _accept(listener):
                conns[conn.fileno()] = conn
                poller.register(conn.fileno(), flags)


def _poll_tcp(port: int, answer: Answer) -> None:
    _polling_tcp(port, answer, select.poll(), select.POLLIN)


def _epoll_tcp(port: int, answer: Answer) -> None:
    _polling_tcp(port, answer, select.epoll(), select.EPOLLIN)


def _epoll_edge_tcp(port: int, answer: Answer) -> None:
    _polling_tcp(port, answer, select.epoll(), select.EPOLLIN | select.EPOLLET)


def _multiprocessing_tcp(port: int, answer: Answer) -> None:
    _run_processes(functools.partial(_select_loop, listen(port), answer))


def _multiprocessing_udp(port: int, answer: Answer) -> None:
    _run_processes(functools.partial(answer_datagrams, bind_udp(port), answer))


def _run_processes(serve: Callable[[], None]) -> None:
    """Run a server in two processes that share its socket."""
    import multiprocessing

    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=serve, daemon=True) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def _socketserver_handler(answer: Answer) -> Any:
    """Return a handler for the library's servers."""
    import socketserver

    class Conversation(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            converse(self.request, answer)

    return Conversation


def _socketserver_threading_tcp(port: int, answer: Answer) -> None:
    import socketserver

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    Server((HOST, port), _socketserver_handler(answer)).serve_forever()


def _socketserver_forking_tcp(port: int, answer: Answer) -> None:
    import socketserver

    class Server(socketserver.ForkingTCPServer):
        allow_reuse_address = True

    Server((HOST, port), _socketserver_handler(answer)).serve_forever()


if __name__ == "__main__":
    run(globals())
