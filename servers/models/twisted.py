"""One thread, Twisted's reactor on epoll: a protocol object for each client.

The event loop that asyncio's protocols were made after. Good: twenty years of protocols and of care for what goes
wrong. Bad: more Python between the socket and the protocol than in asyncio. Accepting is done here, since Twisted's
own closes clients' connections when descriptors run out instead of letting them wait.
"""

from __future__ import annotations

import contextlib
import os

from twisted.internet import reactor
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IReadDescriptor
from twisted.internet.protocol import DatagramProtocol, Factory, Protocol
from zope.interface import implementer

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "twisted"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the reactor with the listener in it."""
    reactor.addReader(Listener(listener, new_handler))
    reactor.run(installSignalHandlers=False)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the reactor with the socket in it."""
    sock.setblocking(False)
    reactor.adoptDatagramPort(sock.fileno(), sock.family, PeersProtocol(new_handler), sockets.MAX_DATAGRAM_BYTES)
    reactor.run(installSignalHandlers=False)


@implementer(IReadDescriptor)
class Listener:
    """The listener."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        listener.setblocking(False)
        self.listener = listener
        self.acceptor = sockets.Acceptor(listener)
        self.spare_fd = os.dup(listener.fileno())  # room for the reactor's second descriptor of a client
        self.factory = Factory.forProtocol(lambda: ClientProtocol(new_handler))

    def fileno(self) -> int:
        """What the reactor watches."""
        return self.listener.fileno()

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """What the reactor calls it."""
        return "listener"

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """Accept every client that is there."""
        while (conn := self.acceptor.accept()) is not None:
            conn.setblocking(False)
            os.close(self.spare_fd)
            with conn, contextlib.suppress(OSError):  # it may have been reset already
                reactor.adoptStreamConnection(conn.fileno(), conn.family, self.factory)  # by a descriptor of its own
            self.spare_fd = os.dup(self.listener.fileno())
        if self.acceptor.out_of_fds:
            reactor.removeReader(self)
            reactor.callLater(sockets.ACCEPT_RETRY_S, reactor.addReader, self)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        """Nothing is to be done: the process ends."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class ClientProtocol(Protocol):  # type: ignore[misc]  # Any, where the library is not looked into
    """One connection. While the client does not take its replies, nothing more is read from it."""

    def __init__(self, new_handler: NewStreamHandler) -> None:
        self.handler = new_handler()
        self.closing = False

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Be told when replies pile up."""
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Reply; after the last reply close."""
        if not self.closing:
            self.transport.write(self.handler.feed(data))
            if self.handler.done:
                self.close()

    def close(self) -> None:
        """Close when all is sent."""
        self.closing = True
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def readConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Close: the client has ended its side."""
        self.close()

    def writeConnectionLost(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is to be done: we end our side only together with the whole."""

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Stop reading."""
        self.transport.pauseProducing()

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Go on."""
        self.transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing is to be done: the connection has gone."""


class PeersProtocol(DatagramProtocol):  # type: ignore[misc]  # Any, where the library is not looked into
    """All peers of the one socket."""

    def __init__(self, new_handler: NewDatagramHandler) -> None:
        self.feed = new_handler().feed

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:  # noqa: N802 - Twisted's name
        """Reply, if there is a reply."""
        reply = self.feed(datagram)
        if reply is not None:
            try:
                self.transport.write(reply, addr)
            except OSError:
                sockets.unsent_replies.add()
