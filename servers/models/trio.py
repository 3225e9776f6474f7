"""One thread, trio: one task per client, in a nursery.

Represents: tuned: trio's sockets instead of its streams, with which its documentation starts

trio's structured concurrency: no task is lost, no exception is dropped, and everything can be cancelled. Strength:
correct programs are easier to write. Weakness: every call is a checkpoint, where trio checks for cancellation and may
switch tasks, in Python; so a short request costs more than with asyncio's protocols.
"""

from __future__ import annotations

import contextlib

import trio

from servers import sockets
from servers.work.coroutines import converse
from servers.work.datagrams import DatagramBudget
from servers.work.protocol import parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler
    from servers.work.protocol import Request

NEEDS = "trio"
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run trio with one task that accepts clients."""
    trio.run(_accept_clients, listener, lambda client: _serve_client(client, new_handler()))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run trio with one task for all peers."""
    trio.run(_answer_datagrams, sock, new_handler)


async def _accept_clients(listener: socket.socket, serve: Callable[[trio.socket.SocketType], Awaitable[None]]) -> None:
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
                nursery.start_soon(serve, client)


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


def serve_work_tcp(listener: socket.socket) -> None:
    """Run trio with one task that accepts clients, and one for each, which sleeps while a request waits."""
    trio.run(_accept_clients, listener, _serve_work)


def serve_work_udp(sock: socket.socket) -> None:
    """Run trio with one task that receives, and another for each datagram."""
    trio.run(_answer_work, sock)


async def wait_and_compute(request: Request) -> None:
    """Sleep for the time of the wait, during which others are served. The computing delays them."""
    if request.wait_s:
        await trio.sleep(request.wait_s)
    request.compute()


async def _serve_work(client: trio.socket.SocketType) -> None:
    async def send(reply: bytes) -> None:
        sent = await client.send(reply)
        while sent < len(reply):
            sent += await client.send(memoryview(reply)[sent:])

    with client, contextlib.suppress(OSError):  # the client reset the connection
        await converse(client.recv, send, wait_and_compute)


async def _answer_work(sock: socket.socket) -> None:
    endpoint, budget = trio.socket.from_stdlib_socket(sock), DatagramBudget()

    async def answer(request: Request, peer: Any) -> None:
        await wait_and_compute(request)
        budget.give_back(request)
        try:
            await endpoint.sendto(request.reply, peer)
        except OSError:
            sockets.unsent_replies.add()

    async with trio.open_nursery() as nursery:
        while True:
            datagram, peer = await endpoint.recvfrom(sockets.MAX_DATAGRAM_BYTES)
            request = parse_datagram(datagram)
            if request is not None and budget.take(request):
                nursery.start_soon(answer, request, peer)
