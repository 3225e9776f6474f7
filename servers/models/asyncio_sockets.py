"""One thread, one event loop, a coroutine for each client that calls the loop's own socket functions.

``await loop.sock_recv`` tries the socket at once and waits only if there is nothing. Good: no transport, no buffer
between, and the code reads from top to bottom. Bad: a wait adds the socket to the epoll list and takes it out again,
two system calls a request; a lone client pays for that with each.
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
    """Run the loop with a coroutine that accepts."""
    asyncio.run(_accept_clients(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with a coroutine that answers all peers."""
    asyncio.run(_answer_datagrams(sock, new_handler))


async def _accept_clients(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Not by ``loop.sock_accept``, which knows no shortage of descriptors."""
    loop = asyncio.get_running_loop()
    listener.setblocking(False)
    acceptor = sockets.Acceptor(listener)
    talking: set[asyncio.Task[None]] = set()  # the loop itself holds its tasks by weak references only
    while True:
        conn = acceptor.accept()
        if conn is not None:
            conn.setblocking(False)
            task = loop.create_task(_serve_client(loop, conn, new_handler()))
            talking.add(task)
            task.add_done_callback(talking.discard)
        elif acceptor.out_of_fds:
            await asyncio.sleep(sockets.ACCEPT_RETRY_S)
        else:
            await readable(loop, listener)


async def _serve_client(loop: asyncio.AbstractEventLoop, conn: socket.socket, handler: StreamHandler) -> None:
    with conn:
        try:
            while not handler.done:
                data = await loop.sock_recv(conn, RECV_BYTES)
                if not data:
                    break
                await loop.sock_sendall(conn, handler.feed(data))
        except OSError:
            pass  # reset by the client: there is nobody to tell


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """``loop.sock_recvfrom`` is there from Python 3.11 on; this does the same."""
    loop, feed = asyncio.get_running_loop(), new_handler().feed
    sock.setblocking(False)
    while True:
        datagram, peer = await _recvfrom(loop, sock)
        reply = feed(datagram)
        if reply is not None:
            try:
                sock.sendto(reply, peer)
            except OSError:  # BlockingIOError, too: a datagram may be lost, the others do not wait for it
                sockets.unsent_replies.add()


async def _recvfrom(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> tuple[bytes, Any]:
    while True:
        try:
            return sock.recvfrom(sockets.MAX_DATAGRAM_BYTES)
        except BlockingIOError:  # noqa: PERF203 - the way it is meant
            await readable(loop, sock)


async def readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    """Wait until there is something to read, or a client to accept."""
    readiness = loop.create_future()
    loop.add_reader(sock, readiness.set_result, None)
    try:
        await readiness
    finally:
        loop.remove_reader(sock)
