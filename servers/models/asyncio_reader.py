"""One thread, one event loop that calls back when a socket can be read; no transports, no protocols.

``loop.add_reader`` and what select or epoll by hand would do then. Good: next to the speed of a bare loop, with the
whole of asyncio beside it for whatever else a program waits for. Bad: partial writes, back-pressure and the end of a
connection are the program's own affair. Over UDP it drains the socket at each call, where asyncio's datagram protocol
takes one datagram a turn of the loop.
"""

from __future__ import annotations

import asyncio

from servers import sockets
from servers.connection_set import Crowd
from servers.datagrams import drain

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the loop with the listener in it."""
    asyncio.run(_accept(listener, new_handler))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with the socket in it."""
    asyncio.run(_answer(sock, new_handler))


class Called(Crowd):
    """The connections that the loop watches."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener, new_handler)
        self.loop = asyncio.get_running_loop()

    def watch(self, fd: int) -> None:
        """Have the loop call when there is something to read."""
        if fd == self.entrance:
            self.loop.add_reader(fd, self.admit)
        else:
            self.loop.remove_writer(fd)
            self.loop.add_reader(fd, self.answer, fd)

    def watch_room(self, fd: int) -> None:
        """Have the loop call when there is room to write."""
        self.loop.remove_reader(fd)
        self.loop.add_writer(fd, self.flush, fd)

    def unwatch(self, fd: int) -> None:
        """Have the loop forget it."""
        self.loop.remove_reader(fd)
        self.loop.remove_writer(fd)

    def close_entrance(self) -> None:
        """Let clients wait in the backlog, and look again after a while."""
        super().close_entrance()
        self.loop.call_later(sockets.RETRY_S, self.open_entrance)


async def _accept(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    Called(listener, new_handler).open_entrance()
    await asyncio.get_running_loop().create_future()  # for ever


async def _answer(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, drain, sock, new_handler().feed)
    await loop.create_future()  # for ever
