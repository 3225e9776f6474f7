"""One thread, Twisted's reactor on epoll: one protocol object per client.

Represents: as the documentation teaches

This is the event loop that asyncio's protocols were modelled on. Strength: twenty years of protocols and of handling
errors. Weakness: more Python between the socket and the protocol than in asyncio.

When descriptors run out, Twisted closes the connections of waiting clients instead of leaving them in the backlog.
"""

from __future__ import annotations

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from zope.interface import implementer

from servers import sockets
from servers.work.conversation import Conversation
from servers.work.datagrams import DatagramBudget
from servers.work.protocol import parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler
    from servers.work.protocol import Request

NEEDS = "twisted"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run a reactor with a port for the listener."""
    listener.setblocking(False)
    factory = Factory.forProtocol(lambda: ClientProtocol(new_handler))
    reactor.adoptStreamPort(listener.fileno(), listener.family, factory)
    reactor.run(installSignalHandlers=False)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run a reactor that watches the socket."""
    sock.setblocking(False)
    reactor.adoptDatagramPort(sock.fileno(), sock.family, PeersProtocol(new_handler), sockets.MAX_DATAGRAM_BYTES)
    reactor.run(installSignalHandlers=False)


@implementer(IHalfCloseableProtocol, IPushProducer)
class ClientProtocol(Protocol):  # type: ignore[misc]  # Any, because mypy skips the library
    """One connection, which is not read while its replies wait to be sent."""

    def __init__(self, new_handler: NewStreamHandler) -> None:
        self.handler = new_handler()
        self.closing = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Register for ``pauseProducing``, which is called when replies accumulate."""
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Reply, and close after the last reply."""
        if not self.closing:
            self.transport.write(self.handler.feed(data))
            if self.handler.done:
                self.close()

    def close(self) -> None:
        """Close the connection after everything is sent."""
        self.closing = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Close, because the client has closed its side."""
        self.close()

    def writeConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: this side is closed only with the whole connection."""

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Stop reading from the client."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Read from the client again."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: the connection is lost."""


class PeersProtocol(DatagramProtocol):  # type: ignore[misc]  # Any, because mypy skips the library
    """All peers of the socket."""

    def __init__(self, new_handler: NewDatagramHandler) -> None:
        self.feed = new_handler().feed

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - Twisted's name
        """Send the reply, if any."""
        reply = self.feed(datagram)
        if reply is not None:
            try:
                self.transport.write(reply, addr)
            except OSError:
                sockets.unsent_replies.add()


def serve_work_tcp(listener: socket.socket) -> None:
    """Run a reactor, which calls back when a wait is over."""
    listener.setblocking(False)
    reactor.adoptStreamPort(listener.fileno(), listener.family, Factory.forProtocol(WorkClientProtocol))
    reactor.run(installSignalHandlers=False)


def serve_work_udp(sock: socket.socket) -> None:
    """Run a reactor that watches the socket, and calls back when a wait is over."""
    sock.setblocking(False)
    reactor.adoptDatagramPort(sock.fileno(), sock.family, WorkPeersProtocol(), sockets.MAX_DATAGRAM_BYTES)
    reactor.run(installSignalHandlers=False)


@implementer(IHalfCloseableProtocol, IPushProducer)
class WorkClientProtocol(Protocol):  # type: ignore[misc]  # Any, because mypy skips the library
    """One connection. Its requests are answered one after the other, and not while its replies wait to be sent."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.timer: Any = None  # of the request in progress
        self.reading = self.writable = True
        self.closing = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Register for ``pauseProducing``, which is called when replies accumulate."""
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take in what has arrived, and answer unless a request waits."""
        self.conversation.receive(data)
        self.proceed()

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Close after the last reply, because the client has closed its side."""
        self.dataReceived(b"")

    def proceed(self) -> None:
        """Answer requests until one waits, replies accumulate, or none is left."""
        while self.timer is None and self.writable:
            request = self.conversation.next_request()
            if request is None:
                break
            if request.wait_s:
                self.timer = reactor.callLater(request.wait_s, self.end_wait, request)
            else:
                self.reply(request)
        if self.conversation.done and self.timer is None:
            self.close()
        elif self.conversation.wants_data != self.reading and not self.conversation.ended:
            self.reading = not self.reading
            (self.transport.resumeProducing if self.reading else self.transport.pauseProducing)()

    def end_wait(self, request: Request) -> None:
        """Reply, then answer the next request."""
        self.timer = None
        self.reply(request)
        self.proceed()

    def reply(self, request: Request) -> None:
        """Compute and reply."""
        request.compute()
        self.transport.write(request.reply)

    def close(self) -> None:
        """Close the connection after everything is sent."""
        if not self.closing:
            self.closing = True
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def connectionLost(self, _: object) -> None:  # noqa: N802 - Twisted's name
        """Cancel the wait."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def writeConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: this side is closed only with the whole connection."""

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Answer no further request while the client does not read."""
        self.writable = False

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Answer again: the client has read its replies."""
        self.writable = True
        self.proceed()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Do nothing: the connection is lost."""


class WorkPeersProtocol(DatagramProtocol):  # type: ignore[misc]  # Any, because mypy skips the library
    """All peers of the socket, with a timer for each datagram."""

    def __init__(self) -> None:
        self.budget = DatagramBudget()

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - Twisted's name
        """Reply at the end of the wait, if the datagram is a request."""
        request = parse_datagram(datagram)
        if request is None:
            return
        if not request.wait_s:
            self.reply(request, addr)
        elif self.budget.take(request):
            reactor.callLater(request.wait_s, self.end_wait, request, addr)

    def end_wait(self, request: Request, addr: Any) -> None:
        """Reply after the wait."""
        self.budget.give_back(request)
        self.reply(request, addr)

    def reply(self, request: Request, addr: Any) -> None:
        """Compute and reply."""
        request.compute()
        try:
            self.transport.write(request.reply, addr)
        except OSError:
            sockets.unsent_replies.add()
