"""Run the reference server: ``python -m servers.reference --delay-ns 2000000``.

It echoes messages of a fixed size that start with the generator's connection and request number. In the protocol
``work`` it echoes frames and adds their waits to its delays; it computes nothing. Delays and faults follow
``behaviour``. For each reply it records when the request arrived, when the reply was due and when it was sent. On
SIGTERM it writes these time stamps to a file and exits.

It runs in one thread. It sleeps until shortly before the next reply is due and then spins, so late wake-ups do not add
up.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

from servers import parent_death, sockets
from servers.reference.behaviour import (
    CLOSES,
    FALLS_SILENT,
    RESETS,
    WORK_OFFSET,
    Behaviour,
    Reply,
    ReplyPlanner,
    action_at,
    parse_header,
    wait_ns_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    RequestId = tuple[int, int, int]  # connection, request number, arrival in ns

SPIN_NS = 200_000  # before a reply is due: a sleep may take this much too long
MERGE_WAIT_NS = 5_000_000  # how long a reply waits for others that are sent with it
COLUMNS = ("connection", "number", "arrival_ns", "planned_ns", "sent_ns", "kind")


class Terminated(BaseException):
    """SIGTERM was received."""


class Peer:
    """One TCP connection."""

    def __init__(self, conn: socket.socket) -> None:
        self.conn = conn
        self.pending = b""  # an incomplete request
        self.requests = 0
        self.due_ns = 0  # of the last reply: replies on a stream are sent in order
        self.merging: list[tuple[Reply, RequestId]] = []


class ReferenceServer:
    """The server, with replies that are not due yet and the time stamps of the others."""

    def __init__(self, sock: socket.socket, behaviour: Behaviour, message_bytes: int | None) -> None:
        self.sock = sock
        self.behaviour = behaviour
        self.message_bytes = message_bytes  # None: frames of work, which contain their length
        self.header_offset = 0 if message_bytes else WORK_OFFSET
        self.planner = ReplyPlanner(behaviour, time.monotonic_ns())
        self.stamps: list[tuple[int, int, int, int, int, str]] = []  # rows of COLUMNS
        self.queue: list[tuple[int, int, Reply, Any, RequestId]] = []  # a heap, ordered by due time
        self.sequence = 0  # keeps replies with the same due time in order
        self.peers: dict[socket.socket, Peer] = {}

    def serve(self, tcp: bool) -> NoReturn:
        """Serve until a signal raises Terminated."""
        self.sock.setblocking(False)
        while True:
            left_ns = self.queue[0][0] - time.monotonic_ns() if self.queue else 1_000_000_000
            timeout_s = max(0, left_ns - SPIN_NS) / 1e9
            readable, _, _ = select.select([self.sock, *self.peers], (), (), timeout_s)
            for sock in readable:
                if not tcp:
                    self.receive_datagrams()
                elif sock is self.sock:
                    self.accept()
                elif sock in self.peers:
                    self.receive_stream(self.peers[sock])
            self.send_due()

    def accept(self) -> None:
        """Accept one connection."""
        conn = sockets.Acceptor(self.sock).accept()
        if conn is not None:
            conn.setblocking(False)
            self.peers[conn] = Peer(conn)

    def receive_datagrams(self) -> None:
        """Receive datagrams until none is left."""
        while True:
            try:
                message, address = self.sock.recvfrom(sockets.MAX_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            self.schedule(message, address, time.monotonic_ns())

    def receive_stream(self, peer: Peer) -> None:
        """Receive the requests that have arrived on a connection."""
        try:
            data = peer.conn.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        arrival_ns = time.monotonic_ns()
        if not data:
            self.disconnect(peer)
            return
        peer.pending += data
        while peer.conn in self.peers:
            size = self.message_bytes or int.from_bytes(peer.pending[:WORK_OFFSET], "little")
            if len(peer.pending) < max(size, WORK_OFFSET):
                return
            if size < WORK_OFFSET:  # not a frame, and without an end
                self.disconnect(peer)
                return
            message, peer.pending = peer.pending[:size], peer.pending[size:]
            self.take_request(peer, message, arrival_ns)

    def take_request(self, peer: Peer, message: bytes, arrival_ns: int) -> None:
        """Schedule the reply to a request on a stream, or end the connection."""
        header = parse_header(message, self.header_offset)
        peer.requests += header != (-1, -1)
        action = action_at(self.behaviour, peer.requests)
        if action not in (RESETS, CLOSES, FALLS_SILENT):
            self.schedule(message, peer, arrival_ns)
            return
        self.stamp(Reply(arrival_ns, message, action, 0), (*header, arrival_ns), 0)
        if action == RESETS:
            peer.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if action != FALLS_SILENT:
            self.disconnect(peer)

    def disconnect(self, peer: Peer) -> None:
        """Close a connection. Its replies that are not due yet are never sent."""
        self.peers.pop(peer.conn, None)
        peer.conn.close()

    def schedule(self, message: bytes, destination: Any, arrival_ns: int) -> None:
        """Queue the replies to a request.

        destination: the peer of a stream, or the address of a datagram.
        """
        request = (*parse_header(message, self.header_offset), arrival_ns)
        wait_ns = 0 if self.message_bytes else wait_ns_of(message)
        replies = [Reply(arrival_ns, message)] if request[0] < 0 else self.planner.replies(message, arrival_ns, wait_ns)
        for reply in replies:
            header = request[:2] if reply.message is message else parse_header(reply.message, self.header_offset)
            answered = (*header, arrival_ns)
            if not reply.copies:
                self.stamp(reply, answered, 0)
                continue
            if isinstance(destination, Peer):
                reply.due_ns = destination.due_ns = max(reply.due_ns, destination.due_ns)
            self.sequence += 1
            heapq.heappush(self.queue, (reply.due_ns, self.sequence, reply, destination, answered))

    def send_due(self) -> None:
        """Send all replies that are due."""
        while self.queue and self.queue[0][0] <= time.monotonic_ns():
            _, _, reply, destination, request = heapq.heappop(self.queue)
            if not isinstance(destination, Peer):
                for _ in range(reply.copies):
                    self.stamp(reply, request, time.monotonic_ns())
                    self.sock.sendto(reply.message, destination)
            elif destination.conn in self.peers:
                self.send_on_stream(destination, reply, request)

    def send_on_stream(self, peer: Peer, reply: Reply, request: RequestId) -> None:
        """Send one reply: whole, in pieces, or merged with others."""
        if reply.kind == "flush" and not peer.merging:
            return
        if self.behaviour.merge:
            peer.merging.append((reply, request))
            waited_ns = time.monotonic_ns() - peer.merging[0][0].due_ns
            if len(peer.merging) < self.behaviour.merge and waited_ns < MERGE_WAIT_NS:
                if len(peer.merging) == 1:  # check again when the first reply has waited long enough
                    self.sequence += 1
                    flush = Reply(reply.due_ns + MERGE_WAIT_NS, b"", "flush")
                    heapq.heappush(self.queue, (flush.due_ns, self.sequence, flush, peer, (-1, -1, 0)))
                return
            batch, peer.merging = peer.merging, []
        else:
            batch = [(reply, request)]
        now_ns = time.monotonic_ns()
        for merged, answered in batch:
            if merged.kind != "flush":
                self.stamp(merged, answered, now_ns)
        self.send_all(peer, b"".join(merged.message * merged.copies for merged, _ in batch))

    def send_all(self, peer: Peer, data: bytes) -> None:
        """Send bytes on a stream, in pieces if the behaviour requires it."""
        size = self.behaviour.pieces or max(1, len(data))
        try:
            peer.conn.setblocking(True)  # may wait: a generator that does not read is not under test
            for start in range(0, len(data), size):
                peer.conn.sendall(data[start : start + size])
            peer.conn.setblocking(False)
        except OSError:
            self.disconnect(peer)

    def stamp(self, reply: Reply, request: RequestId, sent_ns: int) -> None:
        """Record the times of one reply. sent_ns is 0 if it was not sent."""
        connection, number, arrival_ns = request
        if connection >= 0:
            self.stamps.append((connection, number, arrival_ns, reply.due_ns, sent_ns, reply.kind))


def main() -> int:
    """Serve until SIGTERM, then write the time stamps."""
    options = _parse()
    behaviour = Behaviour(**{name: value for name, value in vars(options).items() if hasattr(Behaviour(), name)})
    parent_death.die_with_parent()
    tcp = options.transport == "tcp"
    sock = sockets.bind_tcp("127.0.0.1", 0, 4096) if tcp else sockets.bind_udp("127.0.0.1", 0)
    server = ReferenceServer(sock, behaviour, None if options.protocol == "work" else options.message_bytes)
    gc.disable()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        sys.stdout.write(json.dumps({"ready": True, "pid": os.getpid(), "port": sock.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        server.serve(tcp)
    except Terminated:
        if options.stamps:
            with Path(options.stamps).open("w", encoding="ascii") as file:
                file.write(",".join(COLUMNS) + "\n")
                file.writelines(",".join(map(str, row)) + "\n" for row in server.stamps)
    return 0


def _terminate(*_: object) -> None:
    raise Terminated


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m servers.reference",
        description="Run a server with known delays and faults, to verify a load generator.",
        epilog="Other options set an attribute of servers.reference.behaviour.Behaviour, e.g. --delay-ns 2000000.",
    )
    parser.add_argument(
        "--transport", choices=("tcp", "udp"), default="tcp", help="transport to serve (default: %(default)s)"
    )
    parser.add_argument(
        "--protocol", choices=("echo", "work"), default="echo", help="protocol to serve (default: %(default)s)"
    )
    parser.add_argument(
        "--message-bytes",
        type=int,
        default=64,
        help="size of every message of echo, which splits a stream into requests (default: %(default)s)",
    )
    parser.add_argument("--stamps", help="CSV file for the time stamps of all replies, written on exit")
    for name in vars(Behaviour()):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
