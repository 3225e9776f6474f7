"""Opening many connections before the clock starts, compiled."""

from clients.engine import syscalls
from clients.engine.connections import open_connection
from clients.engine.jit import int64, jit
from clients.engine.replies import finish_connect
from clients.engine.syscalls import EVENT_DATA_WORD, EVENT_WORDS
from clients.engine.thread_state import (
    CLOSED,
    CONNECTING,
    EVENTS_AT,
    EVENTS_AT_ONCE,
    OPEN,
    LoadParams,
    ThreadState,
    clock,
    connections,
    events,
)

CONNECTS_AT_ONCE = 128  # below any listener's backlog, so that no connect waits a second for its second SYN


@jit
def open_all(lane: ThreadState, load: LoadParams, deadline_ns: int) -> int:
    """Open every closed connection, a limited number at a time. Returns how many connections stand.

    What fails is counted in ``lane.tally`` and not tried again: the schedule must have ended, so that nothing is sent.
    deadline_ns: of CLOCK_MONOTONIC.
    """
    total = lane.total
    i = 0
    connecting = 0
    now = syscalls.now_ns(clock(lane))
    while (i < total or connecting > 0) and now < deadline_ns:
        while i < total and connecting < CONNECTS_AT_ONCE:
            if connections(lane)[i]["state"] == CLOSED and open_connection(lane, load, i, now) == CONNECTING:
                connecting += 1
            i += 1
        count = syscalls.epoll_wait(lane.poller, lane.block + EVENTS_AT, EVENTS_AT_ONCE, 1 if connecting else 0)
        for k in range(count):
            flags = int64(events(lane)[k * EVENT_WORDS])
            opened = int64(events(lane)[k * EVENT_WORDS + EVENT_DATA_WORD])
            if connections(lane)[opened]["state"] == CONNECTING:
                finish_connect(lane, load, opened, flags)
                connecting -= 1 if connections(lane)[opened]["state"] != CONNECTING else 0
        now = syscalls.now_ns(clock(lane))
    standing = 0
    for k in range(total):
        if connections(lane)[k]["state"] == OPEN:
            standing += 1
    return standing
