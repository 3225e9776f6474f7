"""Datagrams whose replies wait, in a loop around select, poll or epoll."""

from __future__ import annotations

from servers import datagrams, sockets
from servers.log import Tally
from servers.work.protocol import parse_datagram
from servers.work.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.work.protocol import Request

MAX_IN_PROGRESS_BYTES = 64 << 20  # of all datagrams whose replies wait; further ones are dropped
OVERHEAD_BYTES = 1_024  # added for each datagram: about what its timer or its task takes
MAX_BATCH = 64  # datagrams that are read before the timers are looked at again

dropped_datagrams = Tally("a datagram was dropped because too many replies wait")


class DatagramBudget:
    """The memory that requests in progress may take: a peer can ask for more waits than a server can hold."""

    __slots__ = ("_taken_bytes",)

    def __init__(self) -> None:
        self._taken_bytes = 0

    def take(self, request: Request) -> bool:
        """Return whether there is room for a request, and take it. If not, the datagram is counted and dropped."""
        size = len(request.reply) + OVERHEAD_BYTES
        if self._taken_bytes + size > MAX_IN_PROGRESS_BYTES:
            dropped_datagrams.add()
            return False
        self._taken_bytes += size
        return True

    def give_back(self, request: Request) -> None:
        """Return the room of a request that has ended."""
        self._taken_bytes -= len(request.reply) + OVERHEAD_BYTES


class WorkDatagrams:
    """The datagrams of all peers. As many requests wait at once as the budget allows."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.timers = Timers()
        self.budget = DatagramBudget()
        self.more = False  # the last batch did not empty the socket

    def timeout_s(self) -> float | None:
        """Return how long an edge-triggered loop may sleep; None if nothing but a datagram can wake it.

        It calls ``receive`` after each sleep. Other loops sleep until ``timers`` are due, as the kernel reports again
        what was not read. With this timeout they would never sleep once a full batch was the last one.
        """
        return 0.0 if self.more else self.timers.timeout_s()

    def receive(self) -> None:
        """Read a batch of datagrams. Answer those that need not wait, and start timers for the others."""
        try:
            for _ in range(MAX_BATCH):
                datagram, peer = self.sock.recvfrom(sockets.MAX_DATAGRAM_BYTES)
                request = parse_datagram(datagram)
                if request is None:
                    continue
                if not request.wait_s:
                    self._reply(request, peer)
                elif self.budget.take(request):
                    self.start_timer(request.wait_s, request, peer)
        except BlockingIOError:
            self.more = False
        else:
            self.more = True

    def serve_due(self) -> None:
        """Answer the requests whose wait is over."""
        for request, peer in self.timers.pop_due():
            self.end_wait(request, peer)

    def start_timer(self, delay_s: float, request: Request, peer: Any) -> None:
        """Start the timer after which ``end_wait`` is called."""
        self.timers.add(delay_s, (request, peer))

    def end_wait(self, request: Request, peer: Any) -> None:
        """Compute and reply."""
        self.budget.give_back(request)
        self._reply(request, peer)

    def _reply(self, request: Request, peer: Any) -> None:
        request.compute()
        datagrams.send(self.sock, request.reply, peer)
