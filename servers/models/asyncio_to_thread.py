"""The asyncio model with a handler in a thread: ``asyncio.to_thread`` sleeps and computes there.

Represents: as the documentation teaches

It is the usual remedy for a call that blocks. Strength: the loop serves others, whatever the call is. Weaknesses: the
threads are those of the default executor, min(32, CPUs + 4), so no more requests wait at a time; computing that holds
the interpreter lock still delays the loop; and a request costs two switches between threads. The wait of a client that
has left lasts to its end, because a thread cannot be cancelled. Only ``work`` differs from the asyncio model.
"""

from __future__ import annotations

import asyncio

from servers.models import asyncio as base
from servers.work import blocking
from servers.work.asyncio_protocols import WorkClientProtocol, WorkPeersProtocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.work.protocol import Request

MAX_TCP_WAITS = "default executor"
MAX_UDP_WAITS = "default executor"


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with asyncio's server."""
    asyncio.run(base.serve_clients(listener, lambda: WorkClientProtocol(wait_and_compute_in_thread)))


def serve_work_udp(sock: socket.socket) -> None:
    """Run a loop with a datagram endpoint."""
    asyncio.run(base.answer_datagrams(sock, lambda: WorkPeersProtocol(wait_and_compute_in_thread)))


async def wait_and_compute_in_thread(request: Request) -> None:
    """Await a thread that sleeps and computes."""
    await asyncio.to_thread(blocking.wait_and_compute, request)
