"""Several processes share one socket; over TCP each runs the select model, over UDP it answers in turn.

Represents: tuned: as the select model, in workers that are started again when they exit

Strengths: it uses several CPUs, since each process has its own interpreter lock; a crash breaks the connections of one
process only. Weaknesses: memory and start-up time per process; the kernel does not distribute connections evenly;
clients of different processes share no state. Over UDP each process runs the loop of the iterative model.
"""

from __future__ import annotations

from servers.models import iterative, select
from servers.worker_pool import supervise_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

PARALLEL = True
MAX_UDP_WAITS = 1  # per process: see the iterative model
MAX_TCP_CLIENTS = 1000  # per process, approximately: see the select model


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the workers; this process serves no clients itself."""
    supervise_workers(lambda _: select.serve_tcp(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the workers; the kernel gives each datagram to one of them."""
    supervise_workers(lambda _: iterative.serve_udp(sock, new_handler))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run the workers, whose requests wait as in the select model."""
    supervise_workers(lambda _: select.serve_work_tcp(listener))


def serve_work_udp(sock: socket.socket) -> None:
    """Run the workers, each of which waits for one datagram at a time."""
    supervise_workers(lambda _: iterative.serve_work_udp(sock))
