"""One thread, asyncio event loop with protocol callbacks.

epoll reports which connections are ready, and asyncio calls a protocol object for each. Strengths: little memory per
connection; the cost of a wake-up depends on the active connections, not on all; other work of the program can use the
same loop. Weaknesses: one long computation delays every client, and transports and callbacks cost more per short
request than a bare select loop does for few connections.
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


# asyncio reads 256 KiB at a time, for which glibc may map and unmap memory in each call. Over UDP this caused two page
# faults per datagram and 2.3 times the CPU time (64 bytes, median of 31 rounds).
RECV_BYTES = 65_536


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a loop that watches the listener."""
    asyncio.run(accept_clients(listener, lambda: ClientProtocol(new_handler())))


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a loop that watches the socket."""
    asyncio.run(answer_datagrams(sock, lambda: PeersProtocol(sock, new_handler)))


class ClientProtocol(asyncio.Protocol):
    """One connection.

    When the client closes its side, asyncio sends the remaining data and closes.
    """

    transport: asyncio.Transport

    def __init__(self, handler: StreamHandler) -> None:
        self.handler = handler

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        transport.max_size = RECV_BYTES  # type: ignore[attr-defined]
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def data_received(self, data: bytes) -> None:
        """Reply, and close after the last reply."""
        self.transport.write(self.handler.feed(data))
        if self.handler.done:
            self.transport.close()

    def pause_writing(self) -> None:
        """Stop reading while the client does not read: its replies would accumulate."""
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again: the client has read its replies."""
        self.transport.resume_reading()


class PeersProtocol(asyncio.DatagramProtocol):
    """All peers of the socket."""

    transport: asyncio.DatagramTransport

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        self.sock = sock
        self.blocked = False
        self.feed = new_handler().feed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        transport.max_size = RECV_BYTES  # type: ignore[attr-defined]
        self.transport = transport  # type: ignore[assignment]  # it has the same methods, but is not a subclass

    def datagram_received(self, datagram: bytes, peer: Any) -> None:
        """Send the reply, if any."""
        reply = self.feed(datagram)
        if self.blocked:
            sockets.unsent_replies.add()
        elif reply:
            self.transport.sendto(reply, peer)
        elif reply is not None:  # an empty datagram, which the transport does not send up to Python 3.12
            try:
                self.sock.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()

    def pause_writing(self) -> None:
        """Drop replies while the send buffer is full.

        asyncio would queue them without limit.
        """
        self.blocked = True

    def resume_writing(self) -> None:
        """Send replies again."""
        self.blocked = False

    def error_received(self, _: Exception) -> None:
        """Count a reply that could not be sent."""
        sockets.unsent_replies.add()


async def accept_clients(listener: socket.socket, new_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
    """Accept clients without asyncio's own server.

    new_protocol: creates the protocol object of a connection.

    asyncio's server calls listen again with its own backlog. Without free descriptors it logs a traceback for each of
    ``backlog`` attempts (at least up to Python 3.12).
    """
    loop = asyncio.get_running_loop()
    acceptor = sockets.Acceptor(listener)
    starting: set[asyncio.Future[Any]] = set()  # the loop itself keeps only weak references to tasks

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
    await loop.create_future()  # run until killed


async def answer_datagrams(sock: socket.socket, new_protocol: Callable[[], asyncio.DatagramProtocol]) -> None:
    """Answer datagrams of all peers."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    await loop.create_datagram_endpoint(new_protocol, sock=sock)
    await loop.create_future()  # run until killed
