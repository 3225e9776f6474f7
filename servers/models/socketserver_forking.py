"""socketserver.ForkingTCPServer and ForkingUDPServer with their defaults.

Represents: the standard library's defaults

They fork a process for each TCP client and for each datagram, at most 40 at a time; with 40 processes no other client
is served until one exits. Strengths: part of the standard library, fifteen lines make a server, and a client can
neither block nor crash another. Weaknesses: this limit, a backlog of 5, no TCP_NODELAY, and a fork per datagram.

The library logs neither that all processes are busy nor that descriptors have run out.
"""

from __future__ import annotations

import socketserver

from servers import sockets
from servers.models.iterative import serve_connection
from servers.models.socketserver_threading import answer_datagram, run_server
from servers.parent_death import prepare_forks
from servers.work.blocking import BlockingDatagrams, serve_work
from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler

FORKS = True
OWN_BACKLOG = 5  # socketserver.TCPServer.request_queue_size
MAX_TCP_CLIENTS = 40  # socketserver.ForkingMixIn.max_children
MAX_UDP_WAITS = 40  # the same


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the library's server with a process per client."""
    _fork_for_clients(listener, serve_connection, new_handler)


def serve_work_tcp(listener: socket.socket) -> None:
    """Run the library's server with a process per client, whose handler sleeps while a request waits."""
    _fork_for_clients(listener, serve_work, RequestStream)


def serve_work_udp(sock: socket.socket) -> None:
    """Run the library's server with a process per datagram, whose handler sleeps while the request waits."""
    serve_udp(sock, BlockingDatagrams)


def _fork_for_clients(
    listener: socket.socket, serve: Callable[[socket.socket, Any], None], new_conversation: Callable[[], object]
) -> None:
    die_with_server = prepare_forks()

    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            die_with_server()
            serve(self.request, new_conversation())

    run_server(socketserver.ForkingTCPServer, listener, Client)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the library's server with a process per datagram."""
    die_with_server, feed = prepare_forks(), new_handler().feed

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            die_with_server()
            answer_datagram(self, feed)

    class Server(socketserver.ForkingUDPServer):
        max_packet_size = sockets.MAX_DATAGRAM_BYTES  # the library's 8 KiB would truncate datagrams

    run_server(Server, sock, Datagram)
