"""One thread, asyncio event loop: one coroutine per client, streams.

Represents: as the documentation teaches

This is the first example in asyncio's documentation. Strengths: a conversation reads from top to bottom as in a
thread, and thousands of them need little memory. Weaknesses: those of the asyncio model. Between the socket and
``await reader.read()`` there are also a buffer, a future and a turn of the task, which the protocol classes avoid. TCP
only: datagrams are not streams.
"""

from __future__ import annotations

import asyncio

from servers import sockets
from servers.models.asyncio import wait_and_compute
from servers.work.coroutines import converse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from servers.protocols import NewStreamHandler

RECV_BYTES = 65_536  # the default limit of a stream's buffer


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop with asyncio's server for streams."""

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = new_handler()
        try:
            while not handler.done:
                data = await reader.read(RECV_BYTES)
                if not data:
                    break
                writer.write(handler.feed(data))
                await writer.drain()
        except OSError:
            pass  # the client reset the connection
        finally:
            writer.close()

    asyncio.run(_serve(listener, serve_client))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with asyncio's server for streams, whose coroutines await the end of each wait."""

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def send(reply: bytes) -> None:
            writer.write(reply)
            await writer.drain()

        try:
            await converse(reader.read, send, wait_and_compute)
        except OSError:
            pass  # the client reset the connection
        finally:
            writer.close()

    asyncio.run(_serve(listener, serve_client))


async def _serve(
    listener: socket.socket, serve_client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> None:
    server = await asyncio.start_server(serve_client, sock=listener, backlog=sockets.backlog(listener))
    await server.serve_forever()
