"""One thread, all connections: edge-triggered epoll.

Represents: tuned: a short read ends a turn, and only the connections are edge-triggered

New data is reported only once, so a connection has to be read until it is empty. Strength: fewer wake-ups than
level-triggered epoll where data arrives while it is read. Weaknesses: one busy connection delays the others, and a
connection that is not read completely hangs. A read that returns less than requested has emptied the connection, so
short requests need no second read. Only after the client has closed its side is the connection read until its end.
The listener is level-triggered: otherwise each client would cost one more accept, which fails.
"""

from __future__ import annotations

import select

from servers.datagrams import drain
from servers.models import epoll
from servers.work.connection_set import WorkConnections
from servers.work.datagrams import WorkDatagrams
from servers.work.timers import epoll_timeout_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

EPOLLRDHUP = 0x2000  # from sys/epoll.h; select has no such name under PyPy


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait for new data, and answer all of it."""
    readable, ended = select.EPOLLIN, EPOLLRDHUP
    with select.epoll() as poller:
        connections = EdgeConnections(listener, new_handler, poller)
        connections.resume_accepting()
        listener_fd, acceptor, flushing = connections.listener_fd, connections.acceptor, connections.flushing
        poll, answer = poller.poll, connections.answer
        while True:
            # PyPy does not accept None
            timeout_s = (connections.retry_accepting() or -1) if acceptor.out_of_fds else -1
            for fd, event in poll(timeout_s):
                if fd == listener_fd:
                    connections.accept_one()
                elif event == readable:  # nearly always; the other cases cost two more comparisons
                    if answer(fd):
                        connections.answer_rest(fd, ended=False)
                elif event & readable or fd not in flushing:
                    if answer(fd) or event & ended:
                        connections.answer_rest(fd, ended=bool(event & ended))
                else:
                    connections.flush(fd)


class EdgeConnections(epoll.EpollConnections):
    """The connections, reported once per arrival of data.

    A change of registration makes epoll check for data again, so nothing is missed.
    """

    writable = select.EPOLLOUT | select.EPOLLET

    def watch_readable(self, fd: int) -> None:
        """Register a descriptor for input, or change its registration. Clients to accept are reported repeatedly."""
        if fd == self.listener_fd:
            self.poller.register(fd, select.EPOLLIN)
        elif fd in self.flushing:
            self.poller.modify(fd, select.EPOLLIN | EPOLLRDHUP | select.EPOLLET)
        else:
            self.poller.register(fd, select.EPOLLIN | EPOLLRDHUP | select.EPOLLET)

    def answer_rest(self, fd: int, *, ended: bool) -> None:
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


class EdgeWorkConnections(WorkConnections, EdgeConnections):
    """The connections, for requests that wait."""

    def answer_rest(self, fd: int, *, ended: bool) -> None:
        """Read until nothing is left, or until a request waits and enough others are queued.

        A connection that is not watched is reported again once it is.
        """
        more = True
        while (more or ended) and fd in self.connections and fd not in self.flushing and fd not in self.unwatched:
            more = self.answer(fd)


def serve_work_tcp(listener: socket.socket) -> None:
    """Wait for new data or for the next timer, which epoll rounds up to the next ms."""
    readable, ended = select.EPOLLIN, EPOLLRDHUP
    with select.epoll() as poller:
        connections = EdgeWorkConnections(listener, poller)
        connections.resume_accepting()
        while True:
            for fd, event in poller.poll(epoll_timeout_s(connections.timeout_s())):
                if fd == connections.listener_fd:
                    connections.accept_one()
                elif event & readable or fd not in connections.flushing:
                    if connections.answer(fd) or event & ended:
                        connections.answer_rest(fd, ended=bool(event & ended))
                else:
                    connections.flush(fd)
            connections.serve_due()


def serve_work_udp(sock: socket.socket) -> None:
    """Wait for datagrams or for the next timer.

    After a timer, there may be nothing to read. Finding that out costs one call.
    """
    datagrams = WorkDatagrams(sock)
    with select.epoll() as poller:
        poller.register(sock, select.EPOLLIN | select.EPOLLET)
        while True:
            poller.poll(epoll_timeout_s(datagrams.timeout_s()))
            datagrams.receive()
            datagrams.serve_due()
