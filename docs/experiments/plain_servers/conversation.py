"""Parts that the plain servers share: the two protocols, their sockets, and the command line."""

from __future__ import annotations

import socket
import sys

TYPE_CHECKING = False  # typing would make the plain servers larger, and their forks slower
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Answer = Callable[[bytes], bytes]

HOST = "127.0.0.1"
BACKLOG = 1024
READ_BYTES = 65_536
ADIOS = b"pues adios"
REPLIES = {b"hola": b"pues hola", b"adios": ADIOS}


def echo(request: bytes) -> bytes:
    """Return the request."""
    return request


def hola(request: bytes) -> bytes:
    """Return the reply to one request of the protocol hola."""
    return REPLIES.get(request, b"no entiendo")


def listen(port: int) -> socket.socket:
    """Return a listening socket."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind((HOST, port))
    listener.listen(BACKLOG)
    return listener


def bind_udp(port: int) -> socket.socket:
    """Return a UDP socket with the same receive buffer as the models."""
    sock = socket.socket(type=socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.bind((HOST, port))
    return sock


def converse(conn: socket.socket, answer: Answer) -> None:
    """Serve one client by blocking calls, and close."""
    with conn:
        try:
            while request := conn.recv(4096):
                reply = answer(request)
                conn.sendall(reply)
                if reply == ADIOS:
                    break
        except OSError:
            pass


def answer_datagrams(sock: socket.socket, answer: Answer) -> None:
    """Serve all peers by blocking calls."""
    while True:
        request, peer = sock.recvfrom(READ_BYTES)
        sock.sendto(answer(request), peer)


def run(servers: Mapping[str, Any]) -> None:
    """Run the server that the command line names. Exits with a message if there is none.

    servers: the functions, by names such as ``_select_tcp``.
    """
    try:
        name, transport, protocol, port = sys.argv[1:]
        serve = servers[f"_{name}_{transport}"]
        answer = {"echo": echo, "hola": hola}[protocol]
    except (ValueError, KeyError):
        sys.exit(f"usage: python {sys.argv[0]} NAME tcp|udp echo|hola PORT")
    serve(int(port), answer)
