"""Several processes share the socket; each one accepts for itself and runs the select model.

Good: uses several CPUs, as each process has an interpreter lock of its own; a crash takes the connections of one
process and spares the others. Bad: memory and start-up time for each process; the kernel does not spread the
connections evenly; clients of different processes share nothing. Over UDP each process runs the loop of the iterative
model on the shared socket.
"""

from __future__ import annotations

from servers.models import iterative, select
from servers.worker_pool import supervise_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

PARALLEL = True
MAX_TCP_CLIENTS = 1000  # of each process, about: as the select model


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Keep the workers at work; this process serves nobody itself."""
    supervise_workers(lambda _: select.serve_tcp(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Keep the workers at work; the kernel gives each datagram to one of them."""
    supervise_workers(lambda _: iterative.serve_udp(sock, new_handler))
