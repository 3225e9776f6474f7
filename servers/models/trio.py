"""One thread, trio: a task for each client, in a nursery that outlives none of them.

Structured concurrency: no task is lost, no exception vanishes, and everything can be cancelled. Good: programs that
are right are easier to write. Bad: every call is a checkpoint where others may run and cancellation is looked for, in
Python: a short request costs more than in asyncio's protocols.
"""

from __future__ import annotations

import trio

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler

NEEDS = "trio"
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run trio with a task that accepts."""
    trio.run(_accept_clients, listener, new_handler)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run trio with a task that answers all peers."""
    trio.run(_answer_datagrams, sock, new_handler)


async def _accept_clients(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    listener.setblocking(False)
    acceptor = sockets.Acceptor(listener)
    async with trio.open_nursery() as nursery:
        while True:
            conn = acceptor.accept()
            if conn is not None:
                nursery.start_soon(_serve_client, conn, new_handler())
            elif acceptor.out_of_fds:
                await trio.sleep(sockets.ACCEPT_RETRY_S)
            else:
                await trio.lowlevel.wait_readable(listener)


async def _serve_client(conn: socket.socket, handler: StreamHandler) -> None:
    """By trio's sockets, not by its streams: those watch for tasks that use one at once, which costs a fifth."""
    conn.setblocking(False)
    with trio.socket.from_stdlib_socket(conn) as stream:
        try:
            while not handler.done:
                data = await stream.recv(RECV_BYTES)
                if not data:
                    break
                reply = memoryview(handler.feed(data))
                while reply:
                    reply = reply[await stream.send(reply) :]
        except OSError:
            pass  # reset by the client: there is nobody to tell


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    sock.setblocking(False)
    stream, feed = trio.socket.from_stdlib_socket(sock), new_handler().feed
    while True:
        datagram, peer = await stream.recvfrom(sockets.MAX_DATAGRAM_BYTES)
        reply = feed(datagram)
        if reply is not None:
            try:
                await stream.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()
