"""One exchange with a server, checked byte for byte, before any clock starts."""

import socket

from clients.protocols import ADIOS, HOLA, LARGEST_DATAGRAM_BYTES, PUES_ADIOS, PUES_HOLA

_DATAGRAM_TRIES = 3  # a datagram may be lost without anybody's fault


class NotSpoken(Exception):  # noqa: N818 - it reads as what it is
    """The server did not answer as the protocol says."""


def verify(transport: str, host: str, port: int, protocol: str, message: bytes, timeout_s: float) -> None:
    """Hold one conversation. message: what is echoed. Raises NotSpoken, which says what was wrong."""
    dialogue = [(message, message)] if protocol == "echo" else [(HOLA, PUES_HOLA), (ADIOS, PUES_ADIOS)]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    where = f"{transport}://{host}:{port}"
    try:
        with socket.socket(family, kind) as sock:
            sock.settimeout(timeout_s)
            sock.connect((host, port))
            for request, wanted in dialogue:
                got = _exchange(sock, request, len(wanted)) if transport == "tcp" else _datagram(sock, request)
                if got != wanted:
                    raise NotSpoken(f"{where} answered {_short(got)} to {_short(request)}; {_short(wanted)} is due")
            if transport == "tcp" and protocol == "hola" and sock.recv(1):
                raise NotSpoken(f"{where} went on talking after {_short(PUES_ADIOS)}; it must close")
    except TimeoutError as error:
        raise NotSpoken(f"{where} did not answer {protocol} within {timeout_s:g} s") from error
    except OSError as error:
        raise NotSpoken(f"{where}: {error.strerror or error}") from error


def _exchange(sock: socket.socket, request: bytes, size: int) -> bytes:
    sock.sendall(request)
    got = b""
    while len(got) < size:
        data = sock.recv(size - len(got))
        if not data:
            break
        got += data
    return got


def _datagram(sock: socket.socket, request: bytes) -> bytes:
    for last in range(_DATAGRAM_TRIES):
        sock.send(request)
        try:
            return sock.recv(LARGEST_DATAGRAM_BYTES + 1)
        except TimeoutError:
            if last == _DATAGRAM_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _short(data: bytes) -> str:
    return repr(data) if len(data) <= 24 else f"{data[:20]!r}... ({len(data)} bytes)"
