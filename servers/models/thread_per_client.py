"""One thread per client.

Strengths: each conversation is written as if it were the only one; a slow client delays nobody; a long computation in
C that releases the interpreter lock can use another CPU. Weaknesses: every client costs a thread (stack, start,
switches), and only one thread at a time runs Python, so more CPUs do not help.

Over UDP a client is a peer address. Its thread is fed by a queue and exits after some idle seconds or after ``adios``.
This costs two thread switches per datagram, with no benefit for replies as cheap as these.
"""

from __future__ import annotations

import _thread
from queue import Empty, SimpleQueue

from servers import sockets
from servers.log import Tally
from servers.models.iterative import serve_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import DatagramHandler, NewDatagramHandler, NewStreamHandler

    Address = Any  # as returned by recvfrom

IDLE_S = 5.0  # after which the thread of a silent peer exits; its next datagram starts another
MAX_QUEUED = 256  # datagrams per peer; about as many short ones as fill the kernel's buffer
# glibc keeps 40 MB of stacks for reuse, which is five stacks of the default 8 MiB. Starting and ending 64 threads took
# 25 to 30% less time with this size (three times the median of 60 bursts).
STACK_BYTES = 256 * 1024


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept clients, and start a thread for each."""
    _thread.stack_size(STACK_BYTES)
    acceptor = sockets.Acceptor(listener)
    refused = Tally("a connection was closed because no thread could be started")
    while True:
        conn = acceptor.accept_blocking()
        try:
            # Not threading.Thread, which waits until the thread runs: 160 us per session instead of 100.
            _thread.start_new_thread(serve_connection, (conn, new_handler()))
        except RuntimeError:
            conn.close()
            refused.add()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive datagrams, and pass each one to the thread of its peer."""
    _thread.stack_size(STACK_BYTES)
    peers = Peers(sock, new_handler)
    while True:
        peers.dispatch(*sock.recvfrom(sockets.MAX_DATAGRAM_BYTES))


class Peers:
    """The peers that have a thread, each with its queue.

    Race: a datagram may arrive just when the idle thread of its peer exits. So both sides take the lock: the receiver
    to put a datagram into a queue of the table, the thread to remove its empty queue from the table.
    """

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        self.sock = sock
        self.new_handler = new_handler
        self.queues: dict[Address, SimpleQueue[bytes]] = {}
        self.lock = _thread.allocate_lock()
        self.refused = Tally("a datagram was answered by the receiving thread because no thread could be started")
        self.dropped = Tally("a datagram was dropped because the queue of its peer was full")

    def dispatch(self, datagram: bytes, peer: Address) -> None:
        """Put a datagram into the queue of its peer. Starts the peer's thread if needed."""
        with self.lock:
            queue = self.queues.get(peer)
            if queue is not None:
                if queue.qsize() < MAX_QUEUED:
                    queue.put(datagram)
                else:
                    self.dropped.add()
                return
            queue = self.queues[peer] = SimpleQueue()
            queue.put(datagram)
        try:
            _thread.start_new_thread(self.serve_peer, (peer, queue))
        except RuntimeError:
            del self.queues[peer]
            self.refused.add()
            self.answer(datagram, peer, self.new_handler())

    def serve_peer(self, peer: Address, queue: SimpleQueue[bytes]) -> None:
        """Answer one peer until it ends the conversation or is idle."""
        handler = self.new_handler()
        while True:
            try:
                self.answer(queue.get(timeout=IDLE_S), peer, handler)
            except Empty:
                finished = True
            else:
                finished = handler.done
            if finished:
                with self.lock:
                    if queue.empty():
                        del self.queues[peer]
                        return
                handler = self.new_handler()  # more has arrived: the next conversation

    def answer(self, datagram: bytes, peer: Address, handler: DatagramHandler) -> None:
        """Send the reply, if any."""
        reply = handler.feed(datagram)
        if reply is not None:
            try:
                self.sock.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()
