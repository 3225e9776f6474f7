"""Several processes, each with a socket of its own on the same port (SO_REUSEPORT); each one runs the epoll model.

The kernel chooses a socket by the client's address when a connection begins or a datagram comes. Good: several CPUs,
no worker takes another's clients, no lock on one accept queue. Bad: chance spreads the clients, so with few of them
some workers have twice as many as others; whoever waits in the queue of a busy worker is not served by an idle one.
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
REUSEPORT = True


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Keep the workers at work, each on a listener of its own, which stays open for the one that replaces it."""
    listeners = [listener, *(sockets.clone_reuseport(listener) for _ in range(runtime.workers - 1))]
    supervise_workers(lambda index: epoll.serve_tcp(listeners[index], new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Keep the workers at work, each on a socket of its own, which stays open for the one that replaces it."""
    socks = [sock, *(sockets.clone_reuseport(sock) for _ in range(runtime.workers - 1))]
    supervise_workers(lambda index: iterative.serve_udp(socks[index], new_handler))
