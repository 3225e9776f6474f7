"""Check a server's replies byte for byte, before any clock starts."""

import contextlib
import selectors
import socket
import time

from clients.protocols import ADIOS, HOLA, MAX_DATAGRAM_BYTES, PUES_ADIOS, PUES_HOLA

_RECV_BYTES = 1 << 20
_DATAGRAM_TRIES = 3  # a datagram may be lost without an error
_MIN_WHOLE_S = 10.0  # for a whole conversation, which may be long


class ProtocolError(Exception):
    """The server did not answer as the protocol requires."""


def verify(
    transport: str, host: str, port: int, protocol: str, message: bytes, timeout_s: float, concurrent_clients: int = 1
) -> None:
    """Run a conversation with each of several concurrent clients.

    All clients send a line before any sends the next. An echo has two different lines, so a server that answers once,
    or always the same, is detected. message: the first line of an echo. Raises ProtocolError, which describes the
    fault.
    """
    second_message = message[::-1] if message[::-1] != message else bytes(~byte & 0xFF for byte in message)
    dialogue = {
        "echo": [(message, message), (second_message, second_message)],
        "hola": [(HOLA, PUES_HOLA), (HOLA, PUES_HOLA), (ADIOS, PUES_ADIOS)],
    }[protocol]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    server = f"{transport}://{host}:{port}"
    answered, whole_s = 0, max(_MIN_WHOLE_S, _DATAGRAM_TRIES * timeout_s)
    end_s = time.monotonic() + whole_s
    try:
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(socket.socket(family, kind)) for _ in range(concurrent_clients)]
            for sock in socks:
                sock.settimeout(timeout_s)
                sock.connect((host, port))
            for request, expected in dialogue:
                for sock in socks:
                    if transport == "tcp":
                        reply = _exchange(sock, request, len(expected), end_s)
                    else:
                        reply = _exchange_datagram(sock, request, end_s)
                    if reply != expected:
                        raise ProtocolError(_fault(server, reply, request, expected, answered // concurrent_clients))
                    answered += 1
            if transport == "tcp" and protocol == "hola" and any(sock.recv(1) for sock in socks):
                raise ProtocolError(f"{server} sent more after {_short(PUES_ADIOS)}; it must close the connection")
    except TimeoutError as error:
        if 0 < answered < concurrent_clients:
            raise ProtocolError(
                f"{server} served only {answered} of {concurrent_clients} concurrent clients"
            ) from error
        timeout_s = whole_s if time.monotonic() > end_s else timeout_s
        raise ProtocolError(f"{server} did not answer {protocol} within {timeout_s:g} s") from error
    except OSError as error:
        raise ProtocolError(_describe_failure(server, error)) from error


def _describe_failure(server: str, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens on {server} (connection refused); start the server or check the address"
    return f"{server}: {error.strerror or error}"


def _fault(server: str, reply: bytes, request: bytes, expected: bytes, replies_before: int) -> str:
    if not reply:
        return f"{server} closed the connection after {replies_before} replies, instead of answering {_short(request)}"
    due = "the same bytes" if expected == request else _short(expected)
    return f"{server} answered {_short(reply)} to {_short(request)}; expected {due}"


def _exchange(sock: socket.socket, request: bytes, size: int, end_s: float) -> bytes:
    """Send a request and read its reply at the same time.

    A server whose replies are not read stops reading, too. The socket's timeout applies to each step; ``end_s`` is the
    deadline for all of them.
    """
    rest, reply = memoryview(request), bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while len(reply) < size:
            ready = selector.select(sock.gettimeout())
            if not ready and reply and not rest:
                break  # the server has answered something else, which is shorter
            if not ready or time.monotonic() > end_s:
                raise TimeoutError
            events = ready[0][1]
            if events & selectors.EVENT_READ:
                data = sock.recv(min(size - len(reply), _RECV_BYTES))
                if not data:
                    break
                reply += data
            if events & selectors.EVENT_WRITE and rest:
                rest = rest[sock.send(rest) :]
                if not rest:
                    selector.modify(sock, selectors.EVENT_READ)
    return bytes(reply)


def _exchange_datagram(sock: socket.socket, request: bytes, end_s: float) -> bytes:
    for attempt in range(_DATAGRAM_TRIES):
        sock.send(request)
        try:
            return sock.recv(MAX_DATAGRAM_BYTES + 1)
        except TimeoutError:
            if attempt == _DATAGRAM_TRIES - 1 or time.monotonic() > end_s:
                raise
    raise AssertionError("unreachable")


def _short(data: bytes) -> str:
    return repr(data) if len(data) <= 24 else f"{data[:20]!r}... ({len(data)} bytes)"
