"""One thread, asyncio event loop: protocols that read into buffers of their own.

Represents: tuned: reads into a buffer that is kept, by the documented asyncio.BufferedProtocol

It is the asyncio model with another base class. asyncio receives into the buffer that the protocol gives, instead of
asking for 256 KiB of fresh memory at each read. Strength: no page faults and no mmap per request, where the asyncio
model suffers from them. Weaknesses: a buffer for each connection, and one copy of what arrived. TCP only: asyncio has
no such protocol for datagrams, and ``asyncio_reader`` shows what avoids the same cost over UDP.
"""

from __future__ import annotations

import asyncio

from servers.models import asyncio as base
from servers.work.asyncio_protocols import WorkClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewStreamHandler, StreamHandler

MIN_BUFFER_BYTES = 4_096
MAX_BUFFER_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop with asyncio's server."""
    asyncio.run(base.serve_clients(listener, lambda: BufferedClientProtocol(new_handler())))


class BufferedClientProtocol(asyncio.BufferedProtocol):
    """One connection with its buffer, which grows while a client fills it: long messages need large reads."""

    transport: asyncio.Transport

    def __init__(self, handler: StreamHandler) -> None:
        self.handler = handler
        self.buffer = memoryview(bytearray(MIN_BUFFER_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio always asks for 256 KiB or for any size
        """Return the buffer to read into."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Reply to the bytes at the start of the buffer, and close after the last reply.

        They are copied: asyncio may keep a reply that the kernel does not take at once, and the next read would
        overwrite it.
        """
        self.transport.write(self.handler.feed(self.buffer[:nbytes].tobytes()))
        if self.handler.done:
            self.transport.close()
        elif nbytes == len(self.buffer) < MAX_BUFFER_BYTES:
            self.buffer = memoryview(bytearray(4 * nbytes))

    def pause_writing(self) -> None:
        """Stop reading while the client does not read: its replies would accumulate."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again: the client has read its replies."""
        self.transport.resume_reading()


class BufferedWorkProtocol(WorkClient, asyncio.BufferedProtocol):
    """One connection with its buffer, for requests that wait."""

    def __init__(self) -> None:
        super().__init__(base.wait_and_compute)
        self.buffer = memoryview(bytearray(MIN_BUFFER_BYTES))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - as above
        """Return the buffer to read into."""
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take in a copy of the bytes at the start of the buffer."""
        self.receive(self.buffer[:nbytes].tobytes())
        if nbytes == len(self.buffer) < MAX_BUFFER_BYTES:
            self.buffer = memoryview(bytearray(4 * nbytes))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with asyncio's server."""
    asyncio.run(base.serve_clients(listener, BufferedWorkProtocol))
