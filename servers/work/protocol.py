"""Frames of the protocol ``work`` and the requests in them. No sockets and no waiting here.

A frame is a header and a payload; all numbers are little-endian. The reply to a request is the same frame.

======  ==========================================================================================================
bytes   field
======  ==========================================================================================================
0-3     length of the frame, header included: ``WORK_HEADER_BYTES`` to ``MAX_FRAME_BYTES``
4-7     connection; ``ERROR_CONNECTION`` in an error reply
8-15    number of the request
16-19   time to wait in us, at most ``MAX_WAIT_US``
20-23   computing: bits 0 to 30 the units, at most ``MAX_COMPUTE_UNITS``; bit 31 the kind, 1 if it releases the lock
24-     payload
======  ==========================================================================================================
"""

from __future__ import annotations

import struct

from servers.log import Tally
from servers.work.units import hold_lock, release_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

WORK_HEADER_BYTES = 24
MAX_FRAME_BYTES = 1 << 20
MAX_WAIT_US = 60_000_000
MAX_COMPUTE_UNITS = 60_000_000  # about as long as the longest wait
ERROR_CONNECTION = 0xFFFFFFFF  # the connection number of an error reply
RELEASES_LOCK = 1 << 31  # the kind of computing

_HEADER = struct.Struct("<IIQII")
_LENGTH = struct.Struct("<I")
_LENGTH_BYTES = _LENGTH.size

ignored_datagrams = Tally("a malformed datagram was ignored")


class Request:
    """One request: what to do before its reply, and the reply.

    - wait_s: how long to wait, in seconds.
    - units: how much to compute; releases_lock: by which kind of computing.
    - reply: the bytes to send. An error reply is a request that neither waits nor computes.
    """

    __slots__ = ("releases_lock", "reply", "units", "wait_s")

    def __init__(self, reply: bytes, wait_us: int = 0, compute: int = 0) -> None:
        self.reply = reply
        self.wait_s = wait_us / 1e6
        self.units = compute & ~RELEASES_LOCK
        self.releases_lock = compute >= RELEASES_LOCK

    @property
    def computing(self) -> Callable[[int], object]:
        """Return the function that computes a number of units."""
        return release_lock if self.releases_lock else hold_lock

    def compute(self) -> None:
        """Do the computing that the request asks for."""
        if self.units:
            self.computing(self.units)


class RequestStream:
    """Parser of one TCP connection: requests from bytes, however these were split.

    After a malformed frame, or at the end of the stream, ``done`` is true: no request follows.
    """

    __slots__ = ("_needed_bytes", "_pending", "done")

    def __init__(self) -> None:
        self.done = False
        self._pending = bytearray()  # an incomplete frame, shorter than MAX_FRAME_BYTES
        self._needed_bytes = _LENGTH_BYTES  # nothing can be decided about it before it has this length

    def feed(self, data: bytes) -> list[Request]:
        """Return the requests that this data completes, in their order. ``b""`` is the end of the stream.

        The reply of the last one is an error reply if the next frame is malformed, or cut by the end of the stream.
        """
        if self.done:
            return []
        if not data:
            return self._end()
        if self._pending:
            self._pending += data
            if len(self._pending) < self._needed_bytes:
                return []  # a long frame is joined once, not with each of its parts
            data = bytes(self._pending)
            self._pending.clear()
        requests: list[Request] = []
        position, end, needed_bytes = 0, len(data), _LENGTH_BYTES
        while end - position >= needed_bytes:
            (length,) = _LENGTH.unpack_from(data, position)
            fault, needed_bytes = _length_fault(length), WORK_HEADER_BYTES
            if not fault and end - position >= WORK_HEADER_BYTES:
                _, _, _, wait_us, compute = _HEADER.unpack_from(data, position)
                fault, needed_bytes = _work_fault(wait_us, compute), length
            if fault:
                self.done = True
                requests.append(error_request(fault))
                return requests
            if end - position < needed_bytes:
                break
            requests.append(Request(data[position : position + length], wait_us, compute))
            position, needed_bytes = position + length, _LENGTH_BYTES
        self._pending += data[position:]
        self._needed_bytes = needed_bytes
        return requests

    def _end(self) -> list[Request]:
        self.done = True
        return [error_request("the stream ends within a frame")] if self._pending else []


def parse_datagram(datagram: bytes) -> Request | None:
    """Return the request of a datagram; None, after counting it, if it is malformed."""
    if len(datagram) >= WORK_HEADER_BYTES:
        length, _, _, wait_us, compute = _HEADER.unpack_from(datagram)
        if length == len(datagram) and not _work_fault(wait_us, compute):
            return Request(datagram, wait_us, compute)
    ignored_datagrams.add()
    return None


def make_frame(payload: bytes = b"", wait_us: int = 0, compute: int = 0) -> bytes:
    """Return a request of connection 0 with number 0."""
    return _HEADER.pack(WORK_HEADER_BYTES + len(payload), 0, 0, wait_us, compute) + payload


def error_request(reason: str) -> Request:
    """Return the error reply to a malformed frame, as a request with nothing to do. reason: in ASCII."""
    payload = reason.encode("ascii")
    return Request(_HEADER.pack(WORK_HEADER_BYTES + len(payload), ERROR_CONNECTION, 0, 0, 0) + payload)


def _length_fault(length: int) -> str:
    if WORK_HEADER_BYTES <= length <= MAX_FRAME_BYTES:
        return ""
    return f"a length of {length} bytes is not from {WORK_HEADER_BYTES} to {MAX_FRAME_BYTES}"


def _work_fault(wait_us: int, compute: int) -> str:
    if wait_us > MAX_WAIT_US:
        return f"a wait of {wait_us} us is longer than {MAX_WAIT_US}"
    units = compute & ~RELEASES_LOCK
    if units > MAX_COMPUTE_UNITS:
        return f"{units} units of computing are more than {MAX_COMPUTE_UNITS}"
    return ""
