"""One thread, gevent: one greenlet per client.

A greenlet yields where it would block, and libev reports when it can continue. Strengths: code written for threads,
without their stacks and kernel switches, for thousands of clients; whole programs can be converted by patching the
standard library. Weaknesses: a call that is not patched blocks every client, and the code does not show where other
greenlets may run.
"""

from __future__ import annotations

import gevent
import gevent.socket

from servers import sockets
from servers.models import iterative

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "gevent"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept clients, and start a greenlet for each."""
    listener.setblocking(False)
    acceptor = sockets.Acceptor(listener)
    while True:
        conn = acceptor.accept()
        if conn is not None:
            gevent.spawn(iterative.serve_connection, gevent.socket.socket(fileno=conn.detach()), new_handler())
        elif acceptor.out_of_fds:
            gevent.sleep(sockets.ACCEPT_RETRY_S)
        else:
            gevent.socket.wait_read(listener.fileno())


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive and reply in one greenlet for all peers."""
    iterative.serve_udp(gevent.socket.socket(fileno=sock.detach()), new_handler)
