"""One thread, all connections: level-triggered epoll.

Represents: tuned: descriptors in plain tables, one buffer size for all reads

The kernel keeps the list of watched connections and returns those that are ready, so idle connections do not make a
wake-up more expensive. Strengths: it scales to thousands of connections; most event loops on Linux use it. Weaknesses:
Linux only; each change of what is watched is a system call. Level-triggered: data that was not read is reported again,
which is simple and hard to get wrong.
"""

from __future__ import annotations

import select

from servers.connection_set import ConnectionSet
from servers.datagrams import drain
from servers.work.connection_set import WorkConnections
from servers.work.datagrams import WorkDatagrams
from servers.work.timers import epoll_timeout_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait for connections with something to read, and answer them at once."""
    with select.epoll() as poller:
        connections = EpollConnections(listener, new_handler, poller)
        connections.resume_accepting()
        poll, serve_ready, acceptor = poller.poll, connections.serve_ready, connections.acceptor
        while True:
            # PyPy does not accept None
            timeout_s = (connections.retry_accepting() or -1) if acceptor.out_of_fds else -1
            serve_ready([fd for fd, _ in poll(timeout_s)])


class EpollConnections(ConnectionSet):
    """The connections, watched by an epoll object."""

    readable = select.EPOLLIN
    writable = select.EPOLLOUT

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler, poller: select.epoll) -> None:
        super().__init__(listener, new_handler)
        self.poller = poller

    def watch_readable(self, fd: int) -> None:
        """Register a descriptor for input, or change its registration."""
        if fd in self.flushing:
            self.poller.modify(fd, self.readable)
        else:
            self.poller.register(fd, self.readable)

    def watch_writable(self, fd: int) -> None:
        """Change its registration to output."""
        self.poller.modify(fd, self.writable)

    def unregister(self, fd: int) -> None:
        """Remove its registration."""
        self.poller.unregister(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams and answer all that have arrived."""
    sock.setblocking(False)
    feed = new_handler().feed
    with select.epoll() as poller:
        poller.register(sock, select.EPOLLIN)
        while True:
            poller.poll()
            drain(sock, feed)


class EpollWorkConnections(WorkConnections, EpollConnections):
    """The connections, for requests that wait."""


def serve_work_tcp(listener: socket.socket) -> None:
    """Wait for connections with something to read or for the next timer, which epoll rounds up to the next ms."""
    with select.epoll() as poller:
        connections = EpollWorkConnections(listener, poller)
        connections.resume_accepting()
        while True:
            connections.serve_ready([fd for fd, _ in poller.poll(epoll_timeout_s(connections.timeout_s()))])
            connections.serve_due()


def serve_work_udp(sock: socket.socket) -> None:
    """Wait for datagrams or for the next timer."""
    datagrams = WorkDatagrams(sock)
    with select.epoll() as poller:
        poller.register(sock, select.EPOLLIN)
        while True:
            if poller.poll(epoll_timeout_s(datagrams.timers.timeout_s())):
                datagrams.receive()
            datagrams.serve_due()
