"""A thread for every client, which converses with it alone.

Good: each conversation is written as if there were no other; one slow client delays nobody, a long computation in C
that gives up the interpreter lock can use another CPU. Bad: every client costs a thread (its stack, its start, the
switches), and the interpreter lock lets one thread at a time run Python, so more CPUs do not help. Over UDP a client is
a peer address: its thread is fed by a queue, and ends when it is idle for some seconds or takes leave. That costs two
switches a datagram, which buys nothing for replies as cheap as these.
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

    Address = Any  # as recvfrom gives it

IDLE_S = 5.0  # a peer that was silent for so long loses its thread; it gets a new one when it speaks again
MAX_QUEUED = 256  # datagrams of one peer; short ones fill the kernel's own buffer at about the same number
# glibc keeps 40 MB of stacks to use them again: five of the usual 8 MiB each. Starting and ending 64 threads took 25 to
# 30 % less time with this size (three times the median of 60 bursts).
STACK_BYTES = 256 * 1024


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept, and hand the connection to a thread of its own."""
    _thread.stack_size(STACK_BYTES)
    acceptor = sockets.Acceptor(listener)
    refused = Tally("no thread could be started: a connection was closed")
    while True:
        conn = acceptor.accept_blocking()
        try:
            # threading.Thread waits until the thread runs: 160 us instead of 100, which sessions would pay.
            _thread.start_new_thread(serve_connection, (conn, new_handler()))
        except RuntimeError:
            conn.close()
            refused.add()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive, and hand the datagram to the thread of its peer."""
    _thread.stack_size(STACK_BYTES)
    peers = Peers(sock, new_handler)
    while True:
        peers.dispatch(*sock.recvfrom(sockets.MAX_DATAGRAM_BYTES))


class Peers:
    """The peers that have a thread, each with the queue that feeds it.

    Subtle: a thread that ends for want of work and a datagram that arrives for it just then. Both sides hold the lock:
    one to put a datagram into a queue that is in the table, the other to take an empty queue out of it.
    """

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        self.sock = sock
        self.new_handler = new_handler
        self.queues: dict[Address, SimpleQueue[bytes]] = {}
        self.lock = _thread.allocate_lock()
        self.refused = Tally("no thread could be started: a datagram was answered by the thread that receives")
        self.dropped = Tally("a datagram was dropped, as the queue of its peer was full")

    def dispatch(self, datagram: bytes, peer: Address) -> None:
        """Put the datagram into the queue of its peer, whose thread is started if there is none."""
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
        """Answer one peer until it takes leave or falls silent."""
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
                handler = self.new_handler()  # there is more from it already: a new conversation

    def answer(self, datagram: bytes, peer: Address, handler: DatagramHandler) -> None:
        """Reply, if there is a reply."""
        reply = handler.feed(datagram)
        if reply is not None:
            try:
                self.sock.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()
