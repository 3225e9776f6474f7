"""What one generator thread works on: where its connections, buffers and counters are, and how to look at them.

Addresses in a named tuple, because the compiled loop can take that and it costs next to nothing to pass on.
"""

from typing import NamedTuple

import numpy as np

from clients.compiled import inlined
from clients.histogram import SLOTS
from clients.libc import EVENT_WORDS
from clients.memory import Array, view

EVENTS_AT_ONCE = 512
RECEIVE_BYTES = 256 * 1024
HEADER_BYTES = 12  # connection (4) and sequence number (8), at the head of every echo message that has room for it
LOST_REMEMBERED = 16  # lost requests a connection remembers, to tell a late reply from a duplicate

# States of a connection.
CLOSED, CONNECTING, IDLE, WAITING, CLOSING = range(5)

CONNECTION = np.dtype(
    [
        ("fd", np.int32),
        ("state", np.int32),
        ("resting", np.int64),  # nothing more to do before the next load
        ("began_ns", np.int64),  # when the request left, or the connect, or when a closed one may be opened again
        ("sequence", np.int64),  # number of the request under way, from 1
        ("written", np.int64),  # bytes of the request sent
        ("read", np.int64),  # bytes of the reply that came, and were right
        ("left", np.int64),  # requests left in the session under way
        ("served", np.int64),  # replies that counted
    ],
    align=True,
)

# What is counted, in the order of the array ``tally``. Only ever added to: a slice is the difference of two copies.
TALLY = (
    "sent",
    "ok",
    "timed_out",
    "late",
    "corrupt",
    "duplicate",
    "broken",
    "counted",
    "replies",
    "sessions",
    "connects",
    "idle_ns",
    "connect_refused",
    "connect_timeout",
    "connect_failed",
    "no_ports",
    "no_descriptors",
    "timeout",
    "reset",
    "closed",
    "unreachable",
    "wrong_reply",
)
(
    SENT,  # requests begun
    OK,  # replies that were right and in time
    TIMED_OUT,  # requests given up for want of a reply
    LATE,  # replies to requests that had been given up
    CORRUPT,  # requests answered with wrong bytes
    DUPLICATE,  # replies to requests that had been answered
    BROKEN,  # requests whose connection broke under them
    COUNTED,  # those of SENT that left inside the window: each is in a histogram, or took for ever
    REPLIES,  # those of OK that came inside the window
    SESSIONS,  # sessions that ended well inside the window
    CONNECTS,
    IDLE_NS,  # time spent in polls that brought nothing
    CONNECT_REFUSED,
    CONNECT_TIMEOUT,
    CONNECT_FAILED,
    NO_PORTS,
    NO_DESCRIPTORS,
    TIMEOUT,
    RESET,
    SERVER_CLOSED,
    UNREACHABLE,
    WRONG_REPLY,
) = range(len(TALLY))
ERRORS = TALLY[CONNECT_REFUSED:]

# The schedule, of CLOCK_MONOTONIC: what happens from WINDOW to END counts, each in its part, PART nanoseconds long.
# AT_WORK is how many connections have not come to rest yet.
WINDOW, END, PART, AT_WORK = range(4)


class Load(NamedTuple):
    """How a lane loads its server. Durations in nanoseconds; flags are 0 or 1, as the compiled loop wants them."""

    tcp: int
    echo: int
    session: int
    requests_per_session: int
    message_bytes: int
    numbered: int  # the reply can be told from the reply to an earlier request
    timeout_ns: int
    spin_ns: int  # how long to poll without sleeping; for ever if the CPU is ours alone


class Lane(NamedTuple):
    """Sizes, and addresses of memory that ``clients.buffers`` keeps; what is there, see the functions below."""

    poller: int  # epoll's descriptor
    total: int  # connections
    family: int  # of the server's address
    address_bytes: int
    address: int  # the server's sockaddr
    words: int  # the four words of hola, one after another
    payload: int  # the message of each connection, for echo, one after another
    received: int  # room for RECEIVE_BYTES
    connections: int
    events: int
    event: int
    option: int
    lost: int
    service: int
    connect: int
    tally: int
    schedule: int
    clock: int  # room for the kernel's answer


_BYTE, _INT32, _UINT32, _INT64 = (np.dtype(kind) for kind in (np.uint8, np.int32, np.uint32, np.int64))
_EVENT_WORDS_AT_ONCE = EVENTS_AT_ONCE * EVENT_WORDS
_TALLIES = len(TALLY)


@inlined
def connections(lane: Lane) -> Array:
    """CONNECTION, shape (connections,)."""
    return view(lane.connections, lane.total, CONNECTION)


@inlined
def message(lane: Lane, load: Load, i: int) -> Array:
    """uint8, shape (message_bytes,): what connection ``i`` sends."""
    return view(lane.payload + i * load.message_bytes, load.message_bytes, _BYTE)


@inlined
def received(lane: Lane) -> Array:
    """uint8, shape (RECEIVE_BYTES,): what the last recv brought."""
    return view(lane.received, RECEIVE_BYTES, _BYTE)


@inlined
def events(lane: Lane) -> Array:
    """uint32: what epoll_wait filled in, EVENT_WORDS for each event."""
    return view(lane.events, _EVENT_WORDS_AT_ONCE, _UINT32)


@inlined
def event(lane: Lane) -> Array:
    """uint32: room for the one event that epoll_ctl is told."""
    return view(lane.event, EVENT_WORDS, _UINT32)


@inlined
def option(lane: Lane) -> Array:
    """int32, shape (2,): room for a socket option and its size."""
    return view(lane.option, 2, _INT32)


@inlined
def lost(lane: Lane, i: int) -> Array:
    """int64, shape (LOST_REMEMBERED,): sequence numbers that connection ``i`` gave up, 0 where free."""
    return view(lane.lost + i * LOST_REMEMBERED * 8, LOST_REMEMBERED, _INT64)


@inlined
def service(lane: Lane, part: int) -> Array:
    """int64, shape (SLOTS,): from send to reply, of the requests that left in one part of the window."""
    return view(lane.service + part * SLOTS * 8, SLOTS, _INT64)


@inlined
def connect_times(lane: Lane) -> Array:
    """int64, shape (SLOTS,): from connect to established."""
    return view(lane.connect, SLOTS, _INT64)


@inlined
def tally(lane: Lane) -> Array:
    """int64, see TALLY."""
    return view(lane.tally, _TALLIES, _INT64)


@inlined
def schedule(lane: Lane) -> Array:
    """int64: WINDOW, END, PART, AT_WORK."""
    return view(lane.schedule, 4, _INT64)
