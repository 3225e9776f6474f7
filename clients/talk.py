"""The tutorial's client: say hola, wait, say adios."""

import socket
import time
from collections.abc import Iterator

from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

_REPLY_BYTES = 1000
_TIMEOUT_S = 10.0


class NoAnswer(Exception):  # noqa: N818 - it reads as what it is
    """The conversation could not be held."""


def talk(host: str, port: int, transport: str, wait_s: float) -> Iterator[str]:
    """Hold the tutorial's conversation; yields each reply as it comes, a wrong one too.

    Raises NoAnswer, which says what went wrong, and ValueError for a host that is no name or a wait that cannot be.
    """
    if not 0 <= wait_s <= 3600:
        raise ValueError(f"a wait of {wait_s:g} s is not from 0 to 3600")
    where = f"{host}:{port} over {transport}"
    heard = 0
    try:
        with _connect(host, port, transport) as sock:
            for word, due in ((HOLA, PUES_HOLA), (ADIOS, PUES_ADIOS)):
                if heard:
                    time.sleep(wait_s)
                sock.sendall(word)
                got, closed = _reply(sock, due)
                if got:
                    heard += 1
                    yield _visible(got)
                if got != due:
                    raise NoAnswer(f"{where} {_what_it_did(got, closed=closed)} to {word!r}; {due!r} is due")
    except OSError as error:
        reason = error.strerror or str(error)
        if heard:
            raise NoAnswer(f"{where} broke off after its first reply: {reason}") from error
        raise NoAnswer(f"no conversation with {where}: {reason}; is a server there?") from error


def _connect(host: str, port: int, transport: str) -> socket.socket:
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
    except UnicodeError as error:
        raise ValueError(f"host {host!r} is neither an address nor a name") from error
    sock = socket.socket(family, kind)
    try:
        sock.settimeout(_TIMEOUT_S)
        sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _reply(sock: socket.socket, due: bytes) -> tuple[bytes, bool]:
    """Read until the reply is whole, as a stream may bring it in pieces, or until it cannot become the one due.

    Returns what came, and whether the server has closed.
    """
    got = b""
    while len(got) < len(due) and due.startswith(got):
        try:
            data = sock.recv(_REPLY_BYTES)
        except TimeoutError:
            return got, False
        if not data:
            return got, True
        got += data
    return got, False


def _what_it_did(got: bytes, *, closed: bool) -> str:
    if got:
        return f"answered {got!r}"
    return "closed without a reply" if closed else f"did not answer within {_TIMEOUT_S:g} s"


def _visible(reply: bytes) -> str:
    """What a terminal shows as it stands, and of all else the number: a server is not to drive the terminal."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in reply)
