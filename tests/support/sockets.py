"""TCP and UDP clients of a server; every call has a deadline."""

import contextlib
import socket
import threading
import weakref

from tests.support.servers import Server
from tests.support.work_frames import FRAME

DEADLINE_S = 20.0  # far longer than any reply takes

_open_sockets: "weakref.WeakSet[socket.socket]" = weakref.WeakSet()


def close_open_sockets() -> None:
    """Close sockets that a failed test left open, to avoid warnings in later ones."""
    for sock in list(_open_sockets):
        sock.close()


def connect(server: Server) -> socket.socket:
    """Open a TCP connection."""
    conn = socket.create_connection(server.address, timeout=DEADLINE_S)
    _open_sockets.add(conn)
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return conn


def make_udp_socket(server: Server) -> socket.socket:
    """Make a UDP socket that exchanges datagrams with the server only."""
    family = socket.AF_INET6 if ":" in server.address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    _open_sockets.add(sock)
    sock.settimeout(DEADLINE_S)
    sock.connect(server.address)
    return sock


def read_exactly(conn: socket.socket, size: int) -> bytes:
    """Read ``size`` bytes, or fewer if the server closes the connection first."""
    parts = []
    while size:
        part = conn.recv(min(size, 1 << 20))
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_to_end(conn: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    return read_exactly(conn, 1 << 40)


def exchange(conn: socket.socket, request: bytes, reply: bytes | None = None) -> None:
    """Send a request and check the reply. By default the reply equals the request."""
    expected = request if reply is None else reply
    conn.sendall(request)
    assert read_exactly(conn, len(expected)) == expected


def exchange_datagram(sock: socket.socket, request: bytes, reply: bytes | None = None) -> None:
    """Send a datagram and check the reply. By default the reply equals the request."""
    expected = request if reply is None else reply
    sock.send(request)
    assert sock.recv(65_536) == expected


def reset(conn: socket.socket) -> None:
    """Close a connection with a TCP reset instead of an orderly end."""
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    conn.close()


def start_writer(conn: socket.socket, message: bytes) -> threading.Thread:
    """Send the message in a thread, then half-close, while the caller reads.

    If the server breaks the connection, the caller does not read the whole message, so the error is not raised here.
    """

    def write() -> None:
        with contextlib.suppress(OSError):
            conn.sendall(message)
            conn.shutdown(socket.SHUT_WR)

    writer = threading.Thread(target=write)
    writer.start()
    return writer


def assert_serves(server: Server) -> None:
    """Check that a new client gets the right reply."""
    request, reply = {
        "echo": (b"still there?", b"still there?"),
        "hola": (b"hola", b"pues hola"),
        "work": (FRAME, FRAME),
    }[server["protocol"]]
    if server["transport"] == "tcp":
        with connect(server) as conn:
            exchange(conn, request, reply)
    else:
        with make_udp_socket(server) as sock:
            exchange_datagram(sock, request, reply)
