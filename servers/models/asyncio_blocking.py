"""The asyncio model with a handler that blocks: it sleeps and computes in the event loop.

Represents: a common mistake: a blocking call in a coroutine, e.g. time.sleep, requests.get or a database driver

The coroutine looks as if it awaited, but while it sleeps nobody else is served: N clients wait N times as long as one.
It differs from the asyncio model only in ``work``, which is therefore the only protocol that it serves.
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

MAX_TCP_WAITS = 1
MAX_UDP_WAITS = 1


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop with asyncio's server."""
    asyncio.run(base.serve_clients(listener, lambda: WorkClientProtocol(block_and_compute)))


def serve_work_udp(sock: socket.socket) -> None:
    """Run a loop with a datagram endpoint."""
    asyncio.run(base.answer_datagrams(sock, lambda: WorkPeersProtocol(block_and_compute)))


async def block_and_compute(request: Request) -> None:
    """Sleep and compute in the loop."""
    blocking.wait_and_compute(request)
