"""The state of one generator thread: addresses of everything that it uses.

``ThreadState`` is a named tuple of addresses: compiled code can take it, and passing it on costs next to nothing.
Everything of fixed size is in one block, at offsets that the compiler knows. ``clients.engine.views`` reads it.
"""

from typing import Any, NamedTuple

import numpy as np

from clients.engine.counters import COUNTERS, PHASE_REQUESTS
from clients.engine.histogram_slots import SLOTS
from clients.engine.syscalls import EVENT_WORDS
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

EVENTS_AT_ONCE = 512
RECEIVE_BYTES = 256 * 1024
BINS = 1000  # short stretches of the window, for the warm-up check
MAX_PARTS = 1000  # of a window, each with its own histogram
MAX_PHASES = 32
MAX_WORKS = 64  # kinds of work in a mix
SIZES_DRAWN = 4096  # message sizes of a mix, drawn before the load and used in turn
WORDS = HOLA + ADIOS + PUES_HOLA + PUES_ADIOS  # what clients and server send in hola

_ADDRESS_BYTES = 28  # the longest sockaddr, that of IPv6


class ThreadState(NamedTuple):
    """Sizes, and addresses of memory that ``clients.engine.buffers`` owns.

    The fields are few, because every call passes them all.
    """

    poller: int  # epoll's descriptor
    connection_count: int
    block: int  # BLOCK
    connections: int
    requests: int
    payload: int  # the message of each slot of each connection, for echo, one after another
    free_slots: int
    queue: int
    given_up: int
    primary: int
    raw: int


# Set before the load; times of CLOCK_MONOTONIC. Requests from window_ns to end_ns count, each in its part.
SCHEDULE = np.dtype(
    [
        ("window_ns", np.int64),
        ("end_ns", np.int64),
        ("send_until_ns", np.int64),  # closed loop: end_ns, or the end of a phase, or 0 for clients that send otherwise
        ("act_until_ns", np.int64),  # the same for clients that trickle or never read
        ("goodput_bin_ns", np.int64),  # with phases: length of a bin of replies by their arrival
        ("part_ns", np.int64),  # length of a part
        ("bin_ns", np.int64),  # length of a bin
        ("seed", np.int64),  # of the arrivals
        ("work_seed", np.int64),
    ]
)

# How far the load has come.
PROGRESS = np.dtype(
    [
        ("next_due_ns", np.int64),  # open loop: intended time of the next request or session
        ("in_flight", np.int64),  # requests in flight on all connections
        ("queue_first", np.int64),  # position of the first entry in the queue
        ("queue_length", np.int64),
        ("watched_at_ns", np.int64),  # when the number in flight was last observed
        ("watched_in_flight", np.int64),  # their number then, or at the start of the event that is handled
        ("next_scanned", np.int64),  # the connection whose timeouts are checked next
        ("raw_rows", np.int64),  # raw rows written
        ("phase", np.int64),  # index of the current phase
        ("due_phase", np.int64),  # index of the phase for which the schedule makes requests
        ("arrivals_random", np.int64),  # states of the random numbers, see clients.engine.random_numbers
        ("work_random", np.int64),
    ]
)

# A kind of work in a mix. A random number below ``below``, and not below that of an earlier kind, selects it.
WORK = np.dtype([("below", np.float64), ("wait_and_compute", np.int64)])  # the last 8 bytes of a frame's header

# Parameters of the arrival process, and its position.
ARRIVALS = np.dtype(
    [
        ("position_ns", np.float64),
        ("gap_ns", np.float64),
        ("on_ns", np.float64),
        ("period_ns", np.float64),
        ("start_ns", np.float64),
        ("first_gap_share", np.float64),  # constant: of the first gap, so that the threads take turns
    ]
)

# Rarely read.
IDENTITY = np.dtype(
    [
        ("first_number", np.int64),  # the first connection's number in the whole generator ...
        ("stride", np.int64),  # ... and the distance to the next connection's number
        ("family", np.int64),  # address family of the server
        ("address_bytes", np.int64),  # length of its sockaddr
        ("sources", np.int64),  # number of source addresses; 0: the kernel chooses
        ("population", np.int64),  # index among the populations of its thread
        ("phases", np.int64),  # address: PHASE of the warm-up, of each phase, and of what began after the end
        ("attempts", np.int64),  # address: ATTEMPT of each slot, of a load with retries or phases
        ("goodput", np.int64),  # address: ok replies and failures by when they came, of a load with phases
    ]
)

# The histograms beside the primary one.
HISTOGRAMS = np.dtype(
    [
        ("service", np.int64, SLOTS),  # open loop: from send to reply
        ("lateness", np.int64, SLOTS),  # open loop: from ready to sent
        ("without_send_delay", np.int64, SLOTS),  # open loop: the primary histogram without the lateness
        ("connect", np.int64, SLOTS),  # from connect to established
        ("turnaround", np.int64, SLOTS),  # open loop: how long the events of one poll took
    ]
)

# One phase of a load. Its requests are those that began in it, open loop: were due in it.
PHASE = np.dtype(
    [
        ("end_ns", np.int64),  # CLOCK_MONOTONIC
        ("active", np.int64),  # clients send
        ("gap_ns", np.float64),  # open loop: mean time between arrivals; 0: none
        *((name, np.int64) for name in PHASE_REQUESTS),
        ("at_end", COUNTERS),  # copy at the end of the phase, for what is counted by its own time
        ("primary", np.int64, SLOTS),
        ("service", np.int64, SLOTS),  # open loop, as are the next two
        ("lateness", np.int64, SLOTS),
        ("without_send_delay", np.int64, SLOTS),
        ("turnaround", np.int64, SLOTS),
        ("connect", np.int64, SLOTS),
    ],
    align=True,
)

BLOCK = np.dtype(
    [
        ("schedule", SCHEDULE),
        ("progress", PROGRESS),
        ("counters", COUNTERS),
        ("arrivals", ARRIVALS),
        ("clock", np.int64, 2),  # for the kernel's answer
        ("identity", IDENTITY),
        ("option", np.int32, 2),  # a socket option and its size
        ("event", np.uint32, EVENT_WORDS),  # the event passed to epoll_ctl
        ("address", np.uint8, _ADDRESS_BYTES),  # the server's sockaddr
        ("source", np.uint8, _ADDRESS_BYTES),  # the first source's sockaddr; the others count up from it
        ("words", np.uint8, len(WORDS)),  # WORDS
        ("events", np.uint32, EVENTS_AT_ONCE * EVENT_WORDS),
        ("sizes", np.int64, SIZES_DRAWN),
        ("works", WORK, MAX_WORKS),
        ("histograms", HISTOGRAMS),
        ("bins", np.int64, (BINS, 2)),
        ("never_answered", np.int64, MAX_PARTS),
        ("received", np.uint8, RECEIVE_BYTES),
    ],
    align=True,
)


def offset_of(field: str) -> int:
    """Return where a field of the block begins."""
    fields: Any = BLOCK.fields
    return int(fields[field][1])


# Addresses that system calls take. Compiled code freezes module globals, so the offsets are plain integers.
COUNTERS_AT = offset_of("counters")
CLOCK_AT = offset_of("clock")
OPTION_AT = offset_of("option")
EVENT_AT = offset_of("event")
ADDRESS_AT = offset_of("address")
SOURCE_AT = offset_of("source")
WORDS_AT = offset_of("words")
EVENTS_AT = offset_of("events")
RECEIVED_AT = offset_of("received")
