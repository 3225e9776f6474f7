"""A server whose every reply is known beforehand: ``python -m servers.reference --transport udp --delay-ns 2000000``.

Not a model: it is there to put a load generator to the test. It echoes messages of a fixed size that begin with the
generator's connection and number, at the times and with the faults that ``behaviour`` names, and keeps the time
of each arrival, of the planned departure and of the send. On SIGTERM it writes them to a file, and ends.

One thread. It sleeps until shortly before the next reply is due and spins from there: late wake-ups never add up.
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
from servers.reference.behaviour import CLOSES, FALLS_SILENT, RESETS, Behaviour, Course, Reply, ending, header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

SPIN_NS = 200_000  # before a reply is due: a sleep may end so much too late
MERGE_WAIT_NS = 5_000_000  # how long replies wait for others to be sent with
COLUMNS = ("connection", "number", "arrival_ns", "planned_ns", "sent_ns", "kind")


class Ended(BaseException):
    """SIGTERM."""


class Peer:
    """One TCP connection."""

    def __init__(self, conn: socket.socket) -> None:
        self.conn = conn
        self.pending = b""  # the beginning of a request
        self.requests = 0
        self.due_ns = 0  # replies of a stream leave in their order
        self.merging: list[tuple[Reply, tuple[int, int, int]]] = []


class Reference:
    """The server: what waits to leave, and the stamps of what has left."""

    def __init__(self, sock: socket.socket, behaviour: Behaviour, message_bytes: int) -> None:
        self.sock = sock
        self.behaviour = behaviour
        self.message_bytes = message_bytes
        self.course = Course(behaviour, time.monotonic_ns())
        self.stamps: list[tuple[int, int, int, int, int, str]] = []
        self.waiting: list[tuple[int, int, Reply, Any, tuple[int, int, int]]] = []  # a heap by due time
        self.sequence = 0
        self.peers: dict[socket.socket, Peer] = {}

    def serve(self, tcp: bool) -> NoReturn:
        """Serve until a signal ends it."""
        self.sock.setblocking(False)
        while True:
            left_ns = self.waiting[0][0] - time.monotonic_ns() if self.waiting else 1_000_000_000
            timeout_s = max(0, left_ns - SPIN_NS) / 1e9
            readable, _, _ = select.select([self.sock, *self.peers], (), (), timeout_s)
            for sock in readable:
                if not tcp:
                    self.take_datagrams()
                elif sock is self.sock:
                    self.accept()
                elif sock in self.peers:
                    self.read(self.peers[sock])
            self.send_due()

    def accept(self) -> None:
        """Accept one connection."""
        conn = sockets.Acceptor(self.sock).accept()
        if conn is not None:
            conn.setblocking(False)
            self.peers[conn] = Peer(conn)

    def take_datagrams(self) -> None:
        """Take every datagram that is there."""
        while True:
            try:
                message, address = self.sock.recvfrom(sockets.MAX_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            self.plan(message, address, time.monotonic_ns())

    def read(self, peer: Peer) -> None:
        """Take the requests that have come on a stream, and end it where the behaviour says so."""
        try:
            data = peer.conn.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        arrival_ns = time.monotonic_ns()
        if not data:
            self.leave(peer)
            return
        peer.pending += data
        while len(peer.pending) >= self.message_bytes and peer.conn in self.peers:
            message, peer.pending = peer.pending[: self.message_bytes], peer.pending[self.message_bytes :]
            peer.requests += header(message) != (-1, -1)
            how = ending(self.behaviour, peer.requests)
            if how == FALLS_SILENT:
                self.stamp(Reply(arrival_ns, message, how, 0), (*header(message), arrival_ns), 0)
            elif how in (RESETS, CLOSES):
                self.stamp(Reply(arrival_ns, message, how, 0), (*header(message), arrival_ns), 0)
                if how == RESETS:
                    peer.conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.leave(peer)
            else:
                self.plan(message, peer, arrival_ns)

    def leave(self, peer: Peer) -> None:
        """Close a connection; what still waits to leave on it is not sent."""
        self.peers.pop(peer.conn, None)
        peer.conn.close()

    def plan(self, message: bytes, to: Any, arrival_ns: int) -> None:
        """Let the replies to a request wait for their time."""
        known = (*header(message), arrival_ns)
        replies = [Reply(arrival_ns, message)] if known[0] < 0 else self.course.replies(message, arrival_ns)
        for reply in replies:
            of = known if reply.message is message else (*header(reply.message), arrival_ns)
            if not reply.copies:
                self.stamp(reply, of, 0)
                continue
            if isinstance(to, Peer):
                reply.due_ns = to.due_ns = max(reply.due_ns, to.due_ns)
            self.sequence += 1
            heapq.heappush(self.waiting, (reply.due_ns, self.sequence, reply, to, of))

    def send_due(self) -> None:
        """Send all whose time has come."""
        while self.waiting and self.waiting[0][0] <= time.monotonic_ns():
            _, _, reply, to, of = heapq.heappop(self.waiting)
            if not isinstance(to, Peer):
                for _ in range(reply.copies):
                    self.stamp(reply, of, time.monotonic_ns())
                    self.sock.sendto(reply.message, to)
            elif to.conn in self.peers:
                self.send_on_stream(to, reply, of)

    def send_on_stream(self, peer: Peer, reply: Reply, of: tuple[int, int, int]) -> None:
        """Send one reply whole, in pieces, or together with others."""
        if reply.kind == "flush" and not peer.merging:
            return
        if self.behaviour.merge:
            peer.merging.append((reply, of))
            waited_ns = time.monotonic_ns() - peer.merging[0][0].due_ns
            if len(peer.merging) < self.behaviour.merge and waited_ns < MERGE_WAIT_NS:
                if len(peer.merging) == 1:  # look again when the first has waited long enough
                    self.sequence += 1
                    nothing = Reply(reply.due_ns + MERGE_WAIT_NS, b"", "flush")
                    heapq.heappush(self.waiting, (nothing.due_ns, self.sequence, nothing, peer, (-1, -1, 0)))
                return
            leaving, peer.merging = peer.merging, []
        else:
            leaving = [(reply, of)]
        now_ns = time.monotonic_ns()
        for one, whose in leaving:
            if one.kind != "flush":
                self.stamp(one, whose, now_ns)
        data = b"".join(one.message * one.copies for one, _ in leaving)
        size = self.behaviour.pieces or max(1, len(data))
        try:
            peer.conn.setblocking(True)  # a generator that does not read is not what is put to the test
            for at in range(0, len(data), size):
                peer.conn.sendall(data[at : at + size])
            peer.conn.setblocking(False)
        except OSError:
            self.leave(peer)

    def stamp(self, reply: Reply, of: tuple[int, int, int], sent_ns: int) -> None:
        """Keep the times of one reply; ``sent_ns`` 0: it was not sent."""
        connection, number, arrival_ns = of
        if connection >= 0:
            self.stamps.append((connection, number, arrival_ns, reply.due_ns, sent_ns, reply.kind))


def main() -> int:
    """Serve until SIGTERM, then write the stamps."""
    options = _parse()
    behaviour = Behaviour(**{name: value for name, value in vars(options).items() if hasattr(Behaviour(), name)})
    parent_death.die_with_parent()
    tcp = options.transport == "tcp"
    sock = sockets.bind_tcp("127.0.0.1", 0, 4096) if tcp else sockets.bind_udp("127.0.0.1", 0)
    server = Reference(sock, behaviour, options.message_bytes)
    gc.disable()
    signal.signal(signal.SIGTERM, _end)
    try:
        sys.stdout.write(json.dumps({"ready": True, "pid": os.getpid(), "port": sock.getsockname()[1]}) + "\n")
        sys.stdout.flush()
        server.serve(tcp)
    except Ended:
        if options.stamps:
            with Path(options.stamps).open("w", encoding="ascii") as file:
                file.write(",".join(COLUMNS) + "\n")
                file.writelines(",".join(map(str, row)) + "\n" for row in server.stamps)
    return 0


def _end(*_: object) -> None:
    raise Ended


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m servers.reference", description="Behave as told.")
    parser.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    parser.add_argument("--message-bytes", type=int, default=64, help="of every message: it cuts streams into requests")
    parser.add_argument("--stamps", help="file that gets the times of all replies when it ends (.csv)")
    for name in vars(Behaviour()):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
