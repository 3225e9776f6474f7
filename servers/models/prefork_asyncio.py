"""Several processes share the socket, each with an asyncio event loop of its own.

What most Python web servers are when they are told to use several workers. Good: as many CPUs as there are workers,
thousands of connections in each. Bad: memory and start-up time for each process; the kernel does not spread the
connections evenly, since whoever is awake accepts; clients of different processes share nothing.
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
    """Keep the workers at work; this process serves nobody itself."""
    supervise_workers(lambda _: asyncio.serve_tcp(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Keep the workers at work; the kernel gives each datagram to one of them."""
    supervise_workers(lambda _: asyncio.serve_udp(sock, new_handler))
