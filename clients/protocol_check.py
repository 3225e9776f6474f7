"""A conversation with a server, checked byte for byte, before any clock starts."""

import contextlib
import selectors
import socket
import time

from clients.protocols import ADIOS, HOLA, LARGEST_DATAGRAM_BYTES, PUES_ADIOS, PUES_HOLA

_RECV_BYTES = 1 << 20
_DATAGRAM_TRIES = 3  # a datagram may be lost without anybody's fault
_LEAST_S = 10.0  # for a whole conversation, which may be long


class NotSpoken(Exception):  # noqa: N818 - it reads as what it is
    """The server did not answer as the protocol says."""


def verify(
    transport: str, host: str, port: int, protocol: str, message: bytes, timeout_s: float, together: int = 1
) -> None:
    """Hold a conversation with each of some clients that are there together: each says every line before the next one.

    Two lines of an echo, and the second is not the first: a server that answers once, or always the same, is heard.
    message: what is echoed. Raises NotSpoken, which says what was wrong.
    """
    other = message[::-1] if message[::-1] != message else bytes(~byte & 0xFF for byte in message)
    dialogue = {
        "echo": [(message, message), (other, other)],
        "hola": [(HOLA, PUES_HOLA), (HOLA, PUES_HOLA), (ADIOS, PUES_ADIOS)],
    }[protocol]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    where = f"{transport}://{host}:{port}"
    answered, whole_s = 0, max(_LEAST_S, _DATAGRAM_TRIES * timeout_s)
    end_s = time.monotonic() + whole_s
    try:
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.socket(family, kind)) for _ in range(together)]
            for sock in socks:
                sock.settimeout(timeout_s)
                sock.connect((host, port))
            for request, wanted in dialogue:
                for sock in socks:
                    if transport == "tcp":
                        got = _exchange(sock, request, len(wanted), end_s)
                    else:
                        got = _datagram(sock, request, end_s)
                    if got != wanted:
                        raise NotSpoken(_wrong(where, got, request, wanted, answered // together))
                    answered += 1
            if transport == "tcp" and protocol == "hola" and any(sock.recv(1) for sock in socks):
                raise NotSpoken(f"{where} went on talking after {_short(PUES_ADIOS)}; it must close")
    except TimeoutError as error:
        if 0 < answered < together:
            raise NotSpoken(f"{where} served {answered} of {together} clients that were there together") from error
        late_s = whole_s if time.monotonic() > end_s else timeout_s
        raise NotSpoken(f"{where} did not answer {protocol} within {late_s:g} s") from error
    except OSError as error:
        raise NotSpoken(f"{where}: {error.strerror or error}") from error


def _wrong(where: str, got: bytes, request: bytes, wanted: bytes, before: int) -> str:
    if not got:
        return f"{where} closed the connection after {before} replies, when {_short(request)} was asked"
    due = "the same" if wanted == request else _short(wanted)
    return f"{where} answered {_short(got)} to {_short(request)}; {due} is due"


def _exchange(sock: socket.socket, request: bytes, size: int, end_s: float) -> bytes:
    """Send and read side by side: a server whose replies nobody reads stops reading, too.

    The socket's timeout is for each step forward; all of them are over at end_s.
    """
    rest, got = memoryview(request), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while len(got) < size:
            ready = selector.select(sock.gettimeout())
            if not ready or time.monotonic() > end_s:
                raise TimeoutError
            events = ready[0][1]
            if events & selectors.EVENT_READ:
                data = sock.recv(min(size - len(got), _RECV_BYTES))
                if not data:
                    break
                got += data
            if events & selectors.EVENT_WRITE and rest:
                rest = rest[sock.send(rest) :]
                if not rest:
                    selector.modify(sock, selectors.EVENT_READ)
    return bytes(got)


def _datagram(sock: socket.socket, request: bytes, end_s: float) -> bytes:
    for last in range(_DATAGRAM_TRIES):
        sock.send(request)
        try:
            return sock.recv(LARGEST_DATAGRAM_BYTES + 1)
        except TimeoutError:
            if last == _DATAGRAM_TRIES - 1 or time.monotonic() > end_s:
                raise
    raise AssertionError("unreachable")


def _short(data: bytes) -> str:
    return repr(data) if len(data) <= 24 else f"{data[:20]!r}... ({len(data)} bytes)"
