"""The tutorial's client: send hola, wait, send adios."""

import socket
import time
from collections.abc import Iterator

from clients.escaping import escape_bytes
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

_REPLY_BYTES = 1000
_TIMEOUT_S = 10.0


class ConversationError(Exception):
    """The server did not take part in the conversation as it should."""


def talk(host: str, port: int, transport: str, wait_s: float) -> Iterator[str]:
    """Run the tutorial's conversation.

    Yields each reply as it arrives, including a wrong one. Raises ConversationError, which describes the fault, and
    ValueError for an invalid host or wait.
    """
    if not 0 <= wait_s <= 3600:
        raise ValueError(f"wait {wait_s:g} s is not between 0 and 3600 s")
    server = f"{host}:{port} over {transport}"
    answered = False
    try:
        with _connect(host, port, transport) as sock:
            for word, expected in ((HOLA, PUES_HOLA), (ADIOS, PUES_ADIOS)):
                if answered:
                    time.sleep(wait_s)
                sock.sendall(word)
                reply, closed = _read_reply(sock, expected)
                if reply:
                    answered = True
                    yield escape_bytes(reply)
                if reply != expected:
                    outcome = _describe_outcome(reply, closed=closed)
                    raise ConversationError(f"{server} {outcome} to {word!r}; expected {expected!r}")
    except OSError as error:
        reason = error.strerror or str(error)
        if answered:
            raise ConversationError(f"{server}: connection failed after the first reply: {reason}") from error
        raise ConversationError(f"cannot talk to {server}: {reason}; is a server running there?") from error


def _connect(host: str, port: int, transport: str) -> socket.socket:
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except UnicodeError as error:
        raise ValueError(f"host {host!r} is neither an address nor a valid name") from error
    sock = socket.socket(family, kind)
    try:
        sock.settimeout(_TIMEOUT_S)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _read_reply(sock: socket.socket, expected: bytes) -> tuple[bytes, bool]:
    """Read until the reply is complete, or differs from the expected one.

    A stream may split a reply. Returns the reply, and whether the server has closed the connection.
    """
    reply = b""
    while len(reply) < len(expected) and expected.startswith(reply):
        try:
            data = sock.recv(_REPLY_BYTES)
        except TimeoutError:
            return reply, False
        if not data:
            return reply, True
        reply += data
    return reply, False


def _describe_outcome(reply: bytes, *, closed: bool) -> str:
    if reply:
        return f"answered {reply!r}"
    return "closed without a reply" if closed else f"did not answer within {_TIMEOUT_S:g} s"
