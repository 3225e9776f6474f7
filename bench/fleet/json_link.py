"""A connection between two machines on which both sides write lines of JSON.

The machine of the servers drives the generators over such a link, so that a slice takes one round trip of the network
and none of the engine, which takes milliseconds.
"""

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Self

from bench.fleet.tls_files import TlsFiles

_CHUNK_BYTES = 1 << 18
_HANDSHAKE_S = 20.0
# A host that disappears without closing its connections is noticed after this time.
_SILENT_S = 12


class LinkError(Exception):
    """The other side does not answer. The message is the end of a sentence: ``closed the connection``."""


class JsonLink:
    """One side of a link. Both methods raise LinkError."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending = b""

    @classmethod
    def connect(cls, address: str, port: int, tls: TlsFiles | None, timeout_s: float = _HANDSHAKE_S) -> Self:
        """Connect to the other side. tls: None on one machine only. Raises LinkError."""
        try:
            connection = socket.create_connection((address, port), timeout_s)
            return cls(_prepare(connection, tls, server_side=False))
        except ssl.SSLError as error:
            raise LinkError(f"refuses the connection to {address}:{port}: TLS failed ({error.reason})") from error
        except OSError as error:
            reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise LinkError(f"cannot be reached at {address}:{port} ({reason}); does a firewall block it?") from error

    @classmethod
    def accept(cls, listener: socket.socket, tls: TlsFiles | None) -> Self:
        """Wait for the other side to connect. Strangers are turned away. Raises LinkError."""
        while True:
            connection, _ = listener.accept()
            try:
                return cls(_prepare(connection, tls, server_side=True))
            except OSError:
                connection.close()

    def send(self, values: Mapping[str, Any]) -> None:
        """Send a line."""
        try:
            self._connection.settimeout(None)
            self._connection.sendall(json.dumps(values).encode() + b"\n")
        except OSError as error:
            raise LinkError(_describe(error)) from error

    def receive(self, timeout_s: float | None) -> dict[str, Any]:
        """Return the next line. timeout_s: None to wait as long as the other side lives."""
        end_s = None if timeout_s is None else time.monotonic() + timeout_s
        parts = [self._pending]
        while b"\n" not in parts[-1]:
            parts.append(self._read(end_s, timeout_s))
        line, _, self._pending = b"".join(parts).partition(b"\n")
        values: dict[str, Any] = json.loads(line)
        return values

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._connection.close()

    def _read(self, end_s: float | None, timeout_s: float | None) -> bytes:
        try:
            self._connection.settimeout(None if end_s is None else max(0.001, end_s - time.monotonic()))
            data = self._connection.recv(_CHUNK_BYTES)
        except TimeoutError as error:
            if error.errno is not None:  # of the kernel, about the connection
                raise LinkError(_describe(error)) from error
            raise LinkError(f"did not answer within {timeout_s:g} s") from error
        except OSError as error:
            raise LinkError(_describe(error)) from error
        if not data:
            raise LinkError("closed the connection")
        return data


def _prepare(connection: socket.socket, tls: TlsFiles | None, *, server_side: bool) -> socket.socket:
    """Return a connection that notices a lost host, and is encrypted if there are keys. Raises OSError."""
    connection.settimeout(_HANDSHAKE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _SILENT_S // 3)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _SILENT_S // 3)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * _SILENT_S)
    if tls is None:
        return connection
    purpose = ssl.Purpose.CLIENT_AUTH if server_side else ssl.Purpose.SERVER_AUTH
    return tls.context(purpose).wrap_socket(connection, server_side=server_side)


def _describe(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"was silent for {_SILENT_S} s: the host or the network between is down"
    return f"lost the connection ({error.strerror or error})"
