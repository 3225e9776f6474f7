"""Reply times and faults of the reference server. No sockets here.

With a known behaviour, every value that a load generator reports can be calculated in advance.
"""

from __future__ import annotations

HEADER_BYTES = 12  # of a generator's message: connection (4 bytes) and request number (8), little-endian
WORK_OFFSET = 4  # of these in a frame of work, behind its length; the time to wait (4 bytes) follows them
MAX_CONNECTIONS = 1 << 24  # a message with a higher connection number is not a generator's, and is echoed at once

# What happens to a connection at a request. The values appear as ``kind`` in the time stamps.
STAYS, RESETS, CLOSES, FALLS_SILENT = "stays", "resets", "closes", "falls silent"


class Behaviour:
    """Delays and faults of the reference server. Durations are in nanoseconds.

    ``*_every``: every k-th request of all connections together has the fault. ``*_at``: the k-th request of each
    connection. 0 means never.
    """

    def __init__(self, **options: int) -> None:
        self.delay_ns = 0  # each reply is sent this long after its request
        self.service_ns = 0  # service time of one server, first come first served; replaces delay_ns
        self.stall_ns = 0  # nothing is sent for this long ...
        self.stall_period_ns = 0  # ... at the beginning of each period
        self.drop_every = 0
        self.duplicate_every = 0
        self.swap_every = 0  # the reply is sent after that of the next request
        self.corrupt_every = 0
        self.truncate_every = 0
        self.late_every = 0
        self.late_ns = 0  # additional delay of a late reply
        self.reset_at = 0  # reset the connection at its k-th request, without a reply
        self.close_at = 0  # close the connection at its k-th request, without a reply
        self.mute_at = 0  # do not answer the k-th request of a connection, nor any later one
        self.pieces = 0  # bytes per send; 0: the whole reply
        self.merge = 0  # replies per send; 0: each one separately
        for name, value in options.items():
            if not hasattr(self, name):
                raise AttributeError(name)
            setattr(self, name, value)


class Reply:
    """One reply: when it is due, how often it is sent, and its bytes."""

    __slots__ = ("copies", "due_ns", "kind", "message")

    def __init__(self, due_ns: int, message: bytes, kind: str = "ok", copies: int = 1) -> None:
        self.due_ns = due_ns
        self.message = message
        self.kind = kind  # ok, dropped, corrupt, truncated, late, swapped, duplicated, or what ended the connection
        self.copies = copies  # 0: never sent


def parse_header(message: bytes, offset: int = 0) -> tuple[int, int]:
    """Return connection and request number; (-1, -1) if not a generator's message.

    offset: where these begin.
    """
    if len(message) < offset + HEADER_BYTES:
        return -1, -1
    connection = int.from_bytes(message[offset : offset + 4], "little")
    if connection >= MAX_CONNECTIONS:
        return -1, -1
    return connection, int.from_bytes(message[offset + 4 : offset + HEADER_BYTES], "little")


def wait_ns_of(frame: bytes) -> int:
    """Return the time that a frame of work asks the server to wait."""
    start = WORK_OFFSET + HEADER_BYTES
    return 1_000 * int.from_bytes(frame[start : start + 4], "little")


class ReplyPlanner:
    """Plan the replies to all requests of one server, in their order of arrival."""

    def __init__(self, behaviour: Behaviour, start_ns: int) -> None:
        self.behaviour = behaviour
        self.start_ns = start_ns
        self.count = 0  # requests so far
        self._free_ns = 0  # when the server has served all requests so far, with service_ns
        self._swapped: Reply | None = None  # waits for the next request

    def replies(self, message: bytes, arrival_ns: int, wait_ns: int = 0) -> list[Reply]:
        """Return the replies that this request causes. None is due before its arrival.

        wait_ns: added to the delay of this request, or to its service time: one server blocks while a request waits.
        """
        behaviour = self.behaviour
        self.count += 1
        reply = Reply(self._due_ns(arrival_ns, wait_ns), message)
        if self._hits(behaviour.drop_every):
            reply.kind, reply.copies = "dropped", 0
        elif self._hits(behaviour.duplicate_every):
            reply.kind, reply.copies = "duplicated", 2
        elif self._hits(behaviour.corrupt_every):
            reply.kind, reply.message = "corrupt", message[:-1] + bytes([message[-1] ^ 0xFF])
        elif self._hits(behaviour.truncate_every):
            reply.kind, reply.message = "truncated", message[:-1]
        elif self._hits(behaviour.late_every):
            reply.kind, reply.due_ns = "late", reply.due_ns + behaviour.late_ns
        elif self._hits(behaviour.swap_every):
            reply.kind, self._swapped = "swapped", reply
            return []
        replies = [reply]
        if self._swapped is not None:
            replies.append(self._swapped)
            self._swapped = None
        for planned in replies:
            planned.due_ns = max(planned.due_ns, arrival_ns)
        return replies

    def _hits(self, every: int) -> bool:
        return every > 0 and self.count % every == 0

    def _due_ns(self, arrival_ns: int, wait_ns: int) -> int:
        behaviour = self.behaviour
        if behaviour.service_ns:
            self._free_ns = max(arrival_ns, self._free_ns) + behaviour.service_ns + wait_ns
            due_ns = self._free_ns
        else:
            due_ns = arrival_ns + behaviour.delay_ns + wait_ns
        if behaviour.stall_period_ns:
            period_start_ns = due_ns - (due_ns - self.start_ns) % behaviour.stall_period_ns
            due_ns = max(due_ns, period_start_ns + behaviour.stall_ns)
        return due_ns


def action_at(behaviour: Behaviour, nth_request: int) -> str:
    """Return what happens to a connection at its n-th request.

    0 means that no request of a generator has arrived so far.
    """
    if not nth_request:
        return STAYS
    if nth_request == behaviour.reset_at:
        return RESETS
    if nth_request == behaviour.close_at:
        return CLOSES
    if behaviour.mute_at and nth_request >= behaviour.mute_at:
        return FALLS_SILENT
    return STAYS
