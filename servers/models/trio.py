"""One thread, trio: one task per client, in a nursery.

Represents: as the documentation teaches

trio's structured concurrency: no task is lost, no exception is dropped, and everything can be cancelled. Strength:
correct programs are easier to write. Weakness: every call is a checkpoint, where trio checks for cancellation and may
switch tasks, in Python; so a short request costs more than with asyncio's protocols.

When descriptors run out, trio logs a traceback for each attempt to accept, and tries again after 0.1 s.
"""

from __future__ import annotations

import trio

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "trio"
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run trio with a task that accepts clients."""

    async def serve_client(stream: trio.SocketStream) -> None:
        handler = new_handler()
        try:
            while not handler.done:
                data = await stream.receive_some(RECV_BYTES)
                if not data:
                    break
                await stream.send_all(handler.feed(data))
        except trio.BrokenResourceError:
            pass  # the client reset the connection

    async def run() -> None:
        await trio.serve_listeners(serve_client, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))])

    trio.run(run)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run trio with one task for all peers."""
    trio.run(_answer_datagrams, sock, new_handler)


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    endpoint, feed = trio.socket.from_stdlib_socket(sock), new_handler().feed
    while True:
        datagram, peer = await endpoint.recvfrom(sockets.MAX_DATAGRAM_BYTES)
        reply = feed(datagram)
        if reply is not None:
            try:
                await endpoint.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()
