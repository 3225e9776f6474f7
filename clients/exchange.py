"""One request and its reply over a socket, read as far as the server sends it. Nothing is judged here."""

import enum
import selectors
import socket
import time
from dataclasses import dataclass

from clients.protocols import MAX_DATAGRAM_BYTES

_RECV_BYTES = 1 << 20
SURPLUS_BYTES = 256  # read beyond the expected reply: enough to show what a server adds
DATAGRAM_TRIES = 3  # a datagram may be lost without an error
_RESEND_S = 0.25  # a server that is still starting has many seconds, and a lost datagram must not use them up


class End(enum.Enum):
    """Why reading ended."""

    REPLIED = "replied"  # as many bytes as expected or more, or other ones than expected
    CLOSED = "closed"
    RESET = "reset"
    SILENT = "silent"  # nothing more within the timeout
    UNREAD = "unread"  # the server stopped reading the request


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes that a server sent in answer to one request, and why there are no more."""

    data: bytes
    end: End


def exchange_stream(sock: socket.socket, request: bytes, expected: bytes, end_s: float) -> Answer:
    """Send a request and read its reply at the same time.

    A server whose replies are not read stops reading, too. The socket's timeout applies to each step; ``end_s`` is the
    deadline for all of them (CLOCK_MONOTONIC).
    """
    rest, reply = memoryview(request), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while len(reply) < len(expected):
            ready = selector.select(sock.gettimeout())
            if not ready or time.monotonic() > end_s:
                return Answer(bytes(reply), End.UNREAD if rest else End.SILENT)
            events = ready[0][1]
            try:
                if events & selectors.EVENT_READ:
                    data = sock.recv(min(len(expected) - len(reply) + SURPLUS_BYTES, _RECV_BYTES))
                    if not data:
                        return Answer(bytes(reply), End.CLOSED)
                    reply += data
                    if not _agree(data, expected, len(reply) - len(data)):
                        break
                if events & selectors.EVENT_WRITE and rest:
                    rest = rest[sock.send(rest) :]
                    if not rest:
                        selector.modify(sock, selectors.EVENT_READ)
            except (ConnectionResetError, BrokenPipeError):
                return Answer(bytes(reply), End.RESET)
    return Answer(bytes(reply), End.REPLIED)


def exchange_datagram(sock: socket.socket, request: bytes, end_s: float) -> tuple[Answer, int]:
    """Send a datagram until a reply comes, a few times at most. Returns the reply, and how often it was sent.

    After the last time, the reply has the socket's timeout.
    """
    answer, sent, timeout_s = Answer(b"", End.SILENT), 0, sock.gettimeout()
    while answer.end == End.SILENT and sent < DATAGRAM_TRIES and time.monotonic() <= end_s:
        sock.send(request)
        sent += 1
        if timeout_s is not None and sent < DATAGRAM_TRIES:
            sock.settimeout(min(timeout_s, _RESEND_S))
        answer = receive_datagram(sock)
        sock.settimeout(timeout_s)
    return answer, sent


def receive_datagram(sock: socket.socket) -> Answer:
    """Return the next datagram."""
    try:
        return Answer(sock.recv(MAX_DATAGRAM_BYTES + 1), End.REPLIED)
    except TimeoutError:
        return Answer(b"", End.SILENT)


def read_more(sock: socket.socket, timeout_s: float) -> Answer:
    """Return what a stream sends within the timeout without a further request; at once if that is 0."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        if not selector.select(timeout_s):
            return Answer(b"", End.SILENT)
        try:
            data = sock.recv(SURPLUS_BYTES)
        except ConnectionResetError:
            return Answer(b"", End.RESET)
        return Answer(data, End.REPLIED if data else End.CLOSED)


def _agree(data: bytes, expected: bytes, begin: int) -> bool:
    """Return whether data is what is expected from ``begin`` on. Bytes beyond the end are not compared."""
    due = memoryview(expected)[begin : begin + len(data)]
    return memoryview(data)[: len(due)] == due
