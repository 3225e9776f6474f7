"""Open many connections before the clock starts, compiled."""

from clients.engine import syscalls
from clients.engine.connections import open_connection
from clients.engine.jit import int64, jit
from clients.engine.load_params import LoadParams
from clients.engine.records import CLOSED, CONNECTING, OPEN
from clients.engine.replies import finish_connect
from clients.engine.stalled_connects import CONNECTS_AT_ONCE, UNKNOWN_NS, reopen_stalled
from clients.engine.syscalls import EVENT_DATA_WORD, EVENT_WORDS
from clients.engine.thread_state import EVENTS_AT, EVENTS_AT_ONCE, ThreadState
from clients.engine.views import clock, connections, events


@jit
def connect_all(state: ThreadState, params: LoadParams, deadline_ns: int) -> int:
    """Open every closed connection, a limited number at a time.

    Returns the number of open connections. Failures are counted and not retried; a
    connect without an answer is, see ``clients.engine.stalled_connects``. The schedule must have ended, so that
    nothing is sent. deadline_ns: of CLOCK_MONOTONIC.
    """
    total = state.connection_count
    i = 0
    connecting = 0
    shortest_ns = int64(UNKNOWN_NS)
    now = syscalls.now_ns(clock(state))
    while (i < total or connecting > 0) and now < deadline_ns:
        while i < total and connecting < CONNECTS_AT_ONCE:
            if connections(state)[i]["state"] == CLOSED and open_connection(state, params, i, now) == CONNECTING:
                connecting += 1
            i += 1
        count = syscalls.epoll_wait(state.poller, state.block + EVENTS_AT, EVENTS_AT_ONCE, 1 if connecting else 0)
        for k in range(count):
            flags = int64(events(state)[k * EVENT_WORDS])
            ready = int64(events(state)[k * EVENT_WORDS + EVENT_DATA_WORD])
            if connections(state)[ready]["state"] == CONNECTING:
                finish_connect(state, params, ready, flags)
                connecting -= 1 if connections(state)[ready]["state"] != CONNECTING else 0
                if connections(state)[ready]["state"] == OPEN:
                    shortest_ns = min(shortest_ns, now - connections(state)[ready]["state_since_ns"])
        now = syscalls.now_ns(clock(state))
        if count == 0:
            connecting -= reopen_stalled(state, params, now, shortest_ns)
    open_count = 0
    for k in range(total):
        if connections(state)[k]["state"] == OPEN:
            open_count += 1
    return open_count
