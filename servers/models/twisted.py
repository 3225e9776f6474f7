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

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler

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
