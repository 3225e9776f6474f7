"""One thread, trio: one task per client, streams.

Represents: as the documentation teaches

This is the echo server of trio's tutorial. Strengths: a conversation reads from top to bottom as in a thread, no task
is lost, and everything can be cancelled. Weaknesses: those of the trio model. A stream also detects tasks that use it
at the same time, translates errors, and sets two options on each connection, which costs short sessions most. TCP
only: datagrams are not streams.

When descriptors run out, trio logs a traceback for each attempt to accept, and tries again after 0.1 s.
"""

from __future__ import annotations

import contextlib

import trio

from servers.models.trio import wait_and_compute
from servers.work.coroutines import converse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from servers.protocols import NewStreamHandler

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

    trio.run(_serve, listener, serve_client)


def serve_work_tcp(listener: socket.socket) -> None:
    """Run trio with a task that accepts clients, and one for each, which sleeps while a request waits."""

    async def serve_client(stream: trio.SocketStream) -> None:
        with contextlib.suppress(trio.BrokenResourceError):  # the client reset the connection
            await converse(stream.receive_some, stream.send_all, wait_and_compute)

    trio.run(_serve, listener, serve_client)


async def _serve(listener: socket.socket, serve_client: Callable[[trio.SocketStream], Awaitable[None]]) -> None:
    await trio.serve_listeners(serve_client, [trio.SocketListener(trio.socket.from_stdlib_socket(listener))])
