"""The protocols as handlers: bytes in, bytes out. No sockets here.

A TCP handler belongs to one connection. Feed it what arrived and send what it returns. Once ``done`` is true, close the
connection after everything is sent, and do not feed the handler again.

A UDP handler answers each datagram independently, so a model may use one for all peers or one for each. ``None`` means
no reply, whereas ``b""`` is a reply: the empty datagram.
"""

from __future__ import annotations

from servers.log import Tally

TYPE_CHECKING = False  # importing typing would cost every server 4 ms and 1 MB
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, Union

    class StreamHandler(Protocol):
        """Protocol state of one TCP connection."""

        done: bool

        def feed(self, data: bytes) -> bytes:
            """Return the bytes to send for the bytes that arrived, however these were split."""

    class DatagramHandler(Protocol):
        """Protocol state of one UDP peer, or of many."""

        done: bool

        def feed(self, datagram: bytes) -> bytes | None:
            """Return the reply to one datagram, or None if there is no reply."""

    NewStreamHandler = Callable[[], StreamHandler]
    NewDatagramHandler = Callable[[], DatagramHandler]
    NewHandler = Union[NewStreamHandler, NewDatagramHandler]

WHITESPACE = b" \t\r\n"
REPLIES = {b"hola": b"pues hola", b"adios": b"pues adios"}
UNKNOWN_REPLY = b"no entiendo"


class Echo:
    """The echo protocol (RFC 862), over TCP and UDP."""

    __slots__ = ()
    done = False

    def feed(self, data: bytes) -> bytes:
        """Return the same object, not a copy."""
        return data


class Hola:
    """Hola over TCP: two words without a delimiter, so requests are matched by prefix.

    A request may arrive in several parts, and several requests may arrive together. White space between requests is
    skipped, which makes nc and telnet usable as clients. White space inside a word makes it an unknown request.
    """

    __slots__ = ("_pending", "done")

    def __init__(self) -> None:
        self.done = False
        self._pending = b""  # an incomplete request, at most 4 bytes

    def feed(self, data: bytes) -> bytes:
        """Return the replies to all requests that this data completes."""
        if not self._pending:  # nearly every read is one request; the general code below takes 8 times as long
            if data == b"hola":
                return b"pues hola"
            if data == b"adios":
                self.done = True
                return b"pues adios"
        data = self._pending + data
        self._pending = b""
        replies = []
        position, end = 0, len(data)
        while position < end:
            if data[position] in WHITESPACE:
                position += 1
            elif data.startswith(b"hola", position):
                replies.append(b"pues hola")
                position += 4
            elif data.startswith(b"adios", position):
                replies.append(b"pues adios")
                self.done = True
                break
            else:
                rest = data[position : position + 5]
                if b"hola".startswith(rest) or b"adios".startswith(rest):
                    self._pending = rest
                else:
                    replies.append(UNKNOWN_REPLY)
                    self.done = True
                break
        return b"".join(replies)


class HolaDatagrams:
    """Hola over UDP: one request per datagram.

    Anything else gets no reply: two servers that answered everything could be made to answer each other endlessly.
    ``done`` is set by ``adios``; later datagrams are still answered.
    """

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, datagram: bytes) -> bytes | None:
        """Return the reply if the datagram is one of the two words.

        White space around the word is allowed.
        """
        if datagram == b"hola":
            return b"pues hola"
        reply = REPLIES.get(datagram.strip(WHITESPACE))
        if reply is None:
            ignored_datagrams.add()
        elif reply == b"pues adios":
            self.done = True
        return reply


ignored_datagrams = Tally("a datagram that is not a request was ignored")

STREAM_HANDLERS: dict[str, NewStreamHandler] = {"echo": Echo, "hola": Hola}
DATAGRAM_HANDLERS: dict[str, NewDatagramHandler] = {"echo": Echo, "hola": HolaDatagrams}
HANDLERS: dict[str, dict[str, NewHandler]] = {"tcp": {**STREAM_HANDLERS}, "udp": {**DATAGRAM_HANDLERS}}
