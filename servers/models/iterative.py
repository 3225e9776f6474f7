"""One client at a time over TCP, until it disconnects; one datagram at a time over UDP.

Represents: tuned: the read size grows with the messages

Strengths: the least code, no shared state, and the fastest model for one client or for a sequence of short sessions.
Weakness: over TCP a client that stays connected keeps all others in the backlog, even if it is idle. Over UDP no
client waits for another: one loop answers all peers, which is the best that a single thread can do.
"""

from __future__ import annotations

from servers import sockets
from servers.work.blocking import BlockingDatagrams, serve_work
from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler

MAX_TCP_CLIENTS = 1
MAX_UDP_WAITS = 1
MIN_RECV_BYTES = 4_096
MAX_RECV_BYTES = 65_536  # from 256 KiB on, glibc may map and unmap memory in each call: 20 us instead of 2.8


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Serve one client after the other."""
    acceptor = sockets.Acceptor(listener)
    while True:
        serve_connection(acceptor.accept_blocking(), new_handler())


def serve_connection(conn: socket.socket, handler: StreamHandler) -> None:
    """Serve one client until the conversation ends or the connection breaks.

    The connection is closed then. The read size grows when a client fills it, because long messages need large reads.
    A fixed size of 64 KiB cost 5 to 10% more CPU time than 4 KiB (64-byte messages, 64 clients with a thread each,
    five runs of 17 to 45 rounds). The reason is that each waiting thread has such a buffer allocated. Reusing a buffer,
    with recv_into and a copy, costs 0.4 us more.
    """
    recv, sendall, feed = conn.recv, conn.sendall, handler.feed
    size = MIN_RECV_BYTES
    try:
        while not handler.done:
            data = recv(size)
            if not data:
                break
            if len(data) == size < MAX_RECV_BYTES:
                size *= 4
            reply = feed(data)
            if reply:
                sendall(reply)
    except OSError:
        pass  # the client reset the connection
    finally:
        conn.close()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive and reply, one datagram at a time."""
    recvfrom, sendto, feed = sock.recvfrom, sock.sendto, new_handler().feed
    while True:
        datagram, peer = recvfrom(sockets.MAX_DATAGRAM_BYTES)
        reply = feed(datagram)
        if reply is not None:
            try:
                sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()


def serve_work_tcp(listener: socket.socket) -> None:
    """Serve one client after the other; a wait of the one is a wait of all."""
    acceptor = sockets.Acceptor(listener)
    while True:
        serve_work(acceptor.accept_blocking(), RequestStream())


def serve_work_udp(sock: socket.socket) -> None:
    """Receive, wait and reply, one datagram at a time."""
    serve_udp(sock, BlockingDatagrams)
