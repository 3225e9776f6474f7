"""Every socket of every model is made here, so that none is favoured by an option that the others lack.

But for models whose subject is what a library does by default: theirs are plain, and the parity table shows it.

Also here, because every model that accepts needs it: what to do when no more connections can be had.
"""

from __future__ import annotations

import errno
import socket
import struct
import time

from servers.log import Tally

UDP_BUFFER_BYTES = (
    1 << 20
)  # asked for: the kernel cuts it to net.core.rmem_max, then doubles it for its own bookkeeping
MAX_DATAGRAM_BYTES = 65_536  # no datagram is longer, so none is cut
ACCEPT_RETRY_S = 0.1  # how long clients stay in the backlog when connections cannot be had; they lose nothing there

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_TCP_INFO_BACKLOG = struct.Struct("28xI")  # tcpi_sacked in TCP_INFO: of a listening socket, the backlog in force

unsent_replies = Tally("a reply by UDP could not be sent")


def bind_tcp(host: str, port: int, backlog: int, *, reuseport: bool = False, defaults: bool = False) -> socket.socket:
    """Make a listener. Raises OSError as bind and the look-up of a host's name do.

    reuseport: others of this program may have the port, too. defaults: without TCP_NODELAY.
    """
    family, address = _resolve(host, port, socket.SOCK_STREAM)
    if reuseport and port:
        bind_tcp(host, port, backlog).close()  # or a second server would share it unasked
    return _listen(family, address, backlog, reuseport=reuseport, defaults=defaults)


def _listen(
    family: int, address: tuple[str, int], backlog: int, *, reuseport: bool, defaults: bool = False
) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if reuseport:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # So that it can start again while connections of the one before are in TIME_WAIT.
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
    """Make a socket for datagrams. Raises OSError as bind and the look-up of a host's name do.

    reuseport: others of this program may have the port, too. defaults: with the kernel's usual buffers.
    """
    family, address = _resolve(host, port, socket.SOCK_DGRAM)
    if reuseport and port:
        bind_udp(host, port).close()  # or a second server would share it unasked
    return _bind_datagrams(family, address, reuseport=reuseport, defaults=defaults)


def _bind_datagrams(family: int, address: tuple[str, int], *, reuseport: bool, defaults: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if reuseport:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # No SO_REUSEADDR: for UDP on Linux it would let a second server take the same port and share its datagrams.
        if not defaults:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UDP_BUFFER_BYTES)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UDP_BUFFER_BYTES)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def clone_reuseport(sock: socket.socket) -> socket.socket:
    """Make one more socket on the port of a shared one: the kernel spreads clients over them."""
    if sock.type == socket.SOCK_STREAM:
        return _listen(sock.family, sock.getsockname(), backlog(sock), reuseport=True)
    return _bind_datagrams(sock.family, sock.getsockname(), reuseport=True)


def _resolve(host: str, port: int, kind: int) -> tuple[int, tuple[str, int]]:
    # As bytes: given a str, getaddrinfo loads the codec for international names, with its tables, into every server.
    addresses = socket.getaddrinfo(host.encode(), port, type=kind, flags=socket.AI_PASSIVE)
    family, _, _, _, address = addresses[0]
    return family, address  # type: ignore[return-value]  # an IPv6 address has two fields more


def is_loopback(address: str) -> bool:
    """Tell whether nobody but this machine can reach a numeric address."""
    return address.startswith("127.") or address == "::1"


def read_back(sock: socket.socket) -> dict[str, int | None]:
    """Tell the options in force, for the ready line: what was asked for and what the kernel gave may differ."""
    tcp = sock.type == socket.SOCK_STREAM
    return {
        "backlog": backlog(sock) if tcp else None,
        "nodelay": sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) and 1 if tcp else None,
        "rcvbuf": sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF),
        "sndbuf": sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
    }


def backlog(listener: socket.socket) -> int:
    """Read the backlog of a listener from the kernel, which cuts it to net.core.somaxconn without a word."""
    info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BACKLOG.size)
    return int(_TCP_INFO_BACKLOG.unpack(info)[0])


class Acceptor:
    """The place where connections come in, with what has to be done when no more can be had.

    Without descriptors or buffers an accept fails, while the client stays in the backlog and the listener stays
    readable: a server that ignored this would spin, one that took it for fatal would drop those that it serves. So: say
    it, wait for a moment or until a connection has closed, and try again. Every other error is a fault in the program
    and propagates.
    """

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.out_of_fds = False  # the last accept failed for want of descriptors or buffers
        self.retry_at_s = 0.0  # when to try again after that, on the monotonic clock
        self._exhaustions = Tally("no more descriptors or buffers for connections; clients wait in the backlog")

    def accept(self) -> socket.socket | None:
        """Accept a connection; None if there is none to be had now (see ``short``)."""
        try:
            conn, _ = self.listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker took it; or the client has left again
            return None
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self.retry_at_s = time.monotonic() + ACCEPT_RETRY_S
            if not self.out_of_fds:
                self.out_of_fds = True
                self._exhaustions.add()
            return None
        self.out_of_fds = False
        return conn

    def accept_blocking(self) -> socket.socket:
        """Accept a connection from a blocking listener, however long it takes."""
        while True:
            conn = self.accept()
            if conn is not None:
                return conn
            if self.out_of_fds:
                time.sleep(ACCEPT_RETRY_S)
