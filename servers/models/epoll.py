"""One thread, all connections: epoll, level-triggered, tells which ones have something to read.

The kernel keeps the list of what to watch and answers with those that are ready, so a wake-up costs by the connections
that have something to say, however many are idle. Good: thousands of connections; what nearly every event loop on
Linux stands on. Bad: Linux alone; each change of what to watch is a system call. Level-triggered means that what was
not read to its end is told again: simple, and hard to get wrong.
"""

from __future__ import annotations

import select

from servers.connection_set import ConnectionSet
from servers.datagrams import drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait until any connection has something to read, answer it at once, wait again."""
    with select.epoll() as poller:
        connections = EpollConnections(listener, new_handler, poller)
        connections.resume_accepting()
        while True:
            timeout_s = (
                connections.retry_accepting() if connections.acceptor.out_of_fds else None
            ) or -1  # PyPy knows no None there
            for fd, event in poller.poll(timeout_s):
                if fd == connections.listener_fd:
                    connections.accept_one()
                elif event & select.EPOLLIN or fd not in connections.flushing:
                    connections.answer(fd)
                else:
                    connections.flush(fd)


class EpollConnections(ConnectionSet):
    """The connections that an epoll object watches."""

    readable = select.EPOLLIN
    writable = select.EPOLLOUT

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler, poller: select.epoll) -> None:
        super().__init__(listener, new_handler)
        self.poller = poller

    def watch_readable(self, fd: int) -> None:
        """Register it, or change what it is registered for."""
        if fd in self.flushing:
            self.poller.modify(fd, self.readable)
        else:
            self.poller.register(fd, self.readable)

    def watch_writable(self, fd: int) -> None:
        """Change what it is registered for."""
        self.poller.modify(fd, self.writable)

    def unregister(self, fd: int) -> None:
        """Take it out."""
        self.poller.unregister(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams, answer all that are there, wait again."""
    sock.setblocking(False)
    feed = new_handler().feed
    with select.epoll() as poller:
        poller.register(sock, select.EPOLLIN)
        while True:
            poller.poll()
            drain(sock, feed)
