"""socketserver.ThreadingTCPServer and ThreadingUDPServer with their defaults.

Represents: the standard library's defaults

This model shows what the defaults cost; the other models all use the same settings. Strengths: part of the standard
library, and fifteen lines make a server. Weaknesses: with a backlog of 5, clients that connect together wait a second
for their next attempt; without TCP_NODELAY, a reply in two writes may wait for an acknowledgement; over UDP every
datagram starts a thread.

When descriptors run out, the library tries to accept without a pause, and logs nothing.
"""

from __future__ import annotations

import socketserver

from servers import sockets
from servers.models.iterative import serve_connection
from servers.work.blocking import BlockingDatagrams, serve_work
from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler


OWN_BACKLOG = 5  # socketserver.TCPServer.request_queue_size


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the library's server with a thread per client."""
    _serve_in_threads(listener, serve_connection, new_handler)


def serve_work_tcp(listener: socket.socket) -> None:
    """Run the library's server with a thread per client, whose handler sleeps while a request waits."""
    _serve_in_threads(listener, serve_work, RequestStream)


def serve_work_udp(sock: socket.socket) -> None:
    """Run the library's server with a thread per datagram, whose handler sleeps while the request waits."""
    serve_udp(sock, BlockingDatagrams)


def _serve_in_threads(
    listener: socket.socket, serve: Callable[[socket.socket, Any], None], new_conversation: Callable[[], object]
) -> None:
    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            serve(self.request, new_conversation())

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    run_server(Server, listener, Client)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the library's server with a thread per datagram."""
    feed = new_handler().feed

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            answer_datagram(self, feed)

    class Server(socketserver.ThreadingUDPServer):
        daemon_threads = True
        max_packet_size = sockets.MAX_DATAGRAM_BYTES  # the library's 8 KiB would truncate datagrams

    run_server(Server, sock, Datagram)


def run_server(
    server_class: type[socketserver.TCPServer], sock: socket.socket, handler: type[socketserver.BaseRequestHandler]
) -> None:
    """Run a server of the library on an existing socket."""
    server = server_class(sock.getsockname(), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    server.serve_forever()


def answer_datagram(handler: socketserver.BaseRequestHandler, feed: Callable[[bytes], bytes | None]) -> None:
    """Answer one datagram, which the library passes together with the socket."""
    datagram, sock = handler.request
    reply = feed(datagram)
    if reply is not None:
        try:
            sock.sendto(reply, handler.client_address)
        except OSError:
            sockets.unsent_replies.add()
