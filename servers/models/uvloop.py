"""The asyncio model on uvloop, an event loop in C based on libuv.

Represents: as the documentation teaches

Strengths: the same program with one more line, and the work of the loop is done in C instead of Python. Weaknesses: a
compiled dependency; the rest of a request is still Python; PyPy gains nothing from it.
"""

from __future__ import annotations

import uvloop

from servers.models import asyncio as base
from servers.work.asyncio_protocols import WorkClientProtocol, WorkPeersProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "uvloop"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop with its server."""
    uvloop.run(base.serve_clients(listener, lambda: base.ClientProtocol(new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop with a datagram endpoint."""
    uvloop.run(base.answer_datagrams(sock, lambda: base.PeersProtocol(sock, new_handler)))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with its server."""
    uvloop.run(base.serve_clients(listener, lambda: WorkClientProtocol(base.wait_and_compute)))


def serve_work_udp(sock: socket.socket) -> None:
    """Run a loop with a datagram endpoint."""
    uvloop.run(base.answer_datagrams(sock, lambda: WorkPeersProtocol(base.wait_and_compute)))
