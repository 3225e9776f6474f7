"""The hot loop of one generator thread, compiled.

It waits for events and for the schedule, and acts on them. Polling without sleeping saves the server the wake-up of
this thread, and keeps the machine's return from idle out of the figures. On a CPU that the generator shares, the loop
sleeps until the next event, or to the nanosecond of the next request.

One turn of the loop: wait (``time_to_wait``, ``wait_for_events``), handle the events (``handle_events``, which calls
``replies``), send what is due (``dispatch``, which calls ``scheduler``), and check timeouts (``timeouts``). The states
of a connection are in ``connections``.
"""

import errno

from clients.engine import syscalls
from clients.engine.arrivals import is_due, nothing_more_due
from clients.engine.connections import count_failure
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import int64, jit, jit_inline, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.outcomes import is_counted
from clients.engine.queues import first_thinking_due_ns, queue_is_empty
from clients.engine.records import CLOSING, CONNECTING, OPEN
from clients.engine.replies import EPOLL_BROKEN, EPOLLOUT, finish_connect, read_datagrams, read_leftovers, read_stream
from clients.engine.requests import continue_writing
from clients.engine.scheduler import count_unsent, dispatch_due, fail, grace_is_over, observe_in_flight, start_load
from clients.engine.syscalls import EVENT_DATA_WORD, EVENT_WORDS
from clients.engine.thread_state import EVENTS_AT, EVENTS_AT_ONCE, ThreadState
from clients.engine.timeouts import scan_timeouts
from clients.engine.views import clock, connections, counters, events, histograms, progress, schedule

_SCAN_NS = 5_000_000  # how often every connection is checked for timeouts
_SLOTS_PER_SCAN = 256  # slots checked at a time
_MAX_SLEEP_NS = 1_000_000  # so that the loop notices an end that was moved forward
_TICK_NS = 1_000_000
_ENOSYS, _EPERM = errno.ENOSYS, errno.EPERM


@jit
def run_load(state: ThreadState, params: LoadParams) -> None:
    """Load every connection of a thread from now to the end of its schedule.

    What happens inside the window counts. After the end a closed loop sends no request and begins no session. An open
    loop still sends the requests that were due before the end, for as long as the timeout. The function returns when
    every due reply has arrived or was given up. It raises nothing: every failure is counted. Another thread may end the
    load early by moving the end forward.
    """
    now = syscalls.now_ns(clock(state))
    start_load(state, params, now)
    now = syscalls.now_ns(clock(state))
    connections_per_scan = min(state.connection_count, max(1, _SLOTS_PER_SCAN // params.depth))
    scan_every_ns = _SCAN_NS * connections_per_scan // state.connection_count
    next_scan_ns = now + scan_every_ns
    last_event_ns = now
    drained_ns = 0
    paced = params.open_loop or params.think_ns > 0
    while now < schedule(state)["end_ns"] or not is_finished(state, params, now):
        before_ns = now
        wait_ns = time_to_wait(state, params, now, last_event_ns)
        count = wait_for_events(state, wait_ns)
        now = syscalls.now_ns(clock(state))
        observe_in_flight(state, now, 2 * progress(state)["in_flight"])
        if count > 0:
            last_event_ns = now
            drained_ns = 0  # the server was only slow
        elif wait_ns == 0:
            counters(state)["idle_ns"] += now - before_ns
        if count <= 0 and before_ns >= schedule(state)["end_ns"]:
            drained_ns += now - before_ns
        if count > 0:
            now = handle_events(state, params, count, now)
        if paced:
            now = dispatch(state, params, now)
        if now >= next_scan_ns:
            scan_timeouts(state, params, connections_per_scan, now)
            next_scan_ns = now + scan_every_ns
    counters(state)["drained_ns"] += drained_ns
    if not params.tcp:
        for i in range(state.connection_count):
            read_leftovers(state, params, i)
    count_unsent(state, params)


@jit_inline
def handle_events(state: ThreadState, params: LoadParams, count: int, began_ns: int) -> int:
    """Handle the events of one poll.

    Returns the time afterwards: if the next poll finds nothing, it was idle.
    """
    for k in range(count):
        # As int64: numba would compile every function below a second time for unsigned numbers.
        flags = int64(events(state)[k * EVENT_WORDS])
        i = int64(events(state)[k * EVENT_WORDS + EVENT_DATA_WORD])
        handle_and_observe(state, params, i, flags)
    now_ns = syscalls.now_ns(clock(state))
    if params.open_loop and is_counted(state, now_ns):
        histograms(state)["turnaround"][slot_of(now_ns - began_ns)] += 1
    return now_ns


@jit_inline
def handle_and_observe(state: ThreadState, params: LoadParams, i: int, flags: int) -> None:
    """Handle one event, observe the number in flight where that takes a while, and send what is due meanwhile."""
    were_in_flight = progress(state)["in_flight"]
    handle_event(state, params, i, flags)
    if params.open_loop or params.session:  # a connect takes a while, and the number in flight changes meanwhile
        now_ns = syscalls.now_ns(clock(state))
        observe_in_flight(state, now_ns, were_in_flight + progress(state)["in_flight"])
        if params.open_loop and is_due(state, due_by(params, now_ns)):
            dispatch_due(state, params, due_by(params, now_ns))


@jit_inline
def dispatch(state: ThreadState, params: LoadParams, now_ns: int) -> int:
    """Send all requests that are due. Returns the time afterwards."""
    sent = counters(state)["sent"]
    dispatch_due(state, params, due_by(params, now_ns))
    return now_ns if counters(state)["sent"] == sent else syscalls.now_ns(clock(state))


@jit_inline
def due_by(params: LoadParams, now_ns: int) -> int:
    """Return the time up to which requests are due.

    That is now, except for a generator that was made to tick.
    """
    return now_ns - now_ns % _TICK_NS if params.ticks else now_ns


@jit_inline
def time_to_wait(state: ThreadState, params: LoadParams, now_ns: int, last_event_ns: int) -> int:
    """Return how long the loop may sleep before the next request is due; 0: it polls."""
    if now_ns - last_event_ns < params.spin_ns:
        return 0
    if queue_is_empty(state):
        return _MAX_SLEEP_NS
    due_ns = int64(progress(state)["next_due_ns"] if params.open_loop else first_thinking_due_ns(state, params))
    return min(max(0, due_ns - now_ns), _MAX_SLEEP_NS)


@jit_inline
def wait_for_events(state: ThreadState, wait_ns: int) -> int:
    """Poll, or sleep until there are events.

    Returns their number; 0 or less if there are none.
    """
    events_at = state.block + EVENTS_AT
    if wait_ns == 0 or wait_ns == _MAX_SLEEP_NS:
        return syscalls.epoll_wait(state.poller, events_at, EVENTS_AT_ONCE, wait_ns // 1_000_000)
    count = syscalls.epoll_wait_ns(state.poller, events_at, EVENTS_AT_ONCE, wait_ns, clock(state))
    # An old kernel, or a container whose seccomp profile refuses a call that it does not know: the last millisecond is
    # spent polling.
    if count in (-_ENOSYS, -_EPERM):
        return syscalls.epoll_wait(state.poller, events_at, EVENTS_AT_ONCE, 0)
    return count


@jit_internal
def is_finished(state: ThreadState, params: LoadParams, now_ns: int) -> bool:
    """Return whether a load has no more work after its end.

    Then nothing is in flight, and no connection is opening or closing.
    """
    if progress(state)["in_flight"] > 0:
        return False
    if params.open_loop and not nothing_more_due(state) and not grace_is_over(state, params, now_ns):
        return False
    for i in range(state.connection_count):
        conn_state = connections(state)[i]["state"]
        if conn_state in (CONNECTING, CLOSING) or (params.session and conn_state == OPEN):
            return False
    return True


@jit_inline
def handle_event(state: ThreadState, params: LoadParams, i: int, flags: int) -> None:
    """Handle one event of a connection."""
    conn = connections(state)[i]
    if not params.tcp:
        read_datagrams(state, params, i)
        return
    if conn["state"] == CONNECTING:
        finish_connect(state, params, i, flags)
        if not flags & EPOLL_BROKEN:
            return  # a reply raises a new event
    elif flags & EPOLLOUT and conn["state"] == OPEN and conn["writing_serial"] <= conn["serial"]:
        error = continue_writing(state, params, i)
        if error:
            count_failure(state, error)
            fail(state, params, i, syscalls.now_ns(clock(state)))
    read_stream(state, params, i, flags)
