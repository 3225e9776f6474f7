"""One thread, all connections: select.

Represents: tuned: the list of descriptors is kept between the calls

Strengths: no thread or process per client, no locks, state in plain variables. Weaknesses: each call passes all
connections to the kernel, so idle connections make a wake-up more expensive; one long computation delays every client.
select cannot watch descriptors above 1023, so clients beyond about a thousand wait in the backlog. Over UDP there is
only one socket to watch, which shows the cost of the additional call.
"""

from __future__ import annotations

import select

from servers.connection_set import ConnectionSet
from servers.datagrams import drain
from servers.log import Tally
from servers.work.connection_set import WorkConnections
from servers.work.datagrams import WorkDatagrams

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

FD_SETSIZE = 1024  # first descriptor that select cannot watch; fixed at build time of the C library
MAX_TCP_CLIENTS = 1000  # approximately: FD_SETSIZE minus the few descriptors that every process has


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait for connections with something to read, and answer them at once."""
    connections = SelectConnections(listener, new_handler)
    connections.resume_accepting()
    serve_ready, acceptor = connections.serve_ready, connections.acceptor
    reading, flushing = connections.reading, connections.flushing
    while True:
        timeout_s = connections.retry_accepting() if acceptor.out_of_fds else None
        readable, writable, _ = select.select(reading, flushing, (), timeout_s)
        serve_ready(readable)
        if writable:
            serve_ready(writable)


class SelectConnections(ConnectionSet):
    """The connections, as the collections ``reading`` and ``flushing`` for select."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener, new_handler)
        # A list of descriptors: select copies any other collection, and calls fileno of each socket. A call with 64
        # descriptors takes 5.6 us; with a dict 6.0, with a list of sockets 10.4.
        self.reading: list[int] = []
        self.max_connections = FD_SETSIZE  # an upper bound; the actual number is known once it is reached
        self.at_capacity = Tally(f"select cannot watch descriptors above {FD_SETSIZE - 1}; clients wait in the backlog")

    def watch_readable(self, fd: int) -> None:
        """Add a descriptor to the list."""
        if fd == self.listener_fd:
            self.reading.insert(0, fd)
        else:
            self.reading.append(fd)

    def watch_writable(self, fd: int) -> None:
        """Remove a descriptor from the list; it is in ``flushing``."""
        self.reading.remove(fd)

    def unregister(self, fd: int) -> None:
        """Remove a descriptor from the list, if present."""
        if fd not in self.flushing:
            self.reading.remove(fd)

    def accept_one(self) -> int | None:
        """Accept one connection, and pause when select cannot watch any more."""
        fd = super().accept_one()
        if fd == FD_SETSIZE - 1:  # the kernel assigns the lowest free number, so this was the last one
            self.max_connections = len(self.connections)
        if fd is not None and len(self.connections) == self.max_connections:
            self.at_capacity.add()
            self.pause_accepting()
        return fd


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams and answer all that have arrived."""
    sock.setblocking(False)
    feed = new_handler().feed
    watched = (sock,)
    while True:
        select.select(watched, (), ())
        drain(sock, feed)


class SelectWorkConnections(WorkConnections, SelectConnections):
    """The connections, for requests that wait."""


def serve_work_tcp(listener: socket.socket) -> None:
    """Wait for connections with something to read or for the next timer, whose resolution is that of the kernel."""
    connections = SelectWorkConnections(listener)
    connections.resume_accepting()
    while True:
        readable, writable, _ = select.select(connections.reading, connections.flushing, (), connections.timeout_s())
        connections.serve_ready(readable)
        connections.serve_ready(writable)
        connections.serve_due()


def serve_work_udp(sock: socket.socket) -> None:
    """Wait for datagrams or for the next timer."""
    datagrams = WorkDatagrams(sock)
    watched = (sock,)
    while True:
        if select.select(watched, (), (), datagrams.timers.timeout_s())[0]:
            datagrams.receive()
        datagrams.serve_due()
