"""One thread, gevent: one greenlet per client.

Represents: as the documentation teaches

A greenlet yields where it would block, and libev reports when it can continue. Strengths: code written for threads,
without their stacks and kernel switches, for thousands of clients; whole programs can be converted by patching the
standard library. Weaknesses: a call that is not patched blocks every client, and the code does not show where other
greenlets may run.
"""

from __future__ import annotations

import gevent.server
import gevent.socket

from servers.models import iterative
from servers.models.iterative import serve_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler

NEEDS = "gevent"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the library's server, which starts a greenlet for each client."""

    def serve_client(conn: gevent.socket.socket, _: object) -> None:
        serve_connection(conn, new_handler())

    gevent.server.StreamServer(gevent.socket.socket(fileno=listener.detach()), serve_client).serve_forever()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive and reply in one greenlet for all peers."""
    iterative.serve_udp(gevent.socket.socket(fileno=sock.detach()), new_handler)
