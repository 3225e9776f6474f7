"""What one generator thread works on: where its connections, buffers and counters are, and how to look at them.

Addresses in a named tuple, because the compiled loop can take that and it costs next to nothing to pass on.
"""

from typing import NamedTuple

import numpy as np

from clients.engine.histogram_slots import SLOTS
from clients.engine.jit import inlined, int64
from clients.engine.raw_memory import Array, view
from clients.engine.syscalls import EVENT_WORDS
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

EVENTS_AT_ONCE = 512
RECEIVE_BYTES = 256 * 1024
HEADER_BYTES = 12  # connection (4) and request number (8), at the head of every echo message that has room for it
BINS = 1000  # short stretches of the window, for the judgement of the warm-up
MOST_PARTS = 1000  # of a window, each with its own histogram
ADDRESS_ROOM = 28  # bytes of the longest sockaddr, that of IPv6
SIZES_DRAWN = 4096  # of a mix of message sizes: drawn beforehand, used in turn

# States of a connection.
CLOSED, CONNECTING, OPEN, CLOSING = range(4)

CONNECTION = np.dtype(
    [
        ("fd", np.int32),
        ("stale_fd", np.int32),  # given up; closed once its successor has a port of its own
        ("state", np.int32),
        ("in_flight", np.int32),  # requests without an answer
        ("free", np.int32),  # datagrams: how many slots are on the stack of free ones
        ("held", np.int32),  # open loop: turns that wait until the connection stands again
        ("began_ns", np.int64),  # when the connect began, or the wait for the server's close, or when it was closed
        ("serial", np.int64),  # requests sent so far
        ("answered", np.int64),  # streams: serial number of the last one answered
        ("newest", np.int64),  # datagrams: the largest serial number answered
        ("writing", np.int64),  # streams: serial number of the request that is being written, or is next
        ("written", np.int64),  # bytes of it that were sent
        ("read", np.int64),  # bytes of the reply under way that came, and were right
        ("to_send", np.int64),  # requests left to send in the session under way
        ("to_come", np.int64),  # replies left in it
        ("adios", np.int64),  # number of the request that says adios, 0 if none does yet
        ("intended_ns", np.int64),  # open loop: when the session under way should have begun ...
        ("late_ns", np.int64),  # ... and how much of the delay until it did is the generator's
        ("served", np.int64),  # replies that counted
    ],
    align=True,
)

REQUEST = np.dtype(
    [
        ("number", np.int64),  # as in the message's header: serial number x depth + slot; 0: the slot is free
        ("intended_ns", np.int64),
        ("ready_ns", np.int64),  # when it could have left: the later of intended and a slot being free (or connected)
        ("sent_ns", np.int64),
        ("size", np.int64),  # bytes of the message
    ],
    align=True,
)

# One row of a raw record. intended_ns is 0 in a closed loop, received_ns where no reply came.
RAW = np.dtype(
    [
        ("connection", np.int32),
        ("outcome", np.int32),
        ("number", np.int64),
        ("intended_ns", np.int64),
        ("ready_ns", np.int64),
        ("sent_ns", np.int64),
        ("received_ns", np.int64),
    ],
    align=True,
)
OUTCOME_OK, OUTCOME_LATE, OUTCOME_LOST, OUTCOME_CORRUPT = range(4)

# What is counted, in the order of the array ``tally``. Only ever added to: a slice is the difference of two copies.
TALLY = (
    "scheduled",
    "sent",
    "unsent",
    "ok",
    "timed_out",
    "late",
    "corrupt",
    "duplicate",
    "reordered",
    "broken",
    "counted",
    "pooled",
    "replies",
    "sessions",
    "connects",
    "idle_ns",
    "drained_ns",
    "watched_ns",
    "in_flight_ns",
    "flights_ns",
    "raw_dropped",
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
    SCHEDULED,  # open loop: requests that were to be sent; exactly those of SENT and UNSENT
    SENT,  # requests begun
    UNSENT,
    OK,  # replies that were right and in time
    TIMED_OUT,  # requests given up for want of a reply
    LATE,  # replies to requests that had been given up
    CORRUPT,  # requests answered with wrong bytes
    DUPLICATE,  # replies to requests that had been answered
    REORDERED,  # replies that came after that of a later request of their connection (RFC 4737)
    BROKEN,  # requests whose connection broke under them
    COUNTED,  # requests inside the window (open loop: by intended time): each is in a histogram, or took for ever
    POOLED,  # those of COUNTED that waited for a free slot
    REPLIES,  # those of OK that came inside the window
    SESSIONS,  # sessions that ended well inside the window
    CONNECTS,
    IDLE_NS,  # time spent in polls that brought nothing
    DRAINED_NS,  # time spent waiting after the end, for replies that may never come
    WATCHED_NS,  # time in which the number in flight was watched ...
    IN_FLIGHT_NS,  # ... and that number, added up over it
    FLIGHTS_NS,  # time that requests were in flight inside the window, by their own time stamps
    RAW_DROPPED,  # raw rows for which there was no room
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

# The schedule, times of CLOCK_MONOTONIC: what happens from WINDOW to END counts, each in its part, PART ns long.
SCHEDULE = (
    "window",
    "end",
    "part",
    "bin",
    "next",
    "in_flight",
    "first_turn",
    "turns",
    "watched",
    "look",
    "raw",
    "seed",
)
(
    WINDOW,
    END,
    PART,
    BIN,  # length of a bin, ns
    NEXT,  # open loop: intended time of the next request, or session
    IN_FLIGHT,  # requests of all connections
    FIRST_TURN,  # place of the first entry in the queue of turns ...
    TURNS,  # ... and how many there are
    WATCHED,  # when the number in flight was watched last
    LOOK,  # the connection that is looked at next for what took too long
    RAW_ROWS,
    SEED,  # of the arrivals
) = range(len(SCHEDULE))

# The histograms beside the headline, each of SLOTS counts: see ``histogram`` below.
HISTOGRAMS = ("service", "lateness", "own", "connect", "turnaround")

# How far the process of arrivals has come, and its parameters: float64.
ARRIVALS = ("position_ns", "gap_ns", "on_ns", "period_ns", "start_ns")
POSITION, GAP, ON, PERIOD, START = range(len(ARRIVALS))
CONSTANT, POISSON, BURST = range(3)


class LoadParams(NamedTuple):
    """How a lane loads its server. Durations in nanoseconds; flags are 0 or 1, as the compiled loop wants them."""

    tcp: int
    echo: int
    session: int
    says_adios: int  # hola sessions end with it
    requests_per_session: int
    message_bytes: int  # the largest, if sizes are mixed
    mixed: int
    depth: int  # requests in flight on a connection at most
    numbered: int  # the reply can be told from the reply to an earlier request
    timeout_ns: int
    spin_ns: int  # how long to poll without sleeping; for ever if the CPU is ours alone
    open_loop: int
    arrivals: int  # CONSTANT, POISSON or BURST
    think_ns: int  # closed loop: pause between a reply and the next request
    lost_remembered: int  # requests given up that a connection remembers, to tell a late reply from a duplicate
    raw_room: int  # raw rows that there is room for
    ticks: int  # sleep in whole milliseconds: a fault to test the instrument with


class ThreadState(NamedTuple):
    """Sizes, and addresses of memory that ``clients.engine.buffers`` keeps; what is there, see the functions below.

    Few, because every call passes all of them on: what has a fixed size stands in one block, at places that the
    compiler knows.
    """

    poller: int  # epoll's descriptor
    total: int  # connections
    block: int
    connections: int
    requests: int
    payload: int  # the message of each slot of each connection, for echo, one after another
    free: int
    turns: int
    lost: int
    headline: int
    raw: int


# What is looked at now and then only: int64 in the block.
FACTS = ("first", "stride", "family", "address_bytes", "sources")
(
    FIRST_NUMBER,  # of a connection, in the whole generator ...
    STRIDE,  # ... and the distance to the next one
    FAMILY,  # of the server's address
    ADDRESS_BYTES,
    SOURCES,  # how many source addresses there are; 0: the kernel's choice
) = range(len(FACTS))

WORDS = HOLA + ADIOS + PUES_HOLA + PUES_ADIOS

BLOCK = np.dtype(
    [
        ("schedule", np.int64, len(SCHEDULE)),
        ("tally", np.int64, len(TALLY)),
        ("arrivals", np.float64, len(ARRIVALS)),
        ("clock", np.int64, 2),  # room for the kernel's answer
        ("facts", np.int64, len(FACTS)),
        ("option", np.int32, 2),  # room for a socket option and its size
        ("event", np.uint32, EVENT_WORDS),  # room for the one event that epoll_ctl is told
        ("address", np.uint8, ADDRESS_ROOM),  # the server's sockaddr
        ("source", np.uint8, ADDRESS_ROOM),  # the first source's sockaddr; the others count up from it
        ("words", np.uint8, len(WORDS)),  # the four words of hola, one after another
        ("events", np.uint32, EVENTS_AT_ONCE * EVENT_WORDS),
        ("sizes", np.int64, SIZES_DRAWN),
        *((name, np.int64, SLOTS) for name in HISTOGRAMS),
        ("bins", np.int64, (BINS, 2)),
        ("missed", np.int64, MOST_PARTS),
        ("received", np.uint8, RECEIVE_BYTES),
    ],
    align=True,
)
(
    SCHEDULE_AT,
    _TALLY_AT,
    _ARRIVALS_AT,
    CLOCK_AT,
    _FACTS_AT,
    OPTION_AT,
    EVENT_AT,
    ADDRESS_AT,
    SOURCE_AT,
    WORDS_AT,
    EVENTS_AT,
    _SIZES_AT,
    SERVICE_AT,
    LATENESS_AT,
    OWN_AT,
    CONNECT_AT,
    TURNAROUND_AT,
    _BINS_AT,
    _MISSED_AT,
    RECEIVED_AT,
) = (int(BLOCK.fields[name][1]) for name in BLOCK.names)  # type: ignore[union-attr,index] # it has fields


_BYTE, _INT32, _UINT32, _INT64, _FLOAT64 = (
    np.dtype(kind) for kind in (np.uint8, np.int32, np.uint32, np.int64, np.float64)
)
_EVENT_WORDS_AT_ONCE = EVENTS_AT_ONCE * EVENT_WORDS
_TALLIES, _SCHEDULED, _ARRIVALS = len(TALLY), len(SCHEDULE), len(ARRIVALS)
_FACTS = len(FACTS)
_REQUEST_BYTES, _HISTOGRAM_BYTES = REQUEST.itemsize, SLOTS * 8


@inlined
def connections(lane: ThreadState) -> Array:
    """CONNECTION, shape (connections,)."""
    return view(lane.connections, lane.total, CONNECTION)


@inlined
def requests(lane: ThreadState, load: LoadParams, i: int) -> Array:
    """REQUEST, shape (depth,): what connection ``i`` has in flight."""
    return view(lane.requests + i * load.depth * _REQUEST_BYTES, load.depth, REQUEST)


@inlined
def message_address(lane: ThreadState, load: LoadParams, i: int, slot: int) -> int:
    """Where the message of one slot of connection ``i`` begins."""
    return lane.payload + (i * load.depth + slot) * load.message_bytes


@inlined
def message(lane: ThreadState, load: LoadParams, i: int, slot: int) -> Array:
    """uint8, shape (message_bytes,): what connection ``i`` sends from one slot."""
    return view(message_address(lane, load, i, slot), load.message_bytes, _BYTE)


@inlined
def free_slots(lane: ThreadState, load: LoadParams, i: int) -> Array:
    """int32, shape (depth,): a stack of the slots of connection ``i`` that are free; for datagrams."""
    return view(lane.free + i * load.depth * 4, load.depth, _INT32)


@inlined
def turns(lane: ThreadState, load: LoadParams) -> Array:
    """int64, shape (connections x depth, 2): a ring of (time, connection), the first come first.

    Open loop: slots that are free, and since when. With a time to think: requests, and when each is due.
    """
    return view(lane.turns, lane.total * load.depth * 2, _INT64)


@inlined
def sizes(lane: ThreadState) -> Array:
    """int64, shape (SIZES_DRAWN,): message sizes in the order of their use."""
    return view(lane.block + _SIZES_AT, SIZES_DRAWN, _INT64)


@inlined
def received(lane: ThreadState) -> Array:
    """uint8, shape (RECEIVE_BYTES,): what the last recv brought."""
    return view(lane.block + RECEIVED_AT, RECEIVE_BYTES, _BYTE)


@inlined
def events(lane: ThreadState) -> Array:
    """uint32: what epoll_wait filled in, EVENT_WORDS for each event."""
    return view(lane.block + EVENTS_AT, _EVENT_WORDS_AT_ONCE, _UINT32)


@inlined
def event(lane: ThreadState) -> Array:
    """uint32: room for the one event that epoll_ctl is told."""
    return view(lane.block + EVENT_AT, EVENT_WORDS, _UINT32)


@inlined
def option(lane: ThreadState) -> Array:
    """int32, shape (2,): room for a socket option and its size."""
    return view(lane.block + OPTION_AT, 2, _INT32)


@inlined
def lost(lane: ThreadState, load: LoadParams, i: int) -> Array:
    """int64, shape (lost_remembered, 2): serial numbers that connection ``i`` gave up, and the raw row of each.

    A number stands at its remainder, so that it is found at once; a later one with the same remainder takes its place.
    """
    return view(lane.lost + i * load.lost_remembered * 16, load.lost_remembered * 2, _INT64)


@inlined
def headline(lane: ThreadState, part: int) -> Array:
    """int64, shape (SLOTS,): from send to reply, in an open loop from the intended time; in one part of the window."""
    return view(lane.headline + part * _HISTOGRAM_BYTES, SLOTS, _INT64)


@inlined
def histogram(lane: ThreadState, at: int) -> Array:
    """int64, shape (SLOTS,): another histogram. at: where it is in the block.

    service: from send to reply, of an open loop. lateness: from ready to sent. own: the headline without lateness.
    connect: from connect to established. turnaround: how long the events of one poll took.
    """
    return view(lane.block + at, SLOTS, _INT64)


@inlined
def raw(lane: ThreadState, load: LoadParams) -> Array:
    """RAW, shape (raw_room,)."""
    return view(lane.raw, load.raw_room, RAW)


@inlined
def bins(lane: ThreadState) -> Array:
    """int64, shape (BINS, 2), flat: sum of the headline in ns, and how many requests, by when they began."""
    return view(lane.block + _BINS_AT, 2 * BINS, _INT64)


@inlined
def missed(lane: ThreadState) -> Array:
    """int64, shape (MOST_PARTS,): requests that began in each part of the window, and took for ever."""
    return view(lane.block + _MISSED_AT, MOST_PARTS, _INT64)


@inlined
def fact(lane: ThreadState, which: int) -> int:
    """One of FACTS."""
    return int64(view(lane.block + _FACTS_AT, _FACTS, _INT64)[which])


@inlined
def clock(lane: ThreadState) -> int:
    """Address of the room for the kernel's time."""
    return lane.block + CLOCK_AT


@inlined
def tally(lane: ThreadState) -> Array:
    """int64, see TALLY."""
    return view(lane.block + _TALLY_AT, _TALLIES, _INT64)


@inlined
def schedule(lane: ThreadState) -> Array:
    """int64, see SCHEDULE."""
    return view(lane.block + SCHEDULE_AT, _SCHEDULED, _INT64)


@inlined
def arrivals(lane: ThreadState) -> Array:
    """float64, see ARRIVALS."""
    return view(lane.block + _ARRIVALS_AT, _ARRIVALS, _FLOAT64)
