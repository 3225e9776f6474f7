"""One thread, one event loop: epoll tells what is ready, asyncio calls a protocol object.

Good: thousands of connections for little memory each, and a wake-up costs by those that are active, not by all; what
else the program waits for fits into the same loop. Bad: one long computation delays everybody, and the general
machinery of transports and callbacks costs more for a short request than a bare select does for few connections.
"""

from __future__ import annotations

import asyncio

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler


# asyncio asks for 256 KiB at a time, for which glibc may map and unmap memory in each call: over UDP that made two page
# faults a datagram and 2.3 times the CPU time (64 bytes, median of 31 rounds).
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the loop with the listener in it."""
    asyncio.run(accept_clients(listener, lambda: ClientProtocol(new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the loop with the socket in it."""
    asyncio.run(answer_datagrams(sock, lambda: PeersProtocol(sock, new_handler)))


class ClientProtocol(asyncio.Protocol):
    """One connection. When the client ends its side, asyncio sends what is left and closes."""

    transport: asyncio.Transport

    def __init__(self, handler: StreamHandler) -> None:
        self.handler = handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to reply."""
        transport.max_size = RECV_BYTES  # type: ignore[attr-defined]
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def data_received(self, data: bytes) -> None:
        """Reply; after the last reply close."""
        self.transport.write(self.handler.feed(data))
        if self.handler.done:
            self.transport.close()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read: its replies would pile up here."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self.transport.resume_reading()


class PeersProtocol(asyncio.DatagramProtocol):
    """All peers of the one socket."""

    transport: asyncio.DatagramTransport

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        self.sock = sock
        self.blocked = False
        self.feed = new_handler().feed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to reply."""
        transport.max_size = RECV_BYTES  # type: ignore[attr-defined]
        self.transport = transport  # type: ignore[assignment]  # it is one, though not a subclass of it

    def datagram_received(self, datagram: bytes, peer: Any) -> None:
        """Reply, if there is a reply."""
        reply = self.feed(datagram)
        if self.blocked:
            sockets.unsent_replies.add()
        elif reply:
            self.transport.sendto(reply, peer)
        elif reply is not None:  # the empty datagram, which the transport of Python 3.12 and older does not send
            try:
                self.sock.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()

    def pause_writing(self) -> None:
        """Drop replies while the kernel takes none: asyncio would keep them without limit."""
        self.blocked = True

    def resume_writing(self) -> None:
        """Go on."""
        self.blocked = False

    def error_received(self, _: Exception) -> None:
        """Count what the socket refused to send."""
        sockets.unsent_replies.add()


async def accept_clients(listener: socket.socket, new_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
    """Accept with our own loop, not with asyncio's server. new_protocol: of each connection.

    Without descriptors that one (up to Python 3.12 at least) logs a traceback for each of ``backlog`` attempts, and it
    calls listen again with a backlog of its own.
    """
    loop = asyncio.get_running_loop()
    acceptor = sockets.Acceptor(listener)
    starting: set[asyncio.Future[Any]] = set()  # the loop itself holds its tasks by weak references only

    def accept_ready() -> None:
        while True:
            conn = acceptor.accept()
            if conn is None:
                break
            task = loop.create_task(loop.connect_accepted_socket(new_protocol, conn))
            starting.add(task)
            task.add_done_callback(starting.discard)
        if acceptor.out_of_fds:
            loop.remove_reader(listener)
            loop.call_later(sockets.ACCEPT_RETRY_S, loop.add_reader, listener, accept_ready)

    listener.setblocking(False)
    loop.add_reader(listener, accept_ready)
    await loop.create_future()  # for ever


async def answer_datagrams(sock: socket.socket, new_protocol: Callable[[], asyncio.DatagramProtocol]) -> None:
    """Answer all peers of a socket."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    await loop.create_datagram_endpoint(new_protocol, sock=sock)
    await loop.create_future()  # for ever
