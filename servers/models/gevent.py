"""One thread, gevent: one greenlet per client.

Represents: as the documentation teaches

A greenlet yields where it would block, and libev reports when it can continue. Strengths: code written for threads,
without their stacks and kernel switches, for thousands of clients; whole programs can be converted by patching the
standard library. Weaknesses: a call that is not patched blocks every client, and the code does not show where other
greenlets may run.
"""

from __future__ import annotations

import gevent
import gevent.server
import gevent.socket

from servers import sockets
from servers.models import iterative
from servers.models.iterative import serve_connection
from servers.work.blocking import serve_work, wait_and_compute
from servers.work.datagrams import DatagramBudget
from servers.work.protocol import RequestStream, parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler
    from servers.work.protocol import Request

NEEDS = "gevent"


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the library's server, which starts a greenlet for each client."""

    def serve_client(conn: gevent.socket.socket, _: object) -> None:
        serve_connection(conn, new_handler())

    gevent.server.StreamServer(gevent.socket.socket(fileno=listener.detach()), serve_client).serve_forever()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive and reply in one greenlet for all peers."""
    iterative.serve_udp(gevent.socket.socket(fileno=sock.detach()), new_handler)


def serve_work_tcp(listener: socket.socket) -> None:
    """Run the library's server, whose greenlets yield while their requests wait."""

    def serve_client(conn: gevent.socket.socket, _: object) -> None:
        serve_work(conn, RequestStream(), gevent.sleep)

    gevent.server.StreamServer(gevent.socket.socket(fileno=listener.detach()), serve_client).serve_forever()


def serve_work_udp(sock: socket.socket) -> None:
    """Receive in one greenlet, and start another for each datagram, as the library's DatagramServer does."""
    endpoint, budget = gevent.socket.socket(fileno=sock.detach()), DatagramBudget()

    def answer(request: Request, peer: Any) -> None:
        wait_and_compute(request, gevent.sleep)
        budget.give_back(request)
        try:
            endpoint.sendto(request.reply, peer)
        except OSError:
            sockets.unsent_replies.add()

    while True:
        datagram, peer = endpoint.recvfrom(sockets.MAX_DATAGRAM_BYTES)
        request = parse_datagram(datagram)
        if request is not None and budget.take(request):
            gevent.spawn(answer, request, peer)
