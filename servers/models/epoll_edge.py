"""One thread, all connections: edge-triggered epoll.

New data is reported only once, so a connection has to be read until it is empty. Strength: fewer wake-ups than
level-triggered epoll where data arrives while it is read. Weaknesses: one busy connection delays the others, and a
connection that is not read completely hangs. A read that returns less than requested has emptied the connection, so
short requests need no second read. Only after the client has closed its side is the connection read until its end.
"""

from __future__ import annotations

import select

from servers.datagrams import drain
from servers.models import epoll

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

EPOLLRDHUP = 0x2000  # from sys/epoll.h; select has no such name under PyPy


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait for new data, and answer all of it."""
    with select.epoll() as poller:
        connections = EdgeConnections(listener, new_handler, poller)
        connections.resume_accepting()
        while True:
            timeout_s = (
                connections.retry_accepting() if connections.acceptor.out_of_fds else None
            ) or -1  # PyPy does not accept None
            for fd, event in poller.poll(timeout_s):
                if fd == connections.listener_fd:
                    connections.accept_all()
                elif event & select.EPOLLIN or fd not in connections.flushing:
                    connections.answer_all(fd, ended=bool(event & EPOLLRDHUP))
                else:
                    connections.flush(fd)


class EdgeConnections(epoll.EpollConnections):
    """The connections, reported once per arrival of data.

    A change of registration makes epoll check for data again, so nothing is missed.
    """

    readable = select.EPOLLIN | EPOLLRDHUP | select.EPOLLET
    writable = select.EPOLLOUT | select.EPOLLET

    def accept_all(self) -> None:
        """Accept every client in the backlog."""
        while self.accepting and self.accept_one() is not None:
            pass

    def answer_all(self, fd: int, *, ended: bool) -> None:
        """Answer until nothing is left to read or the send buffer is full.

        ended: the client has closed its side.
        """
        more = True
        while (more or ended) and fd in self.connections and fd not in self.flushing:
            more = self.answer(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams and answer all that have arrived."""
    sock.setblocking(False)
    feed = new_handler().feed
    with select.epoll() as poller:
        poller.register(sock, select.EPOLLIN | select.EPOLLET)
        while True:
            poller.poll()
            drain(sock, feed)
