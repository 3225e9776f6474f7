"""What the reference server does with each request, and when: times and counts, no sockets.

Every figure that a load generator reports of such a server can be reckoned beforehand; see docs/truth.md.
"""

from __future__ import annotations

HEADER_BYTES = 12  # of a generator's message: connection (4) and number (8), little-endian
MOST_CONNECTIONS = 1 << 24  # whoever has a higher number is no generator's connection, and is answered at once

# How the connection goes on after a reply.
STAYS, RESETS, CLOSES, FALLS_SILENT = "stays", "resets", "closes", "falls silent"


class Behaviour:
    """How a server behaves. Every count is of requests, ``every`` k-th of all; 0: never. Durations in nanoseconds."""

    def __init__(self, **given: int) -> None:
        self.delay_ns = 0  # each reply leaves so long after its request
        self.service_ns = 0  # one server, first come first served: each request takes so long
        self.stall_ns = 0  # nothing leaves for so long ...
        self.stall_period_ns = 0  # ... at the beginning of each period
        self.drop_every = 0
        self.duplicate_every = 0
        self.swap_every = 0  # the reply comes after that of the next request
        self.corrupt_every = 0
        self.truncate_every = 0
        self.late_every = 0
        self.late_ns = 0
        self.reset_at = 0  # the how-manieth request of a connection ends it, unanswered: by a reset ...
        self.close_at = 0  # ... by an orderly close ...
        self.mute_at = 0  # ... or it is never answered again
        self.pieces = 0  # bytes in one send; 0: the whole reply
        self.merge = 0  # replies in one send; 0: each by itself
        for name, value in given.items():
            if not hasattr(self, name):
                raise AttributeError(name)
            setattr(self, name, value)


class Reply:
    """One reply: when it is to leave, how often, and what it says."""

    __slots__ = ("copies", "due_ns", "kind", "message")

    def __init__(self, due_ns: int, message: bytes, kind: str = "ok", copies: int = 1) -> None:
        self.due_ns = due_ns
        self.message = message
        self.kind = kind  # ok, dropped, corrupt, truncated, late, swapped or duplicated
        self.copies = copies  # 0: it is never sent


def header(message: bytes) -> tuple[int, int]:
    """Connection and number in a message; (-1, -1) if it is too short, or no generator's."""
    if len(message) < HEADER_BYTES:
        return -1, -1
    connection = int.from_bytes(message[:4], "little")
    return (connection, int.from_bytes(message[4:12], "little")) if connection < MOST_CONNECTIONS else (-1, -1)


class Course:
    """The course of one server's life: what has come, and when the server is free again."""

    def __init__(self, behaviour: Behaviour, start_ns: int) -> None:
        self.behaviour = behaviour
        self.start_ns = start_ns
        self.count = 0
        self._free_ns = 0
        self._held: Reply | None = None  # by swap_every, until the next request

    def replies(self, message: bytes, arrival_ns: int) -> list[Reply]:
        """Return what leaves because of this request; their due times never lie before its arrival."""
        behaviour = self.behaviour
        self.count += 1
        reply = Reply(self._due_ns(arrival_ns), message)
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
            reply.kind, self._held = "swapped", reply
            return []
        leaving, self._held = [reply, *([self._held] if self._held else [])], None
        for one in leaving:
            one.due_ns = max(one.due_ns, arrival_ns)
        return leaving

    def _hits(self, every: int) -> bool:
        return every > 0 and self.count % every == 0

    def _due_ns(self, arrival_ns: int) -> int:
        behaviour = self.behaviour
        if behaviour.service_ns:
            self._free_ns = max(arrival_ns, self._free_ns) + behaviour.service_ns
            due_ns = self._free_ns
        else:
            due_ns = arrival_ns + behaviour.delay_ns
        if behaviour.stall_period_ns:
            begun_ns = due_ns - (due_ns - self.start_ns) % behaviour.stall_period_ns
            due_ns = max(due_ns, begun_ns + behaviour.stall_ns)
        return due_ns


def ending(behaviour: Behaviour, requests: int) -> str:
    """Return how a connection goes on with its how-manieth request; 0: none of a generator has come yet."""
    if not requests:
        return STAYS
    if requests == behaviour.reset_at:
        return RESETS
    if requests == behaviour.close_at:
        return CLOSES
    if behaviour.mute_at and requests >= behaviour.mute_at:
        return FALLS_SILENT
    return STAYS
