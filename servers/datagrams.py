"""Answer the datagrams that wait on a non-blocking socket."""

from __future__ import annotations

import select

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any


def drain(sock: socket.socket, feed: Callable[[bytes], bytes | None]) -> None:
    """Answer datagrams until none is left."""
    recvfrom = sock.recvfrom
    try:
        while True:
            datagram, peer = recvfrom(sockets.MAX_DATAGRAM_BYTES)
            reply = feed(datagram)
            if reply is not None:
                send(sock, reply, peer)
    except BlockingIOError:
        pass


def send(sock: socket.socket, reply: bytes, peer: Any) -> None:
    """Send one datagram, as soon as there is space in the send buffer."""
    try:
        sock.sendto(reply, peer)
    except BlockingIOError:
        select.select((), (sock,), ())
        send(sock, reply, peer)
    except OSError:
        sockets.unsent_replies.add()
