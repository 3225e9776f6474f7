"""The choice of the connection that sends next, compiled.

A closed loop sends at once, or after a time to think; an open loop follows its schedule. When no slot is free, due
requests wait. The server causes that wait, so it is part of the latency.
"""

from clients.engine import syscalls
from clients.engine.arrivals import first_arrival, is_due, next_arrival, nothing_more_due
from clients.engine.connections import close_connection, count_failure, open_connection
from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.outcomes import count_never_answered, fail_in_flight, is_counted
from clients.engine.phases import count_due_in_phase, record_failures
from clients.engine.queues import (
    add_idle_slot,
    add_thinking,
    first_thinking_due_ns,
    queue_is_empty,
    take_idle_slot,
    take_thinking,
)
from clients.engine.records import CLOSED, OPEN
from clients.engine.requests import may_send, send_request
from clients.engine.thread_state import ThreadState
from clients.engine.views import clock, connections, counters, progress, schedule

RETRY_NS = 10_000_000  # pause before a connection that could not be opened is tried again


@jit_inline
def observe_in_flight(state: ThreadState, now_ns: int, doubled: int) -> None:
    """Integrate the number in flight over the time since the last observation.

    An observation is a reading of the clock. doubled: the number then plus the number now, i.e. twice their mean
    (trapezoidal rule). The integral uses no time stamp of any request, so Little's law can check the time stamps
    against it.
    """
    seen, sched = progress(state), schedule(state)
    inside_ns = max(0, min(now_ns, sched["end_ns"]) - max(seen["watched_at_ns"], sched["window_ns"]))
    seen["watched_at_ns"] = now_ns
    counters(state)["watched_ns"] += inside_ns
    counters(state)["in_flight_ns"] += doubled * inside_ns // 2


@jit_internal
def observe_session_step(state: ThreadState, now_ns: int, were_in_flight: int) -> None:
    """Observe the number in flight inside an event, between two steps of a session.

    A disconnect and a connect take longer than a fast reply. With the number before the event until half of them is
    over, a load on one connection seemed to have 5% more in flight than its time stamps.
    """
    observe_in_flight(state, now_ns, 2 * were_in_flight)
    progress(state)["watched_in_flight"] = progress(state)["in_flight"]


@jit_internal
def start_load(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Begin a load.

    A closed loop sends at once; in an open loop all free slots queue up.
    """
    progress(state)["queue_first"] = 0
    progress(state)["queue_length"] = 0
    progress(state)["next_scanned"] = 0
    progress(state)["watched_at_ns"] = now_ns
    progress(state)["work_random"] = schedule(state)["work_seed"]
    for i in range(state.connection_count):
        connections(state)[i]["parked_slots"] = 0
    if params.open_loop:
        first_arrival(state, params)
        _queue_all_slots(state, params, now_ns)
    else:
        let_all_send(state, params, now_ns)


@jit_internal
def let_all_send(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Let every client of a closed loop send, after a new connect if its connection is closed."""
    for i in range(state.connection_count):
        if connections(state)[i]["state"] == CLOSED:
            reopen(state, params, i, now_ns)
        else:
            fill_slots(state, params, i, now_ns)


@jit_internal
def _queue_all_slots(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Queue one slot of each connection, then the second of each, and so on.

    So all connections take part alike.
    """
    for _ in range(1 if params.session else params.depth):
        for i in range(state.connection_count):
            if params.session or connections(state)[i]["state"] == OPEN:
                add_idle_slot(state, params, i, now_ns)
            else:
                connections(state)[i]["parked_slots"] += 1


@jit_internal
def send_next(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Send a request of a closed loop, or of a session.

    There the connection decides when to send, not the schedule.
    """
    intended_ns, ready_ns = now_ns, now_ns
    conn = connections(state)[i]
    if not params.open_loop:
        intended_ns = 0
    elif conn["requests_to_send"] == params.requests_per_session:  # the first was due before it could connect
        intended_ns, ready_ns = conn["intended_ns"], now_ns - conn["start_delay_ns"]
    error = send_request(state, params, i, intended_ns, ready_ns, now_ns)
    if error:
        count_failure(state, error)
        fail(state, params, i, now_ns)


@jit_internal
def fill_slots(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Send as many requests as may be in flight on a connection."""
    while may_send(state, params, i, now_ns):
        send_next(state, params, i, now_ns)


@jit_inline
def on_slot_free(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Use a slot of an open connection after its request has ended."""
    if params.open_loop and not params.session:
        add_idle_slot(state, params, i, now_ns)
    elif params.think_ns:
        add_thinking(state, params, i, now_ns + params.think_ns)
    elif may_send(state, params, i, now_ns):
        send_next(state, params, i, now_ns)


@jit_internal
def on_connected(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Use the slots of a connection that has just been opened."""
    conn = connections(state)[i]
    if params.open_loop and not params.session:
        while conn["parked_slots"] > 0:
            conn["parked_slots"] -= 1
            add_idle_slot(state, params, i, now_ns)
    else:
        were_in_flight = progress(state)["in_flight"]
        fill_slots(state, params, i, now_ns)
        if params.session:
            observe_session_step(state, now_ns, were_in_flight)


@jit_internal
def reopen(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Open a connection, or begin its next session.

    After the end only an open loop still opens connections.
    """
    if now_ns >= schedule(state)["end_ns"] and not params.open_loop:
        return
    new_state = open_connection(state, params, i, now_ns)
    if new_state == OPEN:  # over UDP: like a connect of TCP, opening the socket does not count as service
        on_connected(state, params, i, syscalls.now_ns(clock(state)))
    elif new_state == CLOSED and params.session:
        abandon_session(state, params, i, now_ns)


@jit_internal
def fail(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Close a failed connection and give up its requests in flight.

    It is opened again later if there is time.
    """
    broken = fail_in_flight(state, params, i, now_ns)
    close_connection(state, i)
    connections(state)[i]["state_since_ns"] = now_ns
    if params.session:
        abandon_session(state, params, i, now_ns)
    else:
        connections(state)[i]["parked_slots"] += broken


@jit_internal
def abandon_session(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """End a session before its last reply.

    Its unsent requests count as unsent. Its client may begin another session.
    """
    conn = connections(state)[i]
    if params.open_loop:
        counters(state)["unsent"] += conn["requests_to_send"]
        sent_nothing = conn["requests_to_send"] == params.requests_per_session
        if params.phases:
            due_ns, uncounted = int64(conn["intended_ns"]), 1 if sent_nothing else 0
            count_due_in_phase(state, params, due_ns, 0, int64(conn["requests_to_send"]), uncounted)
            record_failures(state, int64(conn["requests_to_send"]), now_ns)
        if sent_nothing and is_counted(state, conn["intended_ns"]):
            counters(state)["counted"] += 1
            count_never_answered(state, int64(conn["intended_ns"]))
        add_idle_slot(state, params, i, now_ns)
    elif params.think_ns:
        add_thinking(state, params, i, now_ns + RETRY_NS)


@jit_internal
def complete_session(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Count a completed session, and begin the next if there is time."""
    if is_counted(state, now_ns):
        counters(state)["sessions"] += 1
    close_connection(state, i)
    connections(state)[i]["state_since_ns"] = now_ns
    if params.open_loop:
        add_idle_slot(state, params, i, now_ns)
    elif params.think_ns:
        add_thinking(state, params, i, now_ns + params.think_ns)
    else:
        reopen(state, params, i, now_ns)


@jit_internal
def grace_is_over(state: ThreadState, params: LoadParams, now_ns: int) -> bool:
    """Return whether the load ended longer ago than the timeout.

    Then unfinished sessions and due requests are dropped.
    """
    return bool(now_ns > schedule(state)["end_ns"] + params.timeout_ns)


@jit_internal
def dispatch_due(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Send all requests, and begin all sessions, that are due."""
    if params.open_loop:
        while not queue_is_empty(state) and is_due(state, now_ns) and not grace_is_over(state, params, now_ns):
            free_since_ns, i = take_idle_slot(state, params)
            sent_ns = syscalls.now_ns(clock(state))
            observe_in_flight(state, sent_ns, 2 * progress(state)["in_flight"])
            _send_due(state, params, i, free_since_ns, sent_ns)
        return
    while not queue_is_empty(state) and first_thinking_due_ns(state, params) <= now_ns:
        _, i = take_thinking(state, params)
        sent_ns = syscalls.now_ns(clock(state))
        observe_in_flight(state, sent_ns, 2 * progress(state)["in_flight"])
        if may_send(state, params, i, sent_ns):
            send_next(state, params, i, sent_ns)
        elif connections(state)[i]["state"] == CLOSED and params.session:
            reopen(state, params, i, sent_ns)


@jit_inline
def _send_due(state: ThreadState, params: LoadParams, i: int, free_since_ns: int, now_ns: int) -> None:
    """Give the request or session that is due to a connection."""
    conn = connections(state)[i]
    if conn["state"] != (CLOSED if params.session else OPEN):
        conn["parked_slots"] += 1
        return
    intended_ns = progress(state)["next_due_ns"]
    ready_ns = max(intended_ns, free_since_ns)
    next_arrival(state, params)
    if params.session:
        counters(state)["scheduled"] += params.requests_per_session
        if params.phases:
            count_due_in_phase(state, params, int64(intended_ns), params.requests_per_session, 0, 0)
        conn["intended_ns"], conn["start_delay_ns"] = intended_ns, now_ns - ready_ns
        reopen(state, params, i, now_ns)
        return
    counters(state)["scheduled"] += 1
    if params.phases:
        count_due_in_phase(state, params, int64(intended_ns), 1, 0, 0)
    error = send_request(state, params, i, intended_ns, ready_ns, now_ns)
    if error:
        count_failure(state, error)
        fail(state, params, i, now_ns)


@jit_internal
def count_unsent(state: ThreadState, params: LoadParams) -> None:
    """Count the due requests that no connection could send.

    Called after the end. They count as unsent and never answered.
    """
    while params.open_loop and not nothing_more_due(state):
        count = params.requests_per_session if params.session else 1
        due_ns = int64(progress(state)["next_due_ns"])
        counters(state)["scheduled"] += count
        counters(state)["unsent"] += count
        if params.phases:
            count_due_in_phase(state, params, due_ns, count, count, 1)
        counters(state)["counted"] += 1 if is_counted(state, due_ns) else 0
        count_never_answered(state, due_ns)
        next_arrival(state, params)
