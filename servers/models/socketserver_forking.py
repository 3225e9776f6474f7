"""The standard library's own processes, with its defaults: socketserver.ForkingTCPServer and ForkingUDPServer.

A process for each client, over UDP for each datagram, and 40 of them at most: when there are as many, nobody is served
until one of them ends. Good: it is there, and fifteen lines make a server; a client can neither block nor crash
another. Bad: that limit, a backlog of 5, no TCP_NODELAY, and a fork for every datagram.
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
    """Run the library's server with a process for each client."""
    _Clients(listener, new_handler).serve_forever()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the library's server with a process for each datagram."""
    _Datagrams(sock, new_handler).serve_forever()


class _Forking(socketserver.ForkingMixIn):
    """Processes that do not outlive the server."""

    parent = 0
    at_capacity = Tally(f"there are {MAX_TCP_CLIENTS} processes; clients wait in the backlog")

    def collect_children(self, *, blocking: bool = False) -> None:
        """Say once why nobody is served; a child has called this, too, and is none of ours."""
        if len(self.active_children or ()) >= self.max_children:
            self.at_capacity.add()
        super().collect_children(blocking=blocking)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Fork."""
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
