"""One thread, asyncio event loop: one coroutine per client, socket functions.

Represents: as the documentation teaches

``await loop.sock_recv`` tries the socket at once and waits only if there is nothing to read. Strengths: no transport,
no buffer in between, and code that reads from top to bottom. Weakness: each wait registers the socket with epoll and
unregisters it, two system calls per request. A single client pays for this with every request.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from servers import sockets
from servers.models.asyncio import wait_and_compute
from servers.work.coroutines import converse
from servers.work.datagrams import DatagramBudget
from servers.work.protocol import parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler
    from servers.work.protocol import Request

RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop with one coroutine that accepts clients."""
    asyncio.run(_accept_clients(listener, lambda conn: _serve_client(conn, new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop with one coroutine for all peers."""
    asyncio.run(_answer_datagrams(sock, new_handler))


async def _accept_clients(
    listener: socket.socket, serve: Callable[[socket.socket], Coroutine[None, None, None]]
) -> None:
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    acceptor = sockets.Acceptor(listener)
    tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to tasks
    while True:
        try:
            conn, _ = await loop.sock_accept(listener)
        except OSError as error:  # asyncio leaves it to the program to wait for free descriptors
            acceptor.note_failure(error)
            await asyncio.sleep(sockets.ACCEPT_RETRY_S)
            continue
        acceptor.out_of_fds = False
        task = loop.create_task(serve(conn))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _serve_client(conn: socket.socket, handler: StreamHandler) -> None:
    loop = asyncio.get_running_loop()
    with conn:
        try:
            while not handler.done:
                data = await loop.sock_recv(conn, RECV_BYTES)
                if not data:
                    break
                await loop.sock_sendall(conn, handler.feed(data))
        except OSError:
            pass  # the client reset the connection


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    feed, recvfrom = new_handler().feed, _recvfrom_of_loop()
    sock.setblocking(False)
    while True:
        datagram, peer = await recvfrom(sock, sockets.MAX_DATAGRAM_BYTES)
        reply = feed(datagram)
        if reply is not None:
            try:
                sock.sendto(reply, peer)
            except OSError:  # also BlockingIOError: the reply is dropped, so that others need not wait
                sockets.unsent_replies.add()


def _recvfrom_of_loop() -> Callable[[socket.socket, int], Coroutine[None, None, tuple[bytes, Any]]]:
    return getattr(asyncio.get_running_loop(), "sock_recvfrom", _recvfrom_before_python_3_11)


async def _recvfrom_before_python_3_11(sock: socket.socket, size: int) -> tuple[bytes, Any]:
    loop = asyncio.get_running_loop()
    while True:
        try:
            return sock.recvfrom(size)
        except BlockingIOError:  # noqa: PERF203 - the exception is the usual case here
            readiness = loop.create_future()
            loop.add_reader(sock, readiness.set_result, None)
            try:
                await readiness
            finally:
                loop.remove_reader(sock)


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with one coroutine that accepts clients, and one for each, which awaits the end of each wait."""
    asyncio.run(_accept_clients(listener, _serve_work))


def serve_work_udp(sock: socket.socket) -> None:
    """Run a loop with one coroutine that receives, and a task for each datagram."""
    asyncio.run(_answer_work(sock))


async def _serve_work(conn: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with conn, contextlib.suppress(OSError):  # the client reset the connection
        await converse(partial(loop.sock_recv, conn), partial(loop.sock_sendall, conn), wait_and_compute)


async def _answer_work(sock: socket.socket) -> None:
    loop, recvfrom, budget = asyncio.get_running_loop(), _recvfrom_of_loop(), DatagramBudget()
    sock.setblocking(False)
    tasks: set[asyncio.Task[None]] = set()

    async def answer(request: Request, peer: Any) -> None:
        await wait_and_compute(request)
        budget.give_back(request)
        try:
            sock.sendto(request.reply, peer)
        except OSError:  # as above
            sockets.unsent_replies.add()

    while True:
        datagram, peer = await recvfrom(sock, sockets.MAX_DATAGRAM_BYTES)
        request = parse_datagram(datagram)
        if request is not None and budget.take(request):
            task = loop.create_task(answer(request, peer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
