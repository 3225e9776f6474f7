"""Create the sockets of all models.

Every socket is created here, so that no model gains from an option that the others lack.

Models that show the defaults of a library are an exception: their sockets lack TCP_NODELAY and keep the kernel's buffer
sizes. The report shows this in its table of server settings.

``Acceptor`` is here because every model that accepts connections has to handle running out of file descriptors.
"""

from __future__ import annotations

import errno
import socket
import sys
import time

from servers.log import Tally

# Requested size: the kernel limits it to net.core.rmem_max, then doubles it for its own bookkeeping.
UDP_BUFFER_BYTES = 1 << 20
MAX_DATAGRAM_BYTES = 65_536  # no datagram is longer, so none is truncated
ACCEPT_RETRY_S = 0.1  # pause after an accept that failed; the clients wait in the backlog and lose nothing

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_TCP_INFO_BACKLOG = slice(28, 32)  # tcpi_sacked in TCP_INFO: a listener's backlog in force

unsent_replies = Tally("a UDP reply could not be sent")


def bind_tcp(host: str, port: int, backlog: int, *, reuseport: bool = False, defaults: bool = False) -> socket.socket:
    """Create a listening socket.

    Raises OSError if the host name cannot be resolved or the address cannot be bound.

    reuseport: allow more sockets of this program on the port, see ``clone_reuseport``. defaults: leave out TCP_NODELAY.
    """
    family, address = _resolve(host, port, socket.SOCK_STREAM)
    if reuseport and port:
        bind_tcp(host, port, backlog).close()  # fails if the port is in use; otherwise a second server would share it
    return _listen(family, address, backlog, reuseport=reuseport, defaults=defaults)


def _listen(
    family: int, address: tuple[str, int], backlog: int, *, reuseport: bool, defaults: bool = False
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuseport:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # A new server can start while connections of the previous one are in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not defaults:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it on Linux
        listener.bind(address)
        listener.listen(backlog)
    except BaseException:
        listener.close()
        raise
    return listener


def bind_udp(host: str, port: int, *, reuseport: bool = False, defaults: bool = False) -> socket.socket:
    """Create a UDP socket.

    Raises OSError if the host name cannot be resolved or the address cannot be bound.

    reuseport: allow more sockets of this program on the port, see ``clone_reuseport``. defaults: keep the kernel's
    buffer sizes.
    """
    family, address = _resolve(host, port, socket.SOCK_DGRAM)
    if reuseport and port:
        bind_udp(host, port).close()  # fails if the port is in use; otherwise a second server would share it
    return _bind_datagrams(family, address, reuseport=reuseport, defaults=defaults)


def _bind_datagrams(family: int, address: tuple[str, int], *, reuseport: bool, defaults: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if reuseport:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # No SO_REUSEADDR: for UDP on Linux it would let a second server bind the same port and receive the datagrams.
        if not defaults:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UDP_BUFFER_BYTES)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def clone_reuseport(sock: socket.socket) -> socket.socket:
    """Create one more socket on the port of a ``reuseport`` socket.

    The kernel distributes the clients over these sockets.
    """
    if sock.type == socket.SOCK_STREAM:
        return _listen(sock.family, sock.getsockname(), backlog(sock), reuseport=True)
    return _bind_datagrams(sock.family, sock.getsockname(), reuseport=True)


def _resolve(host: str, port: int, kind: int) -> tuple[int, tuple[str, int]]:
    # As bytes: for a str, getaddrinfo would load the codec for international names, with its tables, into the server.
    addresses = socket.getaddrinfo(host.encode(), port, type=kind, flags=socket.AI_PASSIVE)
    family, _, _, _, address = addresses[0]
    return family, address  # type: ignore[return-value]  # an IPv6 address has two more fields


def is_loopback(address: str) -> bool:
    """Return whether a numeric address can be reached from this machine only."""
    return address.startswith("127.") or address == "::1"


def read_back(sock: socket.socket) -> dict[str, int | None]:
    """Return the socket options in force, which may differ from those requested.

    They are printed in the ready line.
    """
    tcp = sock.type == socket.SOCK_STREAM
    return {
        "backlog": backlog(sock) if tcp else None,
        "nodelay": sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) and 1 if tcp else None,
        "rcvbuf": sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        "sndbuf": sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
    }


def backlog(listener: socket.socket) -> int:
    """Return the backlog in force. The kernel limits it to net.core.somaxconn."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BACKLOG.stop)
    return int.from_bytes(info[_TCP_INFO_BACKLOG], sys.byteorder)


class Acceptor:
    """Accepts connections, and pauses when file descriptors or buffers run out.

    In this case accept fails, the client stays in the backlog and the listener stays readable. A server that ignored
    the error would spin; one that treated it as fatal would drop the clients that it serves. So the error is logged
    once, and the server tries again after a pause or when a connection has been closed. Other errors propagate, since
    they are faults in the program.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.out_of_fds = False  # the last accept failed because there were no descriptors or buffers left
        self.retry_at_s = 0.0  # when to try again after such a failure, on the monotonic clock
        self._exhaustions = Tally("out of file descriptors or buffers; clients wait in the backlog")

    def accept(self) -> socket.socket | None:
        """Accept a connection.

        Returns None if no client is waiting, or if none can be accepted (see ``out_of_fds``).
        """
        try:
            conn, _ = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker took it, or the client has disconnected
            return None
        except OSError as error:
            self.note_failure(error)
            return None
        self.out_of_fds = False
        return conn

    def note_failure(self, error: OSError) -> None:
        """Record an accept that failed because descriptors or buffers ran out. Raises any other error again.

        For a library that accepts by itself and raises its error; the caller then pauses for ``ACCEPT_RETRY_S``.
        """
        if error.errno not in _EXHAUSTED:
            raise error
        self.retry_at_s = time.monotonic() + ACCEPT_RETRY_S
        if not self.out_of_fds:
            self.out_of_fds = True
            self._exhaustions.add()

    def accept_blocking(self) -> socket.socket:
        """Wait for a connection on a blocking listener and accept it."""
        while True:
            conn = self.accept()
            if conn is not None:
                return conn
            if self.out_of_fds:
                time.sleep(ACCEPT_RETRY_S)
