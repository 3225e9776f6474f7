"""One thread, asyncio event loop with protocol callbacks.

Represents: as the documentation teaches

epoll reports which connections are ready, and asyncio calls a protocol object for each. Strengths: little memory per
connection; the cost of a wake-up depends on the active connections, not on all; other work of the program can use the
same loop. Weaknesses: one long computation delays every client. At each read asyncio asks for 256 KiB, for which glibc
may map and unmap memory: then a short request costs several times as much. ``asyncio_buffered`` avoids this.

When descriptors run out, asyncio logs a traceback for each attempt to accept, and tries again after a second.
"""

from __future__ import annotations

import asyncio

from servers import sockets
from servers.work.asyncio_protocols import WorkClientProtocol, WorkPeersProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler
    from servers.work.protocol import Request


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop with asyncio's server."""
    asyncio.run(serve_clients(listener, lambda: ClientProtocol(new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop with a datagram endpoint."""
    asyncio.run(answer_datagrams(sock, lambda: PeersProtocol(sock, new_handler)))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with asyncio's server."""
    asyncio.run(serve_clients(listener, lambda: WorkClientProtocol(wait_and_compute)))


def serve_work_udp(sock: socket.socket) -> None:
    """Run a loop with a datagram endpoint."""
    asyncio.run(answer_datagrams(sock, lambda: WorkPeersProtocol(wait_and_compute)))


async def wait_and_compute(request: Request) -> None:
    """Await the end of the wait, during which others are served. The computing delays them."""
    if request.wait_s:
        await asyncio.sleep(request.wait_s)
    request.compute()


class ClientProtocol(asyncio.Protocol):
    """One connection.

    When the client closes its side, asyncio sends the remaining data and closes.
    """

    transport: asyncio.Transport

    def __init__(self, handler: StreamHandler) -> None:
        self.handler = handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def data_received(self, data: bytes) -> None:
        """Reply, and close after the last reply."""
        self.transport.write(self.handler.feed(data))
        if self.handler.done:
            self.transport.close()

    def pause_writing(self) -> None:
        """Stop reading while the client does not read: its replies would accumulate."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again: the client has read its replies."""
        self.transport.resume_reading()


class PeersProtocol(asyncio.DatagramProtocol):
    """All peers of the socket."""

    transport: asyncio.DatagramTransport

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        self.sock = sock
        self.blocked = False
        self.feed = new_handler().feed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # it has the same methods, but is not a subclass

    def datagram_received(self, datagram: bytes, peer: Any) -> None:
        """Send the reply, if any."""
        reply = self.feed(datagram)
        if self.blocked:
            sockets.unsent_replies.add()
        elif reply:
            self.transport.sendto(reply, peer)
        elif reply is not None:  # an empty datagram, which the transport does not send up to Python 3.12
            try:
                self.sock.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()

    def pause_writing(self) -> None:
        """Drop replies while the send buffer is full.

        asyncio would queue them without limit.
        """
        self.blocked = True

    def resume_writing(self) -> None:
        """Send replies again."""
        self.blocked = False

    def error_received(self, _: Exception) -> None:
        """Count a reply that could not be sent."""
        sockets.unsent_replies.add()


async def serve_clients(listener: socket.socket, new_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
    """Serve clients by the running loop's own server, with the backlog that the listener has.

    new_protocol: creates the protocol object of a connection.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(new_protocol, sock=listener, backlog=sockets.backlog(listener))
    await server.serve_forever()


async def answer_datagrams(sock: socket.socket, new_protocol: Callable[[], asyncio.DatagramProtocol]) -> None:
    """Answer datagrams of all peers."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    await loop.create_datagram_endpoint(new_protocol, sock=sock)
    await loop.create_future()  # run until killed
