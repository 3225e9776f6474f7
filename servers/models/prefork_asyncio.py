"""Several processes share one socket; each runs the asyncio model.

Represents: tuned: as the asyncio model, in workers that are started again when they exit

This is how most Python web servers use several workers. Strengths: as many CPUs as workers, and thousands of
connections in each. Weaknesses: memory and start-up time per process; connections are not distributed evenly, since
any worker that is awake accepts them; clients of different processes share no state.
"""

from __future__ import annotations

from servers.models import asyncio
from servers.worker_pool import supervise_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

PARALLEL = True


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the workers; this process serves no clients itself."""
    supervise_workers(lambda _: asyncio.serve_tcp(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the workers; the kernel gives each datagram to one of them."""
    supervise_workers(lambda _: asyncio.serve_udp(sock, new_handler))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run the workers, whose requests wait as in the asyncio model."""
    supervise_workers(lambda _: asyncio.serve_work_tcp(listener))


def serve_work_udp(sock: socket.socket) -> None:
    """Run the workers, whose requests wait as in the asyncio model."""
    supervise_workers(lambda _: asyncio.serve_work_udp(sock))
