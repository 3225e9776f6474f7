"""One thread, all connections: select.select tells which ones have something to read.

Good: no thread and no process for a client, no locks, state in plain variables. Bad: each call hands the kernel the
whole list of connections to search, so a wake-up costs more the more of them are idle; it knows no descriptor above
1023, so clients beyond some thousand wait in the backlog; one long computation delays everybody. Over UDP there is one
socket and nothing to choose from: it shows what the extra call costs.
"""

from __future__ import annotations

import select

from servers.connection_set import ConnectionSet
from servers.datagrams import drain
from servers.log import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

FD_SETSIZE = 1024  # the first descriptor that select cannot watch: fixed when the C library was built
MAX_TCP_CLIENTS = 1000  # about: FD_SETSIZE less the few descriptors that a process has anyway


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait until any connection has something to read, answer it at once, wait again."""
    connections = SelectConnections(listener, new_handler)
    connections.resume_accepting()
    listener_fd, answer = connections.listener_fd, connections.answer
    while True:
        timeout_s = connections.retry_accepting() if connections.acceptor.out_of_fds else None
        readable, writable, _ = select.select(connections.reading, connections.flushing, (), timeout_s)
        for fd in readable:
            if fd == listener_fd:
                connections.accept_one()
            else:
                answer(fd)
        for fd in writable:
            connections.flush(fd)


class SelectConnections(ConnectionSet):
    """The connections as two collections, which select gets each time: this list, and those that are flushing."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener, new_handler)
        # A list of descriptors: select copies any other collection first, and asks a socket for its number. With 64 of
        # them a call takes 5.6 us, 6.0 with a dict, 10.4 with a list of sockets.
        self.reading: list[int] = []
        self.max_connections = FD_SETSIZE  # for so many connections: fewer, but how many is known once they are there
        self.at_capacity = Tally(f"select can watch no descriptor above {FD_SETSIZE - 1}; clients wait in the backlog")

    def watch_readable(self, fd: int) -> None:
        """Put it into the list."""
        if fd == self.listener_fd:
            self.reading.insert(0, fd)
        else:
            self.reading.append(fd)

    def watch_writable(self, fd: int) -> None:
        """Take it out of the list: it is among those that are flushing."""
        self.reading.remove(fd)

    def unregister(self, fd: int) -> None:
        """Take it out of the list, if it is there."""
        if fd not in self.flushing:
            self.reading.remove(fd)

    def accept_one(self) -> int | None:
        """Accept one connection, and no more when all descriptors are in use that select can watch."""
        fd = super().accept_one()
        if fd == FD_SETSIZE - 1:  # the kernel gives the lowest number that is free: this was the last one
            self.max_connections = len(self.connections)
        if fd is not None and len(self.connections) == self.max_connections:
            self.at_capacity.add()
            self.pause_accepting()
        return fd


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams, answer all that are there, wait again."""
    sock.setblocking(False)
    feed = new_handler().feed
    watched = (sock,)
    while True:
        select.select(watched, (), ())
        drain(sock, feed)
