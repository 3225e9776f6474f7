"""One thread, all connections: poll.

Represents: tuned: descriptors in plain tables, one buffer size for all reads

Like select, but without its limit of 1024 descriptors. The process keeps the list of watched connections and passes it
to the kernel in each call. Strengths: any number of connections, on every Unix. Weakness: the cost of a wake-up still
grows with all connections, not with the active ones; from a few hundred on, epoll is better.
"""

from __future__ import annotations

import select

from servers.connection_set import ConnectionSet
from servers.datagrams import drain
from servers.work.connection_set import WorkConnections
from servers.work.datagrams import WorkDatagrams
from servers.work.timers import poll_timeout_ms

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait for connections with something to read, and answer them at once."""
    poller = select.poll()
    connections = PollConnections(listener, new_handler, poller)
    connections.resume_accepting()
    poll, serve_ready, acceptor = poller.poll, connections.serve_ready, connections.acceptor
    while True:
        timeout_s = connections.retry_accepting() if acceptor.out_of_fds else None
        serve_ready([fd for fd, _ in poll(None if timeout_s is None else 1000 * timeout_s + 1)])


class PollConnections(ConnectionSet):
    """The connections, watched by a poll object."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler, poller: select.poll) -> None:
        super().__init__(listener, new_handler)
        self.poller = poller

    def watch_readable(self, fd: int) -> None:
        """Register a descriptor for input, or change its registration."""
        self.poller.register(fd, select.POLLIN)

    def watch_writable(self, fd: int) -> None:
        """Change its registration to output."""
        self.poller.register(fd, select.POLLOUT)

    def unregister(self, fd: int) -> None:
        """Remove its registration."""
        self.poller.unregister(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams and answer all that have arrived."""
    sock.setblocking(False)
    feed = new_handler().feed
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    while True:
        poller.poll()
        drain(sock, feed)


class PollWorkConnections(WorkConnections, PollConnections):
    """The connections, for requests that wait."""


def serve_work_tcp(listener: socket.socket) -> None:
    """Wait for connections with something to read or for the next timer, which poll rounds up to the next ms."""
    poller = select.poll()
    connections = PollWorkConnections(listener, poller)
    connections.resume_accepting()
    while True:
        connections.serve_ready([fd for fd, _ in poller.poll(poll_timeout_ms(connections.timeout_s()))])
        connections.serve_due()


def serve_work_udp(sock: socket.socket) -> None:
    """Wait for datagrams or for the next timer."""
    datagrams = WorkDatagrams(sock)
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    while True:
        if poller.poll(poll_timeout_ms(datagrams.timers.timeout_s())):
            datagrams.receive()
        datagrams.serve_due()
