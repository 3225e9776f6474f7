"""One thread, asyncio event loop: one coroutine per client, streams.

This is the first example in asyncio's documentation. Strengths: a conversation reads from top to bottom as in a
thread, and thousands of them need little memory. Weakness: between the socket and ``await reader.read()`` there are a
buffer, a future and a turn of the task, which the protocol classes avoid. TCP only: datagrams are not streams.
"""

from __future__ import annotations

import asyncio

from servers.models.asyncio import RECV_BYTES, accept_clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop that watches the listener."""

    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler, transport = new_handler(), writer.transport
        transport.max_size = RECV_BYTES  # type: ignore[attr-defined]
        try:
            while not handler.done:
                data = await reader.read(RECV_BYTES)
                if not data:
                    break
                writer.write(handler.feed(data))
                if transport.get_write_buffer_size():  # otherwise drain has no effect, but costs two coroutines
                    await writer.drain()
        except OSError:
            pass  # the client reset the connection
        finally:
            writer.close()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        await accept_clients(
            listener,
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(RECV_BYTES, loop=loop), serve_client, loop=loop),
        )

    asyncio.run(run())
