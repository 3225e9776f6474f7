"""socketserver.ThreadingTCPServer and ThreadingUDPServer with their defaults.

This model shows what the defaults cost; the other models all use the same settings. Strengths: part of the standard
library, and fifteen lines make a server. Weaknesses: with a backlog of 5, clients that connect together wait a second
for their next attempt; without TCP_NODELAY, a reply in two writes may wait for an acknowledgement; over UDP every
datagram starts a thread.
"""

from __future__ import annotations

import socketserver

from servers import sockets
from servers.models.iterative import serve_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler


OWN_BACKLOG = 5  # socketserver.TCPServer.request_queue_size


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the library's server with a thread per client."""

    class Server(socketserver.ThreadingMixIn, StreamServer):
        daemon_threads = True

    Server(listener, new_handler).serve_forever()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the library's server with a thread per datagram."""

    class Server(socketserver.ThreadingMixIn, DatagramServer):
        daemon_threads = True

    Server(sock, new_handler).serve_forever()


class StreamServer(socketserver.TCPServer):
    """The library's TCP server on an existing listener."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener.getsockname(), socketserver.BaseRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.acceptor = sockets.Acceptor(listener)
        self.new_handler = new_handler

    def get_request(self) -> tuple[Any, Any]:
        """Accept a client.

        Without free descriptors, the library would retry its own method in a busy loop.
        """
        conn = self.acceptor.accept_blocking()
        return conn, None

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Serve one client until it disconnects."""
        serve_connection(request, self.new_handler())

    def shutdown_request(self, request: Any) -> None:
        """Close the connection, without the library's shutdown."""
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Drop the client without the library's traceback."""


class DatagramServer(socketserver.UDPServer):
    """The library's UDP server on an existing socket."""

    max_packet_size = sockets.MAX_DATAGRAM_BYTES  # the library's 8 KiB would truncate datagrams

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        super().__init__(sock.getsockname(), socketserver.BaseRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = sock
        self.feed = new_handler().feed

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer one datagram."""
        datagram, sock = request
        reply = self.feed(datagram)
        if reply is not None:
            sock.sendto(reply, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Count a reply that could not be sent, without the library's traceback."""
        sockets.unsent_replies.add()
