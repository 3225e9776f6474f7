"""One thread, anyio on the asyncio loop: one task per client.

Represents: as the documentation teaches

anyio gives programs trio's structured concurrency on asyncio or trio. Strength: it runs on the loop that every library
supports. Weakness: it is a layer on top of asyncio's transports, with a checkpoint in every call. It stops the reads of
a transport only at the end of a ``receive`` that had to wait. So a client whose data arrive before the first
``receive``, and which then reads no replies, is read without limit: in 12 of 30 such connections the server kept all of
64 MiB (anyio 4.16.0).
"""

from __future__ import annotations

import anyio
import anyio.abc

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "anyio"
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the loop with one task that accepts clients."""
    anyio.run(_serve_clients, listener, new_handler)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with one task for all peers."""
    anyio.run(_answer_datagrams, sock, new_handler)


async def _serve_clients(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    async def serve_client(stream: anyio.abc.SocketStream) -> None:
        handler = new_handler()
        async with stream:
            try:
                while not handler.done:
                    await stream.send(handler.feed(await stream.receive(RECV_BYTES)))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass  # the client has finished, or it reset the connection

    listener.setblocking(False)
    acceptor = sockets.Acceptor(listener)
    clients = await anyio.abc.SocketListener.from_socket(listener)
    async with anyio.create_task_group() as group:
        while True:
            try:
                await clients.serve(serve_client, group)
            except OSError as error:  # noqa: PERF203 - anyio leaves it to the program to wait for descriptors
                acceptor.note_failure(error)
                await anyio.sleep(sockets.ACCEPT_RETRY_S)


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    sock.setblocking(False)
    feed = new_handler().feed
    async with await anyio.abc.UDPSocket.from_socket(sock) as endpoint:
        async for datagram, peer in endpoint:
            reply = feed(datagram)
            if reply:
                await endpoint.send((reply, peer))
            elif reply is not None:  # an empty datagram, which asyncio's transport does not send up to Python 3.12
                try:
                    sock.sendto(reply, peer)
                except OSError:
                    sockets.unsent_replies.add()
