"""One thread, one event loop, a coroutine for each client that reads and writes streams.

What asyncio's documents show first. Good: a conversation reads from top to bottom, as in a thread, and thousands of
them cost little memory. Bad: between the socket and ``await reader.read()`` lie a buffer, a future and a task's turn,
each of which the protocol class does without. Datagrams are no streams: it serves TCP alone.
"""

from __future__ import annotations

import asyncio

from servers.models.asyncio import RECV_BYTES, accept_clients

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the loop with the listener in it."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler, transport = new_handler(), writer.transport
        transport.max_size = RECV_BYTES  # type: ignore[attr-defined]
        try:
            while not handler.done:
                data = await reader.read(RECV_BYTES)
                if not data:
                    break
                writer.write(handler.feed(data))
                if transport.get_write_buffer_size():  # else it waits for nothing, at the price of two coroutines
                    await writer.drain()
        except OSError:
            pass  # reset by the client: there is nobody to tell
        finally:
            writer.close()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        await accept_clients(
            listener,
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(RECV_BYTES, loop=loop), converse, loop=loop),
        )

    asyncio.run(run())
