"""Several processes, one socket each on the same port; each runs the epoll model.

Represents: tuned: as the epoll model, with a listener for each worker

With SO_REUSEPORT the kernel chooses a socket by the client's address, per connection or per datagram. Strengths:
several CPUs, no worker takes another's clients, and no lock on a common accept queue. Weaknesses: the distribution is
random, so with few clients some workers get twice as many as others; a client in the queue of a busy worker is not
served by an idle one.
"""

from __future__ import annotations

from servers import runtime, sockets
from servers.models import epoll, iterative
from servers.worker_pool import supervise_workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

PARALLEL = True
MAX_UDP_WAITS = 1  # per process: see the iterative model
REUSEPORT = True


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run each worker on its own listener.

    The listener stays open for the worker that replaces it.
    """
    listeners = _one_per_worker(listener)
    supervise_workers(lambda index: epoll.serve_tcp(listeners[index], new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run each worker on its own socket.

    The socket stays open for the worker that replaces it.
    """
    socks = _one_per_worker(sock)
    supervise_workers(lambda index: iterative.serve_udp(socks[index], new_handler))


def serve_work_tcp(listener: socket.socket) -> None:
    """Run each worker on its own listener; requests wait as in the epoll model."""
    listeners = _one_per_worker(listener)
    supervise_workers(lambda index: epoll.serve_work_tcp(listeners[index]))


def serve_work_udp(sock: socket.socket) -> None:
    """Run each worker on its own socket; it waits for one datagram at a time."""
    socks = _one_per_worker(sock)
    supervise_workers(lambda index: iterative.serve_work_udp(socks[index]))


def _one_per_worker(sock: socket.socket) -> list[socket.socket]:
    return [sock, *(sockets.clone_reuseport(sock) for _ in range(runtime.workers - 1))]
