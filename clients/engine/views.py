"""Typed views of a thread's memory, compiled into their callers.

``i`` is always the index of a connection.
"""

from typing import Any

import numpy as np

from clients.engine.counters import COUNTERS
from clients.engine.histogram_slots import SLOTS
from clients.engine.jit import jit_inline
from clients.engine.load_params import LoadParams
from clients.engine.raw_memory import Array, view
from clients.engine.records import ATTEMPT, CONNECTION, RAW, REQUEST
from clients.engine.syscalls import EVENT_WORDS
from clients.engine.thread_state import (
    ARRIVALS,
    BINS,
    CLOCK_AT,
    COUNTERS_AT,
    EVENT_AT,
    EVENTS_AT,
    EVENTS_AT_ONCE,
    HISTOGRAMS,
    IDENTITY,
    MAX_PARTS,
    MAX_WORKS,
    OPTION_AT,
    PHASE,
    PROGRESS,
    RECEIVE_BYTES,
    RECEIVED_AT,
    SCHEDULE,
    SIZES_DRAWN,
    WORK,
    ThreadState,
    offset_of,
)

Record = Any  # one element of a structured array

_BYTE, _INT32, _UINT32, _INT64 = np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.uint32), np.dtype(np.int64)
_EVENT_WORDS_AT_ONCE = EVENTS_AT_ONCE * EVENT_WORDS
_REQUEST_BYTES, _ATTEMPT_BYTES, _HISTOGRAM_BYTES = REQUEST.itemsize, ATTEMPT.itemsize, SLOTS * 8
_SCHEDULE_AT = offset_of("schedule")
_PROGRESS_AT = offset_of("progress")
_ARRIVALS_AT = offset_of("arrivals")
_IDENTITY_AT = offset_of("identity")
_SIZES_AT = offset_of("sizes")
_WORKS_AT = offset_of("works")
_HISTOGRAMS_AT = offset_of("histograms")
_BINS_AT = offset_of("bins")
_NEVER_ANSWERED_AT = offset_of("never_answered")


@jit_inline
def schedule(state: ThreadState) -> Record:
    """SCHEDULE."""
    return view(state.block + _SCHEDULE_AT, 1, SCHEDULE)[0]


@jit_inline
def progress(state: ThreadState) -> Record:
    """PROGRESS."""
    return view(state.block + _PROGRESS_AT, 1, PROGRESS)[0]


@jit_inline
def counters(state: ThreadState) -> Record:
    """COUNTERS."""
    return view(state.block + COUNTERS_AT, 1, COUNTERS)[0]


@jit_inline
def arrivals(state: ThreadState) -> Record:
    """ARRIVALS."""
    return view(state.block + _ARRIVALS_AT, 1, ARRIVALS)[0]


@jit_inline
def identity(state: ThreadState) -> Record:
    """IDENTITY."""
    return view(state.block + _IDENTITY_AT, 1, IDENTITY)[0]


@jit_inline
def histograms(state: ThreadState) -> Record:
    """HISTOGRAMS; each has the shape (SLOTS,)."""
    return view(state.block + _HISTOGRAMS_AT, 1, HISTOGRAMS)[0]


@jit_inline
def connections(state: ThreadState) -> Array:
    """CONNECTION, shape (connection_count,)."""
    return view(state.connections, state.connection_count, CONNECTION)


@jit_inline
def requests(state: ThreadState, params: LoadParams, i: int) -> Array:
    """REQUEST, shape (depth,): the slots of a connection."""
    return view(state.requests + i * params.depth * _REQUEST_BYTES, params.depth, REQUEST)


@jit_inline
def attempts(state: ThreadState, params: LoadParams, i: int) -> Array:
    """ATTEMPT, shape (depth,): of the slots of a connection, in a load with retries or phases."""
    return view(identity(state)["attempts"] + i * params.depth * _ATTEMPT_BYTES, params.depth, ATTEMPT)


@jit_inline
def message_address(state: ThreadState, params: LoadParams, i: int, slot: int) -> int:
    """Return the address of the message of one slot."""
    return state.payload + (i * params.depth + slot) * params.message_bytes


@jit_inline
def message(state: ThreadState, params: LoadParams, i: int, slot: int) -> Array:
    """uint8, shape (message_bytes,): the message of one slot."""
    return view(message_address(state, params, i, slot), params.message_bytes, _BYTE)


@jit_inline
def free_slots(state: ThreadState, params: LoadParams, i: int) -> Array:
    """int32, shape (depth,): a stack of the free slots of a connection, for datagrams."""
    return view(state.free_slots + i * params.depth * 4, params.depth, _INT32)


@jit_inline
def queue(state: ThreadState, params: LoadParams) -> Array:
    """int64, shape (connection_count x depth, 2), flat: a ring of (time, connection).

    See ``clients.engine.queues``.
    """
    return view(state.queue, state.connection_count * params.depth * 2, _INT64)


@jit_inline
def sizes(state: ThreadState) -> Array:
    """int64, shape (SIZES_DRAWN,): message sizes in the order of their use."""
    return view(state.block + _SIZES_AT, SIZES_DRAWN, _INT64)


@jit_inline
def works(state: ThreadState) -> Array:
    """WORK, shape (MAX_WORKS,): the kinds of work in the mix."""
    return view(state.block + _WORKS_AT, MAX_WORKS, WORK)


@jit_inline
def received(state: ThreadState) -> Array:
    """uint8, shape (RECEIVE_BYTES,): the data of the last recv."""
    return view(state.block + RECEIVED_AT, RECEIVE_BYTES, _BYTE)


@jit_inline
def events(state: ThreadState) -> Array:
    """uint32: the events of the last epoll_wait, EVENT_WORDS for each."""
    return view(state.block + EVENTS_AT, _EVENT_WORDS_AT_ONCE, _UINT32)


@jit_inline
def event(state: ThreadState) -> Array:
    """uint32, shape (EVENT_WORDS,): the event passed to epoll_ctl."""
    return view(state.block + EVENT_AT, EVENT_WORDS, _UINT32)


@jit_inline
def option(state: ThreadState) -> Array:
    """int32, shape (2,): a socket option and its size."""
    return view(state.block + OPTION_AT, 2, _INT32)


@jit_inline
def given_up(state: ThreadState, params: LoadParams, i: int) -> Array:
    """int64, shape (lost_remembered, 3), flat: (serial number, raw row, phase).

    The serial numbers are those that a connection gave up. A serial number is stored at its remainder, so that it is
    found at once. A later one with the same remainder replaces it.
    """
    return view(state.given_up + i * params.lost_remembered * 24, params.lost_remembered * 3, _INT64)


@jit_inline
def primary(state: ThreadState, part: int) -> Array:
    """int64, shape (SLOTS,): the primary histogram of one part of the window.

    Closed loop: from send to reply. Open loop: from the intended time to the reply.
    """
    return view(state.primary + part * _HISTOGRAM_BYTES, SLOTS, _INT64)


@jit_inline
def index_of(into_window_ns: int, length_ns: int) -> int:
    """Return the number of the part or bin of a window that contains a time.

    A slice has one part and one bin, and a comparison is cheaper than a division.
    """
    return 0 if into_window_ns < length_ns else into_window_ns // length_ns


@jit_inline
def raw(state: ThreadState, params: LoadParams) -> Array:
    """RAW, shape (raw_room,)."""
    return view(state.raw, params.raw_room, RAW)


@jit_inline
def bins(state: ThreadState) -> Array:
    """int64, shape (BINS, 2), flat: (sum of latencies in ns, requests) pairs.

    The latencies are those of the primary histogram, by when the requests began.
    """
    return view(state.block + _BINS_AT, 2 * BINS, _INT64)


@jit_inline
def never_answered(state: ThreadState) -> Array:
    """int64, shape (MAX_PARTS,): never answered requests of each part.

    Each counts in the part of the window in which it began.
    """
    return view(state.block + _NEVER_ANSWERED_AT, MAX_PARTS, _INT64)


@jit_inline
def phases(state: ThreadState, params: LoadParams) -> Array:
    """PHASE, shape (phases + 2,): the warm-up, the phases, and what began after the end."""
    return view(identity(state)["phases"], params.phases + 2, PHASE)


@jit_inline
def goodput(state: ThreadState) -> Array:
    """int64, shape (BINS, 3), flat: sum of the ok replies' latencies in ns, ok replies, failures; by when they came."""
    return view(identity(state)["goodput"], 3 * BINS, _INT64)


@jit_inline
def clock(state: ThreadState) -> int:
    """Return the address of the room for the kernel's time."""
    return state.block + CLOCK_AT
