"""One thread per client.

Represents: tuned: threads have small stacks, and over UDP no lock is taken for a datagram

Strengths: each conversation is written as if it were the only one; a slow client delays nobody; a long computation in
C that releases the interpreter lock can use another CPU. Weaknesses: every client costs a thread (stack, start,
switches), and only one thread at a time runs Python, so more CPUs do not help.

Over UDP a client is a peer address. Its thread is fed by a queue and exits after some idle seconds or after ``adios``.
This costs two thread switches per datagram, with no benefit for replies as cheap as these.
"""

from __future__ import annotations

import _thread
import socket
import struct
import time
from queue import Empty, SimpleQueue

from servers import sockets
from servers.log import Tally
from servers.models.iterative import serve_connection
from servers.work.blocking import BlockingDatagrams, serve_work
from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from servers.protocols import DatagramHandler, NewDatagramHandler, NewStreamHandler

    Address = Any  # as returned by recvfrom

IDLE_S = 5.0  # after one to two times this, the thread of a silent peer exits; its next datagram starts another
TIMEVAL = struct.Struct("@ll")  # seconds and microseconds, from sys/time.h
MAX_QUEUED = 256  # datagrams per peer; about as many short ones as fill the kernel's buffer
# glibc keeps 40 MB of stacks for reuse, which is five stacks of the default 8 MiB. Starting and ending 64 threads took
# 25 to 30% less time with this size (three times the median of 60 bursts). It saves no memory: 1,000 idle threads used
# 13.4 KiB each with either size. Only the address space of each was 1.2 MiB instead of 9.
STACK_BYTES = 256 * 1024


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept clients, and start a thread for each."""
    start_threads(listener, serve_connection, new_handler)


def serve_work_tcp(listener: socket.socket) -> None:
    """Accept clients, and start a thread for each, which sleeps while its request waits."""
    start_threads(listener, serve_work, RequestStream)


def serve_work_udp(sock: socket.socket) -> None:
    """Pass each datagram to the thread of its peer, which sleeps while its request waits."""
    serve_udp(sock, BlockingDatagrams)


def start_threads(
    listener: socket.socket, serve: Callable[[socket.socket, Any], None], new_conversation: Callable[[], object]
) -> None:
    """Accept clients, and start a thread for each, in which a function serves one connection.

    new_conversation: makes the second argument of this function.
    """
    _thread.stack_size(STACK_BYTES)
    acceptor = sockets.Acceptor(listener)
    refused = Tally("a connection was closed because no thread could be started")
    while True:
        conn = acceptor.accept_blocking()
        try:
            # Not threading.Thread, which waits until the thread runs: 160 us per session instead of 100.
            _thread.start_new_thread(serve, (conn, new_conversation()))
        except RuntimeError:
            conn.close()
            refused.add()


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive datagrams, and pass each one to the thread of its peer.

    The receive timeout of the socket ends the threads of silent peers while nothing arrives. It is set in the kernel,
    because Python's own timeout would add a call of poll to each datagram.
    """
    _thread.stack_size(STACK_BYTES)
    seconds = int(IDLE_S)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL.pack(seconds, round(1e6 * (IDLE_S - seconds))))
    peers = Peers(sock, new_handler)
    recvfrom, dispatch = sock.recvfrom, peers.dispatch
    end_idle_s = time.monotonic() + IDLE_S
    while True:
        try:
            datagram, peer = recvfrom(sockets.MAX_DATAGRAM_BYTES)
        except BlockingIOError:
            pass
        else:
            dispatch(datagram, peer)
        if time.monotonic() >= end_idle_s:
            peers.end_idle()
            end_idle_s = time.monotonic() + IDLE_S


class Peers:
    """The peers that have a thread, each with its queue.

    Only the receiving thread puts datagrams into queues. A thread ends by removing its queue from the table, and then
    answers what is left in it. Race: the receiver may put a datagram into a queue just after that. So it looks into the
    table again afterwards, and takes the datagram back if the queue is gone and its thread has not taken it. No lock is
    needed: a queue gives each datagram once, to either side.
    """

    def __init__(self, sock: socket.socket, new_handler: NewDatagramHandler) -> None:
        self.sock = sock
        self.new_handler = new_handler
        self.queues: dict[Address, SimpleQueue[bytes | None]] = {}
        self.active: set[Address] = set()  # the peers that have sent something since the last call of end_idle
        self.refused = Tally("a datagram was answered by the receiving thread because no thread could be started")
        self.dropped = Tally("a datagram was dropped because the queue of its peer was full")

    def dispatch(self, datagram: bytes, peer: Address) -> None:
        """Put a datagram into the queue of its peer. Starts the peer's thread if needed."""
        queue = self.queues.get(peer)
        if queue is None:
            self.start(datagram, peer)
            return
        self.active.add(peer)
        if queue.qsize() >= MAX_QUEUED:
            self.dropped.add()
            return
        queue.put(datagram)
        if peer not in self.queues:
            try:
                untaken = queue.get_nowait()
            except Empty:
                return
            if untaken is not None:
                self.start(untaken, peer)

    def start(self, datagram: bytes, peer: Address) -> None:
        """Start the thread of a peer with its first datagram."""
        queue: SimpleQueue[bytes | None] = SimpleQueue()
        queue.put(datagram)
        self.queues[peer] = queue
        self.active.add(peer)
        try:
            _thread.start_new_thread(self.serve_peer, (peer, queue))
        except RuntimeError:
            del self.queues[peer]
            self.refused.add()
            self.answer(datagram, peer, self.new_handler())

    def end_idle(self) -> None:
        """End the threads of the peers that have been silent since the last call."""
        for peer, queue in list(self.queues.items()):
            if peer not in self.active:
                queue.put(None)
        self.active.clear()

    def serve_peer(self, peer: Address, queue: SimpleQueue[bytes | None]) -> None:
        """Answer one peer until it ends the conversation or is idle."""
        handler = self.new_handler()
        get, feed, sendto = queue.get, handler.feed, self.sock.sendto
        while not handler.done:
            datagram = get()
            if datagram is None:
                break
            reply = feed(datagram)
            if reply is not None:
                try:
                    sendto(reply, peer)
                except OSError:
                    sockets.unsent_replies.add()
        del self.queues[peer]
        while True:  # what arrived meanwhile starts no thread
            try:
                datagram = queue.get_nowait()
            except Empty:
                return
            if datagram is not None:
                self.answer(datagram, peer, self.new_handler())

    def answer(self, datagram: bytes, peer: Address, handler: DatagramHandler) -> None:
        """Send the reply, if any."""
        reply = handler.feed(datagram)
        if reply is not None:
            try:
                self.sock.sendto(reply, peer)
            except OSError:
                sockets.unsent_replies.add()
