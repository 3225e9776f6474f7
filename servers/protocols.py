"""What is said: bytes in, bytes out, and whether the conversation is over. No sockets here.

A TCP handler belongs to one connection: feed it what arrived, send what it returns, and close once ``done`` is true and
all is sent. It is not fed again after that. A UDP handler answers each datagram by itself, so a model may keep one for
all peers or one for each; ``None`` means no reply, while ``b""`` is a reply: the empty datagram.
"""

from __future__ import annotations

from servers.log import Tally

TYPE_CHECKING = False  # the module typing would cost 4 ms and 1 MB in every server
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol, Union

    class StreamHandler(Protocol):
        """One TCP connection."""

        done: bool

        def feed(self, data: bytes) -> bytes:
            """Take what arrived, in any splitting; return what to send."""

    class DatagramHandler(Protocol):
        """Datagrams of one peer or of many."""

        done: bool

        def feed(self, datagram: bytes) -> bytes | None:
            """Take one datagram; return the reply, or None to stay silent."""

    NewStreamHandler = Callable[[], StreamHandler]
    NewDatagramHandler = Callable[[], DatagramHandler]
    NewHandler = Union[NewStreamHandler, NewDatagramHandler]

WHITESPACE = b" \t\r\n"
REPLIES = {b"hola": b"pues hola", b"adios": b"pues adios"}
UNKNOWN_REPLY = b"no entiendo"


class Echo:
    """RFC 862, over TCP as over UDP: what comes goes back."""

    __slots__ = ()
    done = False

    def feed(self, data: bytes) -> bytes:
        """Return the very object that came: no copy."""
        return data


class Hola:
    """Hola over TCP: the two words need no delimiter, so this matches prefixes.

    A request may come split over several reads and several may come in one. White space between requests is skipped, so
    that nc and telnet can talk to it; inside a word it is not part of any request.
    """

    __slots__ = ("_pending", "done")

    def __init__(self) -> None:
        self.done = False
        self._pending = b""  # the beginning of a request: at most 4 bytes

    def feed(self, data: bytes) -> bytes:
        """Answer every request that is complete with this data."""
        if data == b"hola" and not self._pending:
            return b"pues hola"  # nearly every read of a run; the general way below takes 8 times as long
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
    """Hola over UDP: one request a datagram.

    Anything else gets no reply: a server that answers whatever comes can be set to talk to another such server for
    ever. ``done`` tells that the last datagram took leave; a later one is answered all the same.
    """

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def feed(self, datagram: bytes) -> bytes | None:
        """Answer one of the two words, alone in its datagram; white space around it is allowed."""
        if datagram == b"hola":
            return b"pues hola"
        reply = REPLIES.get(datagram.strip(WHITESPACE))
        if reply is None:
            ignored_datagrams.add()
        elif reply == b"pues adios":
            self.done = True
        return reply


ignored_datagrams = Tally("a datagram that is no request was ignored")

STREAM_HANDLERS: dict[str, NewStreamHandler] = {"echo": Echo, "hola": Hola}
DATAGRAM_HANDLERS: dict[str, NewDatagramHandler] = {"echo": Echo, "hola": HolaDatagrams}
HANDLERS: dict[str, dict[str, NewHandler]] = {"tcp": {**STREAM_HANDLERS}, "udp": {**DATAGRAM_HANDLERS}}
