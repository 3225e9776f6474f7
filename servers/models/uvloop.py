"""The asyncio model on uvloop, an event loop in C based on libuv.

Strengths: the same program with one more line, and the work of the loop is done in C instead of Python. Weaknesses: a
compiled dependency; the rest of a request is still Python; PyPy gains nothing from it.
"""

from __future__ import annotations

import uvloop

from servers.models import asyncio as base

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "uvloop"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop that watches the listener."""
    uvloop.run(base.accept_clients(listener, lambda: ClientProtocol(new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop that watches the socket."""
    uvloop.run(base.answer_datagrams(sock, lambda: PeersProtocol(sock, new_handler)))


class ClientProtocol(base.ClientProtocol):
    """The asyncio model's protocol without its read size: uvloop chooses its own."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport


class PeersProtocol(base.PeersProtocol):
    """The asyncio model's protocol without its read size: uvloop chooses its own."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # it has the same methods, but is not a subclass
