"""The sockets that the compiled baseline waits for: poll for the first ones, epoll for all others. Compiled.

A socket in an epoll set costs its sender: each packet calls back into the set, whether or not the server is waiting
(``ep_poll_callback`` in Linux's fs/eventpoll.c). poll leaves nothing behind in the sockets. In short sessions of 16
clients, where the generator is the limit, a loop with poll answered 3 to 5% more than the same loop with epoll (two
runs of four blocks). But poll looks at every socket, so it serves the first few only.
"""

from __future__ import annotations

import os
import select
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # in a process with threads every system call costs more

import numpy as np

from clients.engine import syscalls
from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.raw_memory import Array, view
from clients.engine.syscalls import ADDRESS, EVENT_DATA_WORD, EVENT_WORDS, INT, LONG, make_frequent_call

MAX_POLLED = 128  # connections; as many as the preset standard has at most, twice
MAX_EVENTS = 256
LISTENER, OVERFLOW = 0, 1  # entries of the listener and of the epoll set; connections follow
_FIRST_CONNECTION = 2
_ADD, _MODIFY = 1, 3  # EPOLL_CTL_ADD, EPOLL_CTL_MOD
READABLE, WRITABLE = int(select.EPOLLIN), int(select.EPOLLOUT)  # the same numbers as those of poll
_POLL_FD = np.dtype([("fd", np.int32), ("events", np.int16), ("revents", np.int16)])  # struct pollfd
_UINT32, _INT64 = np.dtype(np.uint32), np.dtype(np.int64)
SOCKETS = np.dtype(
    [
        ("polled", _POLL_FD, _FIRST_CONNECTION + MAX_POLLED),
        ("event", np.uint32, EVENT_WORDS),
        ("events", np.uint32, MAX_EVENTS * EVENT_WORDS),
        ("count", np.int64),  # entries in use
    ],
    align=True,
)
_OFFSETS = [int(SOCKETS.fields[name][1]) for name in SOCKETS.names]  # type: ignore[union-attr,index]  # a structured dtype has fields
_POLLED_AT, _EVENT_AT, _EVENTS_AT, _COUNT_AT = _OFFSETS
_poll = make_frequent_call("poll", INT, ADDRESS, LONG, INT, kernel_name="poll")


class PollSet(NamedTuple):
    """An epoll set, and the address of SOCKETS."""

    poller: int
    sockets: int


def make_sockets(listener: int) -> Array:
    """Return the memory of a set with a listener: SOCKETS, shape ()."""
    sockets = np.zeros((), SOCKETS)
    sockets["polled"]["fd"] = -1
    sockets["polled"]["events"] = READABLE
    sockets["count"] = _FIRST_CONNECTION
    watch_listener(sockets, listener)
    return sockets


def watch_listener(sockets: Array, listener: int) -> None:
    """Watch a listener; -1: none, while descriptors are used up."""
    sockets["polled"]["fd"][LISTENER] = listener


@jit_inline
def polled_of(poll_set: PollSet) -> Array:
    """Return the entries that poll looks at; only the first ``count_of`` are in use."""
    return view(poll_set.sockets + _POLLED_AT, _FIRST_CONNECTION + MAX_POLLED, _POLL_FD)


@jit_inline
def count_of(poll_set: PollSet) -> Array:
    """Return the number of entries in use: shape (1,)."""
    return view(poll_set.sockets + _COUNT_AT, 1, _INT64)


@jit_inline
def wait(poll_set: PollSet, timeout_ms: int) -> int:
    """Wait for sockets. Returns the number of entries with an event, or a negative error number. -1: no timeout."""
    return _poll(poll_set.sockets + _POLLED_AT, count_of(poll_set)[0], timeout_ms)


@jit_inline
def fetch_overflow(poll_set: PollSet) -> int:
    """Fetch the events of the connections that poll does not look at. Returns their number."""
    return syscalls.epoll_wait(poll_set.poller, poll_set.sockets + _EVENTS_AT, MAX_EVENTS, 0)


@jit_inline
def overflow_fd(poll_set: PollSet, k: int) -> int:
    """Return the descriptor of the k-th event that was fetched."""
    events = view(poll_set.sockets + _EVENTS_AT, MAX_EVENTS * EVENT_WORDS, _UINT32)
    return int64(events[k * EVENT_WORDS + EVENT_DATA_WORD])


@jit_internal
def add(poll_set: PollSet, fd: int) -> int:
    """Watch a connection for input.

    Returns its entry; 0: the epoll set has it; a negative error number: nobody has.
    """
    polled, count = polled_of(poll_set), count_of(poll_set)
    entry = int64(count[0])
    if entry == _FIRST_CONNECTION + MAX_POLLED:
        polled[OVERFLOW]["fd"] = poll_set.poller
        return min(0, _control(poll_set, fd, _ADD, READABLE))
    polled[entry]["fd"], polled[entry]["events"], polled[entry]["revents"] = fd, READABLE, 0
    count[0] = entry + 1
    return entry


@jit_internal
def watch_for(poll_set: PollSet, fd: int, entry: int, events: int) -> None:
    """Watch a connection for READABLE or WRITABLE."""
    if entry == 0:
        _control(poll_set, fd, _MODIFY, events)
    else:
        polled_of(poll_set)[entry]["events"] = events


@jit_internal
def remove(poll_set: PollSet, entry: int) -> int:
    """Forget a connection that is closed next; the kernel removes it from the epoll set.

    Returns the descriptor that has this entry from now on, the one of the last entry; -1: none has.
    """
    if entry == 0:
        return -1
    polled, count = polled_of(poll_set), count_of(poll_set)
    last = int64(count[0]) - 1
    count[0] = last
    if entry == last:
        return -1
    fd = int64(polled[last]["fd"])
    polled[entry]["fd"], polled[entry]["events"], polled[entry]["revents"] = fd, polled[last]["events"], 0
    return fd


@jit_internal
def _control(poll_set: PollSet, fd: int, operation: int, events: int) -> int:
    event_at = poll_set.sockets + _EVENT_AT
    event = view(event_at, EVENT_WORDS, _UINT32)
    event[0], event[EVENT_DATA_WORD] = events, fd
    return syscalls.epoll_control(poll_set.poller, operation, fd, event_at)
