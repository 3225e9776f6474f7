"""Traffic between the host of the servers and a generator, to see what their path can carry.

Both sides are bounded in time and in bytes, and in the time that they wait for each other.
"""

import contextlib
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.machine.kernel_counters import datagrams_dropped_at

WAIT_S = 20.0  # for the other side
TRANSFER_S, TRANSFER_BYTES = 0.35, 256 << 20
PINGS = 50
_CHUNK_BYTES = 1 << 18
_NUMBER = struct.Struct("<I")
_DATAGRAM_BYTES = 100
_QUIET_S = 0.2  # after which no more datagrams are expected
_BUSY_POLL_S = 0.05
_SCHEDSTAT = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True, slots=True)
class BulkTransfer:
    """A stream as its receiver saw it. payload_bytes_per_s: without its beginning; None if too little arrived.

    busy_share: of the time, in which the receiver's thread computed or waited for its CPU.
    """

    payload_bytes_per_s: float | None
    received_bytes: int
    busy_share: float


@dataclass(frozen=True, slots=True)
class Burst:
    """A burst as its sender saw it: datagrams that it sent, that came back, and that its own kernel dropped."""

    sent: int
    returned: int
    dropped: int | None  # None if the kernel does not report it


class BusyTime:
    """The share of time in which this thread computed or was ready to, since the beginning of the context."""

    def __enter__(self) -> Self:
        self._begin_ns, self._busy_ns = time.monotonic_ns(), _busy_ns()
        self.share = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        elapsed_ns = time.monotonic_ns() - self._begin_ns
        self.share = min(1.0, (_busy_ns() - self._busy_ns) / elapsed_ns) if elapsed_ns else 0.0


def _busy_ns() -> int:
    """Return the time that this thread ran, and that it was ready to run (proc(5): schedstat)."""
    try:
        ran, waited, _ = _SCHEDSTAT.read_text().split()
    except (OSError, ValueError):
        return time.thread_time_ns()
    return int(ran) + int(waited)


def send_bulk(connection: socket.socket) -> float:
    """Send until the receiver has enough; return the share of the time in which this thread was busy."""
    data = bytes(_CHUNK_BYTES)
    end_s, left = time.monotonic() + WAIT_S, TRANSFER_BYTES
    with BusyTime() as busy, contextlib.suppress(OSError):  # the receiver resets the connection
        while left > 0 and time.monotonic() < end_s:
            left -= connection.send(data)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)  # until the receiver has closed
    return busy.share


def receive_bulk(connection: socket.socket) -> BulkTransfer:
    """Receive for a while, and reset the connection, so that what waits in the sender's buffer is not sent.

    The second half of the time counts: a stream starts slowly. Raises OSError.
    """
    buffer, total, end_s = bytearray(_CHUNK_BYTES), 0, 0.0
    seen: list[tuple[float, int]] = []  # time, bytes so far
    with BusyTime() as busy:
        while count := connection.recv_into(buffer):
            now_s = time.monotonic()
            total += count
            seen.append((now_s, total))
            end_s = end_s or now_s + TRANSFER_S
            if now_s >= end_s:
                break
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return BulkTransfer(_second_half_bytes_per_s(seen), total, busy.share)


def _second_half_bytes_per_s(seen: list[tuple[float, int]]) -> float | None:
    if not seen:
        return None
    middle_s = (seen[0][0] + seen[-1][0]) / 2
    first_s, first_bytes = next(each for each in seen if each[0] >= middle_s)
    last_s, last_bytes = seen[-1]
    return (last_bytes - first_bytes) / (last_s - first_s) if last_s > first_s else None


def measure_round_trips(connection: socket.socket) -> list[float]:
    """Return the times in ms of one byte to the other side and back. Raises OSError."""
    times_ms = []
    for _ in range(1 + PINGS):  # the first one may find a path that is not set up yet
        begin_ns = time.perf_counter_ns()
        connection.send(b"?")
        if not connection.recv(1):
            raise ConnectionError("the other side closed the connection")
        times_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
    return times_ms[1:]


def answer_round_trips(connection: socket.socket) -> None:
    """Send each byte back until the other side has enough."""
    with contextlib.suppress(OSError):
        while data := connection.recv(1):
            connection.send(data)


def send_burst(sock: socket.socket, token: bytes, count: int, interval_s: float) -> Burst:
    """Send numbered datagrams to the connected address at a pace, and count those that come back.

    Datagrams that are late, because this process was stopped, are not sent all at once. Raises OSError.
    """
    returned: set[int] = set()
    sock.setblocking(False)
    sent, due_s, end_s = 0, time.monotonic(), time.monotonic() + WAIT_S
    while sent < count and (now_s := time.monotonic()) < end_s:
        if now_s < due_s:
            select.select([sock], [], [], due_s - now_s)
        else:
            with contextlib.suppress(BlockingIOError):
                sock.send((token + _NUMBER.pack(sent)).ljust(_DATAGRAM_BYTES, b"\0"))
                sent += 1
            due_s = max(due_s, now_s - interval_s) + interval_s
        _collect(sock, token, returned)
    while len(returned) < sent and select.select([sock], [], [], _QUIET_S)[0]:
        _collect(sock, token, returned)
    return Burst(sent, len(returned), datagrams_dropped_at(sock.getsockname()[1]))


def _collect(sock: socket.socket, token: bytes, numbers: set[int]) -> None:
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        while True:
            data = sock.recv(_DATAGRAM_BYTES)
            if data.startswith(token):
                numbers.add(_NUMBER.unpack_from(data, len(token))[0])


@dataclass(slots=True)
class DatagramEcho:
    """Sends the datagrams of a burst back, from a thread, as long as the context lasts."""

    sock: socket.socket
    token: bytes
    received: set[int] = field(default_factory=set)
    echoed: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Answer meanwhile, and until the last datagrams have been read."""
        thread = threading.Thread(target=self._run, name="datagram echo", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join(WAIT_S)

    @property
    def dropped(self) -> int | None:
        """Datagrams that had no room in the socket; None if the kernel does not report it."""
        return datagrams_dropped_at(self.sock.getsockname()[1])

    def _run(self) -> None:
        self.sock.settimeout(_BUSY_POLL_S)
        while True:
            try:
                data, sender = self.sock.recvfrom(_DATAGRAM_BYTES)
            except TimeoutError:
                if self._ended.is_set():
                    return
                continue
            except OSError:
                return
            if data.startswith(self.token):
                self.received.add(_NUMBER.unpack_from(data, len(self.token))[0])
                with contextlib.suppress(OSError):
                    self.sock.sendto(data, sender)
                    self.echoed += 1
