"""The loop of one thread for several populations of clients, compiled.

All populations share one poller and one thread, and each has a state of its own, as in ``event_loop``. The second data
word of an event is the index of its population. One poll's events are handled in turn, one of each population, so a
reply never waits behind all events of a busier population. What such waits add is in each population's own lateness
and turnaround.
"""

import numpy as np

from clients.engine import syscalls
from clients.engine.arrivals import is_due
from clients.engine.behaviours import handle_unread, queue_all_writers, queue_writer, read_early, write_due
from clients.engine.connections import open_connection
from clients.engine.event_loop import (
    dispatch,
    due_by,
    handle_and_observe,
    is_finished,
    time_to_wait,
    wait_for_events,
)
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import int64, jit, jit_inline, jit_internal
from clients.engine.load_params import NEVER_READS, NORMAL, SILENT, TRICKLE, LoadParams
from clients.engine.outcomes import is_counted
from clients.engine.phases import begin_phases, next_phase, phase_of
from clients.engine.raw_memory import Array
from clients.engine.records import CLOSED, CONNECTING, OPEN
from clients.engine.replies import EPOLLOUT, read_leftovers
from clients.engine.scheduler import count_unsent, let_all_send, observe_in_flight, start_load
from clients.engine.stalled_connects import CONNECTS_AT_ONCE, UNKNOWN_NS, reopen_stalled
from clients.engine.syscalls import EVENT_DATA_WORD, EVENT_WORDS
from clients.engine.thread_state import EVENTS_AT, EVENTS_AT_ONCE, ThreadState
from clients.engine.timeouts import scan_timeouts
from clients.engine.views import clock, connections, counters, events, histograms, phases, progress, schedule

_SCAN_NS = 5_000_000  # as in event_loop
_SLOTS_PER_SCAN = 256
_FAR_NS = 1 << 62
_NOT_ENDED = -1


@jit_inline
def state_of(states: Array, p: int) -> ThreadState:
    """Return the state of a population. states: int64, shape (populations, fields of ThreadState)."""
    row = states[p]
    return ThreadState(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10])


@jit_inline
def params_of(params: Array, p: int) -> LoadParams:
    """Return the parameters of a population. params: int64, shape (populations, fields of LoadParams)."""
    row = params[p]
    return LoadParams(
        row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9], row[10], row[11], row[12],
        row[13], row[14], row[15], row[16], row[17], row[18], row[19], row[20], row[21], row[22], row[23], row[24],
        row[25],
    )  # fmt: skip


@jit
def run_populations(states: Array, params: Array) -> None:
    """Load every connection of every population from now to the end of their schedules, which is the same.

    states, params: see ``state_of`` and ``params_of``. Otherwise as ``event_loop.run_load``. The time that the thread
    spends idle is in the counters of the first population.
    """
    count = len(states)
    turns = np.zeros((count, 2), np.int64)  # next event to look at, time of the last event
    scans = np.zeros(count, np.int64)  # time of the next check for timeouts
    first = state_of(states, 0)
    now = syscalls.now_ns(clock(first))
    for p in range(count):
        start_population(state_of(states, p), params_of(params, p), now)
        scans[p] = now
    now = syscalls.now_ns(clock(first))
    last_event_ns = now
    drained_ns = 0
    while now < schedule(first)["end_ns"] or not are_finished(states, params, now):
        before_ns = now
        wait_ns = time_to_wait_of_all(states, params, now, last_event_ns)
        found = wait_for_events(first, wait_ns)
        now = syscalls.now_ns(clock(first))
        for p in range(count):
            observe_in_flight(state_of(states, p), now, 2 * progress(state_of(states, p))["in_flight"])
        if found > 0:
            last_event_ns = now
            drained_ns = 0
        elif wait_ns == 0:
            counters(first)["idle_ns"] += now - before_ns
        if found <= 0 and before_ns >= schedule(first)["end_ns"]:
            drained_ns += now - before_ns
        if found > 0:
            now = handle_in_turn(states, params, found, turns, now)
        now = give_all_turns(states, params, scans, now)
    counters(first)["drained_ns"] += drained_ns
    for p in range(count):
        finish_population(state_of(states, p), params_of(params, p))


@jit_internal
def start_population(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Begin the load of one population."""
    if params.phases:
        begin_phases(state, params)
    start_load(state, params, now_ns)
    for i in range(state.connection_count):
        connections(state)[i]["next_byte_ns"] = 0
    if params.behaviour > SILENT:
        queue_all_writers(state, params, now_ns)


@jit_internal
def finish_population(state: ThreadState, params: LoadParams) -> None:
    """Count what remains after the load."""
    if not params.tcp:
        for i in range(state.connection_count):
            read_leftovers(state, params, i)
    count_unsent(state, params)
    while params.phases and progress(state)["phase"] <= params.phases:  # the load was ended early
        next_phase(state, params)


@jit_internal
def are_finished(states: Array, params: Array, now_ns: int) -> bool:
    """Return whether no population has more work after the end."""
    for p in range(len(states)):  # noqa: SIM110 - numba does not compile all()
        if not is_finished(state_of(states, p), params_of(params, p), now_ns):
            return False
    return True


@jit_internal
def time_to_wait_of_all(states: Array, params: Array, now_ns: int, last_event_ns: int) -> int:
    """Return how long the loop may sleep before something is due in any population; 0: it polls."""
    least_ns = _FAR_NS
    for p in range(len(states)):
        least_ns = min(least_ns, wait_of(state_of(states, p), params_of(params, p), now_ns, last_event_ns))
    return least_ns


@jit_internal
def wait_of(state: ThreadState, params: LoadParams, now_ns: int, last_event_ns: int) -> int:
    """Return how long the loop may sleep before something is due in a population."""
    wait_ns = time_to_wait(state, params, now_ns, last_event_ns)
    if params.phases and progress(state)["phase"] <= params.phases:
        switch_ns = int64(phases(state, params)[progress(state)["phase"]]["end_ns"])
        wait_ns = min(wait_ns, max(0, switch_ns - now_ns))
    return wait_ns


@jit_internal
def handle_in_turn(states: Array, params: Array, found: int, turns: Array, began_ns: int) -> int:
    """Handle the events of one poll, one of each population in turn. Returns the time afterwards."""
    count, first = len(states), state_of(states, 0)
    for p in range(count):
        turns[p, 0] = 0
        turns[p, 1] = 0
    left, now = found, began_ns
    while left > 0:
        for p in range(count):
            k = turns[p, 0]
            while k < found and int64(events(first)[k * EVENT_WORDS + EVENT_DATA_WORD + 1]) != p:
                k += 1
            turns[p, 0] = k + 1
            if k >= found:
                continue
            left -= 1
            flags = int64(events(first)[k * EVENT_WORDS])
            i = int64(events(first)[k * EVENT_WORDS + EVENT_DATA_WORD])
            handle_one(state_of(states, p), params_of(params, p), i, flags)
            now = syscalls.now_ns(clock(first))
            turns[p, 1] = now
            for q in range(count):
                if q != p:
                    send_due(state_of(states, q), params_of(params, q), now)
    for p in range(count):
        if turns[p, 1]:
            record_turnaround(state_of(states, p), params_of(params, p), began_ns, turns[p, 1])
    return int64(now)


@jit_internal
def handle_one(state: ThreadState, params: LoadParams, i: int, flags: int) -> None:
    """Handle one event of a connection of any behaviour."""
    if params.behaviour == NEVER_READS and connections(state)[i]["state"] == OPEN:
        now_ns = syscalls.now_ns(clock(state))
        handle_unread(state, params, i, flags, now_ns)
        if flags & EPOLLOUT:
            queue_writer(state, params, i, now_ns)
        return
    handled = flags
    if params.behaviour == TRICKLE and connections(state)[i]["state"] == OPEN:
        read_early(state, params, i)
        handled &= ~int64(EPOLLOUT)  # with room in the socket, the rest would follow at once
    handle_and_observe(state, params, i, handled)
    if params.behaviour > SILENT:
        queue_writer(state, params, i, syscalls.now_ns(clock(state)))


@jit_internal
def send_due(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Send what is due in an open loop while another population has its turn."""
    if params.open_loop and is_due(state, due_by(params, now_ns)):
        dispatch(state, params, now_ns)


@jit_internal
def record_turnaround(state: ThreadState, params: LoadParams, began_ns: int, ended_ns: int) -> None:
    """Record how long the events of one poll took up to the last one of this population."""
    if not params.open_loop or not is_counted(state, ended_ns):
        return
    slot = slot_of(ended_ns - began_ns)
    histograms(state)["turnaround"][slot] += 1
    if params.phases:
        phases(state, params)[phase_of(state, params, ended_ns)]["turnaround"][slot] += 1


@jit_internal
def scan(state: ThreadState, params: LoadParams, now_ns: int) -> int:
    """Check some connections for timeouts. Returns the time until the next check."""
    per_scan = min(state.connection_count, max(1, _SLOTS_PER_SCAN // params.depth))
    scan_timeouts(state, params, per_scan, now_ns)
    return _SCAN_NS * per_scan // state.connection_count


@jit_internal
def give_all_turns(states: Array, params: Array, scans: Array, now_ns: int) -> int:
    """Check timeouts where it is time, and give each population its turn. Returns the time afterwards."""
    now = now_ns
    for p in range(len(states)):
        if now >= scans[p]:
            scans[p] = now + scan(state_of(states, p), params_of(params, p), now)
        now = give_turn(state_of(states, p), params_of(params, p), now)
    return now


@jit_internal
def give_turn(state: ThreadState, params: LoadParams, now_ns: int) -> int:
    """Switch to the next phase if it is time, and send what is due. Returns the time afterwards."""
    while params.phases and progress(state)["phase"] <= params.phases and now_ns >= phase_end_ns(state, params):
        next_phase(state, params)
        wake_clients(state, params, now_ns)
    if params.behaviour > SILENT:
        write_due(state, params, now_ns)
        return syscalls.now_ns(clock(state))
    if params.open_loop or params.think_ns > 0:
        return dispatch(state, params, now_ns)
    return now_ns


@jit_internal
def phase_end_ns(state: ThreadState, params: LoadParams) -> int:
    """Return when the current phase ends."""
    return int64(phases(state, params)[progress(state)["phase"]]["end_ns"])


@jit_internal
def wake_clients(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Let the clients of a closed loop send that were not allowed to in the phase before."""
    if params.open_loop:
        return
    if params.behaviour > SILENT:
        queue_all_writers(state, params, now_ns)
    elif params.behaviour == NORMAL and params.think_ns <= 0:
        let_all_send(state, params, now_ns)


@jit
def connect_population(states: Array, params: Array, p: int, deadline_ns: int, patience_ns: int) -> int:
    """Open every closed connection of one population, as ``connect_all`` does for a whole thread.

    Ten thousand connections take a slow server a while, so the function continues as long as connections open: until
    none has opened for ``patience_ns``, or until ``deadline_ns``. Events of the other populations are handled. Returns
    the number of open connections.
    """
    state, own = state_of(states, p), params_of(params, p)
    i = 0
    connecting = 0
    now = syscalls.now_ns(clock(state))
    last_opened_ns = now
    shortest_ns = int64(UNKNOWN_NS)
    while (i < state.connection_count or connecting > 0) and now < min(deadline_ns, last_opened_ns + patience_ns):
        while i < state.connection_count and connecting < CONNECTS_AT_ONCE:
            if connections(state)[i]["state"] == CLOSED and open_connection(state, own, i, now) == CONNECTING:
                connecting += 1
            i += 1
        count = syscalls.epoll_wait(state.poller, state.block + EVENTS_AT, EVENTS_AT_ONCE, 1 if connecting else 0)
        now = syscalls.now_ns(clock(state))
        for k in range(count):
            took_ns = handle_while_connecting(states, params, p, events(state)[k * EVENT_WORDS :], now)
            if took_ns != _NOT_ENDED:
                connecting -= 1
                last_opened_ns = now
                shortest_ns = min(shortest_ns, took_ns)
        if count == 0:
            connecting -= reopen_stalled(state, own, now, shortest_ns)
    open_count = 0
    for k in range(state.connection_count):
        if connections(state)[k]["state"] == OPEN:
            open_count += 1
    return open_count


@jit_internal
def handle_while_connecting(states: Array, params: Array, p: int, event: Array, now_ns: int) -> int:
    """Handle an event. Returns how long a connect of population ``p`` took that it ended, or _NOT_ENDED.

    A connect that failed took UNKNOWN_NS.
    """
    q, i = int64(event[EVENT_DATA_WORD + 1]), int64(event[EVENT_DATA_WORD])
    state = state_of(states, q)
    was_connecting = q == p and connections(state)[i]["state"] == CONNECTING
    handle_one(state, params_of(params, q), i, int64(event[0]))
    conn = connections(state)[i]
    if not was_connecting or conn["state"] == CONNECTING:
        return int64(_NOT_ENDED)
    return int64(now_ns - conn["state_since_ns"] if conn["state"] == OPEN else UNKNOWN_NS)
