"""The tutorial's client: say hola, wait, say adios."""

import socket
import time

from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

_REPLY_BYTES = 1000
_TIMEOUT_S = 10.0


class NoAnswer(Exception):  # noqa: N818 - it reads as what it is
    """The conversation could not be held."""


def talk(host: str, port: int, transport: str, wait_s: float) -> list[str]:
    """Hold the tutorial's conversation and return the two replies. Raises NoAnswer, which says what went wrong."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    replies = []
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as sock:
            sock.settimeout(_TIMEOUT_S)
            sock.connect(address)
            for word, due, pause_s in ((HOLA, PUES_HOLA, wait_s), (ADIOS, PUES_ADIOS, 0.0)):
                sock.sendall(word)
                replies.append(_reply(sock, len(due)).decode("ascii", "replace"))
                time.sleep(pause_s)
    except TimeoutError as error:
        raise NoAnswer(f"{host}:{port} did not answer over {transport} within {_TIMEOUT_S:g} s") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise NoAnswer(f"no conversation with {host}:{port} over {transport}: {reason}; is a server there?") from error
    return replies


def _reply(sock: socket.socket, size: int) -> bytes:
    """Read until the reply is whole: a stream may bring it in pieces."""
    got = b""
    while len(got) < size:
        data = sock.recv(_REPLY_BYTES)
        if not data:
            break
        got += data
    return got
