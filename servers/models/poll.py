"""One thread, all connections: poll tells which ones have something to read.

As select, but without its limit of 1024 descriptors: the list of what to watch stays in the process and is handed to
the kernel in each call. Good: any number of connections, and it is there on every Unix. Bad: a wake-up still costs by
all connections, not by those that have something to say; epoll is better from some hundred on.
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
    poller = select.poll()
    connections = PollConnections(listener, new_handler, poller)
    connections.resume_accepting()
    while True:
        timeout_s = connections.retry_accepting() if connections.acceptor.out_of_fds else None
        for fd, event in poller.poll(None if timeout_s is None else 1000 * timeout_s + 1):
            if fd == connections.listener_fd:
                connections.accept_one()
            elif event & select.POLLIN or fd not in connections.flushing:
                connections.answer(fd)
            else:
                connections.flush(fd)


class PollConnections(ConnectionSet):
    """The connections that a poll object watches."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler, poller: select.poll) -> None:
        super().__init__(listener, new_handler)
        self.poller = poller

    def watch_readable(self, fd: int) -> None:
        """Register it, or change what it is registered for."""
        self.poller.register(fd, select.POLLIN)

    def watch_writable(self, fd: int) -> None:
        """Change what it is registered for."""
        self.poller.register(fd, select.POLLOUT)

    def unregister(self, fd: int) -> None:
        """Take it out."""
        self.poller.unregister(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams, answer all that are there, wait again."""
    sock.setblocking(False)
    feed = new_handler().feed
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    while True:
        poller.poll()
        drain(sock, feed)
