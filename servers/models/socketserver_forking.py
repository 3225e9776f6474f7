"""socketserver.ForkingTCPServer and ForkingUDPServer with their defaults.

They fork a process for each TCP client and for each datagram, at most 40 at a time; with 40 processes no other client
is served until one exits. Strengths: part of the standard library, fifteen lines make a server, and a client can
neither block nor crash another. Weaknesses: this limit, a backlog of 5, no TCP_NODELAY, and a fork per datagram.
"""

from __future__ import annotations

import os
import socketserver

from servers import parent_death
from servers.log import Tally
from servers.models.socketserver_threading import DatagramServer, StreamServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler

FORKS = True
OWN_BACKLOG = 5  # socketserver.TCPServer.request_queue_size
MAX_TCP_CLIENTS = 40  # socketserver.ForkingMixIn.max_children


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the library's server with a process per client."""
    _Clients(listener, new_handler).serve_forever()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the library's server with a process per datagram."""
    _Datagrams(sock, new_handler).serve_forever()


class _Forking(socketserver.ForkingMixIn):
    """Fork processes that exit with the server."""

    parent = 0
    at_capacity = Tally(f"all {MAX_TCP_CLIENTS} processes are busy; clients wait in the backlog")

    def collect_children(self, *, blocking: bool = False) -> None:
        """Log that all processes are busy, then wait for one as the library does."""
        if len(self.active_children or ()) >= self.max_children:
            self.at_capacity.add()
        super().collect_children(blocking=blocking)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Fork, and note the parent for the child."""
        self.parent = os.getpid()
        super().process_request(request, client_address)


class _Clients(_Forking, StreamServer):
    def finish_request(self, request: Any, client_address: Any) -> None:
        parent_death.die_with_parent(self.parent)
        super().finish_request(request, client_address)


class _Datagrams(_Forking, DatagramServer):
    def finish_request(self, request: Any, client_address: Any) -> None:
        parent_death.die_with_parent(self.parent)
        super().finish_request(request, client_address)
