"""One thread, anyio on the asyncio loop: one task per client.

Represents: as the documentation teaches

anyio gives programs trio's structured concurrency on asyncio or trio. Strength: it runs on the loop that every library
supports. Weakness: it is a layer on top of asyncio's transports, with a checkpoint in every call. It stops the reads of
a transport only at the end of a ``receive`` that had to wait. So a client whose data arrive before the first
``receive``, and which then reads no replies, is read without limit: in 12 of 30 such connections the server kept all of
64 MiB (anyio 4.16.0).
"""

from __future__ import annotations

import contextlib

import anyio
import anyio.abc

from servers import sockets
from servers.work.coroutines import converse
from servers.work.datagrams import DatagramBudget
from servers.work.protocol import parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler
    from servers.work.protocol import Request

NEEDS = "anyio"
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the loop with one task that accepts clients."""

    async def serve_client(stream: anyio.abc.SocketStream) -> None:
        handler = new_handler()
        async with stream:
            try:
                while not handler.done:
                    await stream.send(handler.feed(await stream.receive(RECV_BYTES)))
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                pass  # the client has finished, or it reset the connection

    anyio.run(_accept_clients, listener, serve_client)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with one task for all peers."""
    anyio.run(_answer_datagrams, sock, new_handler)


async def _accept_clients(
    listener: socket.socket, serve_client: Callable[[anyio.abc.SocketStream], Awaitable[None]]
) -> None:
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


def serve_work_tcp(listener: socket.socket) -> None:
    """Run the loop with one task that accepts clients, and one for each, which sleeps while a request waits."""

    async def serve_client(stream: anyio.abc.SocketStream) -> None:
        async def receive(size: int) -> bytes:
            try:
                data: bytes = await stream.receive(size)
            except anyio.EndOfStream:
                return b""
            return data

        async with stream:
            with contextlib.suppress(anyio.BrokenResourceError):  # the client reset the connection
                await converse(receive, stream.send, wait_and_compute)

    anyio.run(_accept_clients, listener, serve_client)


def serve_work_udp(sock: socket.socket) -> None:
    """Run the loop with one task that receives, and another for each datagram."""
    anyio.run(_answer_work, sock)


async def wait_and_compute(request: Request) -> None:
    """Sleep for the time of the wait, during which others are served. The computing delays them."""
    if request.wait_s:
        await anyio.sleep(request.wait_s)
    request.compute()


async def _answer_work(sock: socket.socket) -> None:
    sock.setblocking(False)
    budget, sending = DatagramBudget(), anyio.Lock()  # anyio refuses to send from two tasks at once
    async with await anyio.abc.UDPSocket.from_socket(sock) as endpoint, anyio.create_task_group() as group:

        async def answer(request: Request, peer: Any) -> None:
            await wait_and_compute(request)
            budget.give_back(request)
            async with sending:
                await endpoint.send((request.reply, peer))

        async for datagram, peer in endpoint:
            request = parse_datagram(datagram)
            if request is not None and budget.take(request):
                group.start_soon(answer, request, peer)
