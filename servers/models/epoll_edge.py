"""One thread, all connections: epoll, edge-triggered, tells once when something has come.

What is there has to be read to its end, since nobody will tell again. Good: where data comes in while it is read, fewer
wake-ups than level-triggered. Bad: one connection with much to say keeps the others waiting, and a byte that was left
is a connection that hangs. A read that brings less than was asked for has reached the end, so short requests need no
second read; only where the client has closed its side it is read until that is seen.
"""

from __future__ import annotations

import select

from servers.datagrams import drain
from servers.models import epoll

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

EPOLLRDHUP = 0x2000  # of sys/epoll.h; PyPy has no name for it


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait until something has come, answer all of it, wait again."""
    with select.epoll() as poller:
        connections = EdgeConnections(listener, new_handler, poller)
        connections.resume_accepting()
        while True:
            timeout_s = (
                connections.retry_accepting() if connections.acceptor.out_of_fds else None
            ) or -1  # PyPy knows no None there
            for fd, event in poller.poll(timeout_s):
                if fd == connections.listener_fd:
                    connections.accept_all()
                elif event & select.EPOLLIN or fd not in connections.flushing:
                    connections.answer_all(fd, ended=bool(event & EPOLLRDHUP))
                else:
                    connections.flush(fd)


class EdgeConnections(epoll.EpollConnections):
    """The connections, told of once each time. To change what is watched makes epoll look again, so nothing is lost."""

    readable = select.EPOLLIN | EPOLLRDHUP | select.EPOLLET
    writable = select.EPOLLOUT | select.EPOLLET

    def accept_all(self) -> None:
        """Accept every client that is there."""
        while self.accepting and self.accept_one() is not None:
            pass

    def answer_all(self, fd: int, *, ended: bool) -> None:
        """Answer until nothing is left to read, or the client does not take its replies. ended: it will say no more."""
        more = True
        while (more or ended) and fd in self.connections and fd not in self.flushing:
            more = self.answer(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams, answer all that are there, wait again."""
    sock.setblocking(False)
    feed = new_handler().feed
    with select.epoll() as poller:
        poller.register(sock, select.EPOLLIN | select.EPOLLET)
        while True:
            poller.poll()
            drain(sock, feed)
