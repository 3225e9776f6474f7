"""One thread, trio: one task per client, in a nursery.

Represents: tuned: trio's sockets instead of its streams, with which its documentation starts

trio's structured concurrency: no task is lost, no exception is dropped, and everything can be cancelled. Strength:
correct programs are easier to write. Weakness: every call is a checkpoint, where trio checks for cancellation and may
switch tasks, in Python; so a short request costs more than with asyncio's protocols.
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
    """Run trio with one task that accepts clients."""
    trio.run(_accept_clients, listener, new_handler)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run trio with one task for all peers."""
    trio.run(_answer_datagrams, sock, new_handler)


async def _accept_clients(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    accepting = trio.socket.from_stdlib_socket(listener)
    acceptor = sockets.Acceptor(listener)
    async with trio.open_nursery() as nursery:
        while True:
            try:
                client, _ = await accepting.accept()
            except OSError as error:  # noqa: PERF203 - trio's sockets leave it to the program to wait for descriptors
                acceptor.note_failure(error)
                await trio.sleep(sockets.ACCEPT_RETRY_S)
            else:
                acceptor.out_of_fds = False
                nursery.start_soon(_serve_client, client, new_handler())


async def _serve_client(client: trio.socket.SocketType, handler: StreamHandler) -> None:
    recv, send, feed = client.recv, client.send, handler.feed
    with client:
        try:
            while not handler.done:
                data = await recv(RECV_BYTES)
                if not data:
                    break
                reply = feed(data)
                sent = await send(reply)
                while sent < len(reply):
                    sent += await send(memoryview(reply)[sent:])
        except OSError:
            pass  # the client reset the connection


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
