"""One thread, one event loop that calls back when a socket can be read; no transports, no protocols.

``loop.add_reader`` and what select or epoll by hand would do then. Good: next to the speed of a bare loop, with the
whole of asyncio beside it for whatever else a program waits for. Bad: partial writes, back-pressure and the end of a
connection are the program's own affair. Over UDP it drains the socket at each call, where asyncio's datagram protocol
takes one datagram a turn of the loop.
"""

from __future__ import annotations

import asyncio

from servers import sockets
from servers.connection_set import ConnectionSet
from servers.datagrams import drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the loop with the listener in it."""
    asyncio.run(_accept_clients(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with the socket in it."""
    asyncio.run(_answer_datagrams(sock, new_handler))


class LoopConnections(ConnectionSet):
    """The connections that the loop watches."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener, new_handler)
        self.loop = asyncio.get_running_loop()

    def watch_readable(self, fd: int) -> None:
        """Have the loop call when there is something to read."""
        if fd == self.listener_fd:
            self.loop.add_reader(fd, self.accept_one)
        else:
            self.loop.remove_writer(fd)
            self.loop.add_reader(fd, self.answer, fd)

    def watch_writable(self, fd: int) -> None:
        """Have the loop call when there is room to write."""
        self.loop.remove_reader(fd)
        self.loop.add_writer(fd, self.flush, fd)

    def unregister(self, fd: int) -> None:
        """Have the loop forget it."""
        self.loop.remove_reader(fd)
        self.loop.remove_writer(fd)

    def pause_accepting(self) -> None:
        """Let clients wait in the backlog, and look again after a while."""
        super().pause_accepting()
        self.loop.call_later(sockets.ACCEPT_RETRY_S, self.resume_accepting)


async def _accept_clients(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    LoopConnections(listener, new_handler).resume_accepting()
    await asyncio.get_running_loop().create_future()  # for ever


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, drain, sock, new_handler().feed)
    await loop.create_future()  # for ever
