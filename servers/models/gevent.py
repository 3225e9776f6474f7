"""One thread, gevent: a greenlet for each client, which converses as a thread would.

A greenlet gives way when it would wait, and libev tells when to go on. Good: code for threads, without their stacks
and switches in the kernel, for thousands of clients; whole programs can be moved by patching the standard library.
Bad: what is not patched blocks everybody, and nothing in the code shows where others may run.
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
    """Accept, and hand the connection to a greenlet of its own."""
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
    """Receive, reply, repeat: one greenlet for all peers."""
    iterative.serve_udp(gevent.socket.socket(fileno=sock.detach()), new_handler)
