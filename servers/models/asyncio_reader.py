"""One thread, asyncio event loop with add_reader callbacks.

Represents: tuned: the socket is read and written directly when asyncio's loop calls

There are no transports and no protocols: the callbacks do what a select or epoll loop would do. Strength: nearly as
fast as a bare loop, with all of asyncio available to the rest of the program. Weakness: partial writes, back-pressure
and the end of a connection are left to the program. Over UDP it drains the socket at each call, whereas asyncio's
datagram protocol reads one datagram per turn of the loop.
"""

from __future__ import annotations

import asyncio

from servers import sockets
from servers.connection_set import ConnectionSet
from servers.datagrams import drain
from servers.work.connection_set import WorkConnections
from servers.work.datagrams import WorkDatagrams

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler
    from servers.work.protocol import Request


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop that watches the listener."""
    asyncio.run(_accept_clients(lambda: LoopConnections(listener, new_handler)))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop that watches the socket."""
    asyncio.run(_answer_datagrams(sock, new_handler))


class LoopConnections(ConnectionSet):
    """The connections, watched by the event loop."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener, new_handler)
        self.loop = asyncio.get_running_loop()

    def watch_readable(self, fd: int) -> None:
        """Call a method when there is something to read."""
        if fd == self.listener_fd:
            self.loop.add_reader(fd, self.accept_one)
        else:
            self.loop.remove_writer(fd)
            self.loop.add_reader(fd, self.answer, fd)

    def watch_writable(self, fd: int) -> None:
        """Call ``flush`` when there is space in the send buffer."""
        self.loop.remove_reader(fd)
        self.loop.add_writer(fd, self.flush, fd)

    def unregister(self, fd: int) -> None:
        """Remove both callbacks."""
        self.loop.remove_reader(fd)
        self.loop.remove_writer(fd)

    def pause_accepting(self) -> None:
        """Let clients wait in the backlog, and try again after a pause."""
        super().pause_accepting()
        self.loop.call_later(sockets.ACCEPT_RETRY_S, self.resume_accepting)


async def _accept_clients(new_connections: Callable[[], LoopConnections]) -> None:
    new_connections().resume_accepting()
    await asyncio.get_running_loop().create_future()  # run until killed


async def _answer_datagrams(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, drain, sock, new_handler().feed)
    await loop.create_future()  # run until killed


class LoopWorkConnections(WorkConnections, LoopConnections):
    """The connections, for requests that wait by the timers of the event loop."""

    def start_timer(self, delay_s: float, fd: int, request: Request) -> asyncio.TimerHandle:
        """Start a timer of the loop."""
        return self.loop.call_later(delay_s, self.end_wait, fd, request)

    def cancel_timer(self, timer: asyncio.TimerHandle) -> None:
        """Cancel it."""
        timer.cancel()


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a loop that watches the listener, and calls back when a wait is over."""
    asyncio.run(_accept_clients(lambda: LoopWorkConnections(listener)))


def serve_work_udp(sock: socket.socket) -> None:
    """Run a loop that watches the socket, and calls back when a wait is over."""
    asyncio.run(_answer_work(sock))


class LoopDatagrams(WorkDatagrams):
    """The datagrams of all peers, which wait by the timers of the event loop."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.loop = asyncio.get_running_loop()

    def start_timer(self, delay_s: float, request: Request, peer: Any) -> None:
        """Start a timer of the loop."""
        self.loop.call_later(delay_s, self.end_wait, request, peer)


async def _answer_work(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    loop.add_reader(sock, LoopDatagrams(sock).receive)
    await loop.create_future()  # run until killed
