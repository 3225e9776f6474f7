"""The tutorial's client: send hola, wait, send adios."""

import socket
import time
from collections.abc import Iterator

from clients import addresses
from clients.escaping import escape_bytes
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

_REPLY_BYTES = 1000
_TIMEOUT_S = 10.0


class ConversationError(Exception):
    """The server did not take part in the conversation as it should."""


class NobodyListensError(ConversationError):
    """No server listens at the address that was given."""


def talk(host: str, port: int, transport: str, wait_s: float) -> Iterator[str]:
    """Run the tutorial's conversation with the first address of a host on which a server listens.

    Yields each reply as it arrives, including a wrong one. Raises ConversationError, which describes the fault, and
    ValueError for an invalid host or wait.
    """
    if not 0 <= wait_s <= 3600:
        raise ValueError(f"wait {wait_s:g} s is not between 0 and 3600 s")
    reasons: dict[str, str] = {}
    for address in addresses.resolve(host):
        replies = _converse(address, port, transport, wait_s)
        try:
            first = next(replies, None)
        except OSError as error:
            reason = addresses.describe_unreachable(error)
            if not reason:
                raise ConversationError(_describe_failure(address, port, transport, error)) from error
            reasons[address] = reason
            continue
        if first is not None:
            yield first
        try:
            yield from replies
        except OSError as error:
            failure = _describe_failure(address, port, transport, error)
            raise ConversationError(f"{failure}, after its first reply") from error
        return
    raise NobodyListensError(addresses.nobody_listens(transport, host, port, reasons))


def _converse(address: str, port: int, transport: str, wait_s: float) -> Iterator[str]:
    """Run the conversation with one address. Raises ConversationError, OSError."""
    url = addresses.format_url(transport, address, port)
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(addresses.family_of(address), kind) as sock:
        sock.settimeout(_TIMEOUT_S)
        sock.connect((address, port))
        for word, expected in ((HOLA, PUES_HOLA), (ADIOS, PUES_ADIOS)):
            if word == ADIOS:
                time.sleep(wait_s)
            sock.sendall(word)
            reply, closed = _read_reply(sock, expected)
            if reply:
                yield escape_bytes(reply)
            if reply != expected:
                outcome = _describe_outcome(reply, word, closed=closed)
                hint = "; the server seems to echo" if reply == word else ""
                raise ConversationError(f"{url} {outcome}; expected {expected!r}{hint}")


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


def _describe_outcome(reply: bytes, word: bytes, *, closed: bool) -> str:
    if reply:
        return f"answered {reply!r} to {word!r}"
    if closed:
        return f"closed without a reply to {word!r}"
    return f"did not answer within {_TIMEOUT_S:g} s to {word!r}; it may wait for a line end, and hola has none"


def _describe_failure(address: str, port: int, transport: str, error: OSError) -> str:
    url = addresses.format_url(transport, address, port)
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return f"{url} reset the connection instead of answering"
    if isinstance(error, TimeoutError):
        return f"{url} did not accept a connection within {_TIMEOUT_S:g} s"
    return f"{url}: {error.strerror or error}"
