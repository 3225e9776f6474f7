"""The standard library's own threads, with its defaults: socketserver.ThreadingTCPServer and ThreadingUDPServer.

Good: it is there, and fifteen lines make a server. Bad: its defaults: a backlog of 5, so that clients who come
together wait a second for their next try; no TCP_NODELAY, so that a reply in two writes may wait for an
acknowledgement; over UDP a new thread for each datagram. It is here to show what these defaults cost; the other models
have one setting for all.
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
    """Run the library's server with a thread for each client."""

    class Server(socketserver.ThreadingMixIn, StreamServer):
        daemon_threads = True

    Server(listener, new_handler).serve_forever()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the library's server with a thread for each datagram."""

    class Server(socketserver.ThreadingMixIn, DatagramServer):
        daemon_threads = True

    Server(sock, new_handler).serve_forever()


class StreamServer(socketserver.TCPServer):
    """The library's server on a listener that there is already."""

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        super().__init__(listener.getsockname(), socketserver.BaseRequestHandler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.acceptor = sockets.Acceptor(listener)
        self.new_handler = new_handler

    def get_request(self) -> tuple[Any, Any]:
        """Accept; without descriptors the library's own would try again at once, for ever."""
        conn = self.acceptor.accept_blocking()
        return conn, None

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Answer one client to its end."""
        serve_connection(request, self.new_handler())

    def shutdown_request(self, request: Any) -> None:
        """Leave the connection to what has closed it."""
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Drop the client, without the library's traceback."""


class DatagramServer(socketserver.UDPServer):
    """The library's server on a socket that there is already."""

    max_packet_size = sockets.MAX_DATAGRAM_BYTES  # its own 8 KiB would cut datagrams off

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
        """Count what could not be sent, without the library's traceback."""
        sockets.unsent_replies.add()
