"""asyncio's protocols on uvloop, an event loop in C that stands on libuv (as Node.js does).

Good: the same program as for asyncio, with one line more, and the loop's own work in C instead of Python. Bad: a
compiled dependency, and what is left of a request is Python all the same; PyPy gains nothing by it.
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
    """Run the loop with the listener in it."""
    uvloop.run(base.accept_clients(listener, lambda: ClientProtocol(new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with the socket in it."""
    uvloop.run(base.answer_datagrams(sock, lambda: PeersProtocol(sock, new_handler)))


class ClientProtocol(base.ClientProtocol):
    """As asyncio's; how much to read at a time is uvloop's own affair."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to reply."""
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport


class PeersProtocol(base.PeersProtocol):
    """As asyncio's; how much to read at a time is uvloop's own affair."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to reply."""
        self.transport = transport  # type: ignore[assignment]  # it is one, though not a subclass of it
