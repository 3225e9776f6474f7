"""One thread, asyncio event loop: one coroutine per client, socket functions.

Represents: as the documentation teaches

``await loop.sock_recv`` tries the socket at once and waits only if there is nothing to read. Strengths: no transport,
no buffer in between, and code that reads from top to bottom. Weakness: each wait registers the socket with epoll and
unregisters it, two system calls per request. A single client pays for this with every request.
"""

from __future__ import annotations

import asyncio

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler

RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop with one coroutine that accepts clients."""
    asyncio.run(_accept_clients(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop with one coroutine for all peers."""
    asyncio.run(_answer_datagrams(sock, new_handler))


async def _accept_clients(listener: socket.socket, new_handler: NewStreamHandler) -> None:
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
        task = loop.create_task(_serve_client(loop, conn, new_handler()))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


async def _serve_client(loop: asyncio.AbstractEventLoop, conn: socket.socket, handler: StreamHandler) -> None:
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
    loop, feed = asyncio.get_running_loop(), new_handler().feed
    sock.setblocking(False)
    recvfrom = loop.sock_recvfrom if hasattr(loop, "sock_recvfrom") else _recvfrom_before_python_3_11
    while True:
        datagram, peer = await recvfrom(sock, sockets.MAX_DATAGRAM_BYTES)
        reply = feed(datagram)
        if reply is not None:
            try:
                sock.sendto(reply, peer)
            except OSError:  # also BlockingIOError: the reply is dropped, so that others need not wait
                sockets.unsent_replies.add()


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
