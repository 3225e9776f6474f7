"""The hot loop of one generator thread, compiled: waits for events and for the schedule, and does what they allow.

Polling without sleeping spares the server the waking of this thread, and the figures the machine's way back from idle.
Where the CPU is not ours alone the loop sleeps until the next event, or to the nanosecond of the next request.
"""

import errno

from clients.engine import syscalls
from clients.engine.connections import count_failure
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import inlined, inner, int64, jit
from clients.engine.replies import EPOLL_BROKEN, EPOLLOUT, finish_connect, read_datagrams, read_leftovers, read_stream
from clients.engine.requests import break_all, continue_writing, is_counted, is_due, nothing_more_due, time_out
from clients.engine.scheduler import (
    RETRY_NS,
    count_unsent,
    fail,
    is_cut,
    leave_session,
    reopen,
    slot_freed,
    start_turns,
    take_turns,
    watch,
)
from clients.engine.syscalls import EVENT_DATA_WORD, EVENT_WORDS
from clients.engine.thread_state import (
    CLOSED,
    CLOSING,
    CONNECT_TIMEOUT,
    CONNECTING,
    DRAINED_NS,
    END,
    EVENTS_AT,
    EVENTS_AT_ONCE,
    FIRST_TURN,
    IDLE_NS,
    IN_FLIGHT,
    LOOK,
    NEXT,
    OPEN,
    SENT,
    TIMEOUT,
    TURNAROUND_AT,
    TURNS,
    LoadParams,
    ThreadState,
    clock,
    connections,
    events,
    histogram,
    requests,
    schedule,
    tally,
    turns,
)

_LOOK_NS = 5_000_000  # how often connections are searched for requests that took too long, ...
_SLOTS_A_LOOK = 256  # ... so many slots at a time: a search through all would make the next requests late
_SLEEP_NS = 1_000_000  # at most, so that an end that is moved forward is seen
_TICK_NS = 1_000_000
_ENOSYS = errno.ENOSYS


@jit
def run_load(lane: ThreadState, load: LoadParams) -> None:
    """Load every connection of the lane from now to the end of its schedule; what lies inside the window counts.

    After the end no request of a closed loop leaves and no session begins; requests of an open loop that were due
    before leave for as long as the timeout. The loop returns when every reply that was due has come or was given up.
    Raises nothing: all that goes wrong is counted in the tally. Another thread may end the load early by moving the end
    forward.
    """
    now = syscalls.now_ns(clock(lane))
    start_turns(lane, load, now)
    now = syscalls.now_ns(clock(lane))
    connections_a_look = min(lane.total, max(1, _SLOTS_A_LOOK // load.depth))
    look_ns = _LOOK_NS * connections_a_look // lane.total
    next_look_ns = now + look_ns
    last_event_ns = now
    paced = load.open_loop or load.think_ns > 0
    while now < schedule(lane)[END] or not finished(lane, load, now):
        before_ns = now
        wait_ns = time_to_wait(lane, load, now, last_event_ns)
        count = wait_for_events(lane, wait_ns)
        now = syscalls.now_ns(clock(lane))
        watch(lane, now, 2 * schedule(lane)[IN_FLIGHT])
        if count > 0:
            last_event_ns = now
        elif wait_ns == 0:
            tally(lane)[IDLE_NS] += now - before_ns
        if count <= 0 and before_ns >= schedule(lane)[END]:
            tally(lane)[DRAINED_NS] += now - before_ns
        if count > 0:
            now = handle_events(lane, load, count, now)
        if paced:
            now = let_send(lane, load, now)
        if now >= next_look_ns:
            look_around(lane, load, connections_a_look, now)
            next_look_ns = now + look_ns
    if not load.tcp:
        for i in range(lane.total):
            read_leftovers(lane, load, i)
    count_unsent(lane, load)


@inlined
def handle_events(lane: ThreadState, load: LoadParams, count: int, began_ns: int) -> int:
    """Do what the events of one poll allow. Returns the time then: the next poll, if it brings nothing, is idle."""
    for k in range(count):
        # As int64, or numba would compile every function below a second time, for unsigned numbers.
        flags = int64(events(lane)[k * EVENT_WORDS])
        i = int64(events(lane)[k * EVENT_WORDS + EVENT_DATA_WORD])
        were_in_flight = schedule(lane)[IN_FLIGHT]
        advance(lane, load, i, flags)
        if load.open_loop or load.session:  # to connect takes a while, in which the number in flight is another
            now_ns = syscalls.now_ns(clock(lane))
            watch(lane, now_ns, were_in_flight + schedule(lane)[IN_FLIGHT])
            if load.open_loop and is_due(lane, due_by(load, now_ns)):
                take_turns(lane, load, due_by(load, now_ns))
    now_ns = syscalls.now_ns(clock(lane))
    if load.open_loop and is_counted(lane, now_ns):
        histogram(lane, TURNAROUND_AT)[slot_of(now_ns - began_ns)] += 1
    return now_ns


@inlined
def let_send(lane: ThreadState, load: LoadParams, now_ns: int) -> int:
    """Let all send whose turn has come. Returns the time then."""
    sent = tally(lane)[SENT]
    take_turns(lane, load, due_by(load, now_ns))
    return now_ns if tally(lane)[SENT] == sent else syscalls.now_ns(clock(lane))


@inlined
def due_by(load: LoadParams, now_ns: int) -> int:
    """Requests intended before this moment are due: now, but for a generator that is made to tick."""
    return now_ns - now_ns % _TICK_NS if load.ticks else now_ns


@inlined
def time_to_wait(lane: ThreadState, load: LoadParams, now_ns: int, last_event_ns: int) -> int:
    """How long the loop may sleep before the next turn is due; 0: it polls."""
    if now_ns - last_event_ns < load.spin_ns:
        return 0
    if not schedule(lane)[TURNS]:
        return _SLEEP_NS
    first_turn_ns = turns(lane, load)[2 * schedule(lane)[FIRST_TURN]]
    due_ns = int64(schedule(lane)[NEXT] if load.open_loop else first_turn_ns)
    return min(max(0, due_ns - now_ns), _SLEEP_NS)


@inlined
def wait_for_events(lane: ThreadState, wait_ns: int) -> int:
    """Poll, or sleep until there are events. Returns how many; 0 or less if there is none."""
    if wait_ns == 0 or wait_ns == _SLEEP_NS:
        return syscalls.epoll_wait(lane.poller, lane.block + EVENTS_AT, EVENTS_AT_ONCE, wait_ns // 1_000_000)
    count = syscalls.epoll_wait_ns(lane.poller, lane.block + EVENTS_AT, EVENTS_AT_ONCE, wait_ns, clock(lane))
    if count == -_ENOSYS:  # an old kernel: the last millisecond is spent polling
        return syscalls.epoll_wait(lane.poller, lane.block + EVENTS_AT, EVENTS_AT_ONCE, 0)
    return count


@inner
def finished(lane: ThreadState, load: LoadParams, now_ns: int) -> bool:
    """After the end: whether nothing is in flight and nobody is on the way."""
    if schedule(lane)[IN_FLIGHT] > 0:
        return False
    if load.open_loop and not nothing_more_due(lane) and not is_cut(lane, load, now_ns):
        return False
    for i in range(lane.total):
        state = connections(lane)[i]["state"]
        if state in (CONNECTING, CLOSING) or (load.session and state == OPEN):
            return False
    return True


@inlined
def advance(lane: ThreadState, load: LoadParams, i: int, flags: int) -> None:
    """Do what an event on connection ``i`` allows."""
    conn = connections(lane)[i]
    if not load.tcp:
        read_datagrams(lane, load, i)
        return
    if conn["state"] == CONNECTING:
        finish_connect(lane, load, i, flags)
        if not flags & EPOLL_BROKEN:
            return  # a reply is a new edge
    elif flags & EPOLLOUT and conn["state"] == OPEN and conn["writing"] <= conn["serial"]:
        error = continue_writing(lane, load, i)
        if error:
            count_failure(lane, error)
            fail(lane, load, i, syscalls.now_ns(clock(lane)))
    read_stream(lane, load, i, flags)


@inner
def look_around(lane: ThreadState, load: LoadParams, count: int, now_ns: int) -> None:
    """Give up what took too long on the next ``count`` connections; open again those that were closed."""
    i = schedule(lane)[LOOK]
    for _ in range(count):
        look_at(lane, load, i, now_ns)
        i = i + 1 if i + 1 < lane.total else 0
    schedule(lane)[LOOK] = i


@inner
def look_at(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Give up the requests and connects of ``i`` that took too long; open it again if it was closed."""
    conn = connections(lane)[i]
    waited_ns = now_ns - conn["began_ns"]
    if conn["state"] == CLOSED:
        has_a_turn = load.session and (load.open_loop or load.think_ns > 0)
        if not has_a_turn and waited_ns > RETRY_NS and now_ns < schedule(lane)[END]:
            reopen(lane, load, i, now_ns)
    elif conn["state"] == CONNECTING:
        if waited_ns > load.timeout_ns:
            tally(lane)[CONNECT_TIMEOUT] += 1
            fail(lane, load, i, now_ns)
    elif conn["state"] == CLOSING:
        if waited_ns > load.timeout_ns:
            tally(lane)[TIMEOUT] += 1
            replace(lane, load, i, now_ns)
    elif conn["in_flight"] > 0:
        give_up_overdue(lane, load, i, now_ns)
    elif load.session and is_cut(lane, load, now_ns):  # thinking, long after the end
        replace(lane, load, i, now_ns)


@inner
def give_up_overdue(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Give up the requests of ``i`` that took too long. Where a late reply could be taken for another, replace it."""
    overdue = 0
    for slot in range(load.depth):
        request = requests(lane, load, i)[slot]
        if request["number"] and now_ns - request["sent_ns"] > load.timeout_ns:
            tally(lane)[TIMEOUT] += 1
            time_out(lane, load, i, slot, now_ns)
            overdue += 1
            if load.numbered and not load.session:
                slot_freed(lane, load, i, now_ns)
    if overdue and not (load.numbered and not load.session):
        connections(lane)[i]["held"] += overdue
        replace(lane, load, i, now_ns)


@inner
def replace(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Leave a connection that still stands. It is closed only when its successor has a port of its own."""
    conn = connections(lane)[i]
    broken = break_all(lane, load, i, now_ns)
    if conn["stale_fd"] >= 0:
        syscalls.close(conn["stale_fd"])
    conn["stale_fd"] = conn["fd"]
    conn["fd"] = -1
    conn["state"] = CLOSED
    conn["began_ns"] = now_ns
    if load.session:
        leave_session(lane, load, i, now_ns + RETRY_NS)
        if load.open_loop or load.think_ns:
            return
    else:
        conn["held"] += broken
    if now_ns < schedule(lane)[END]:
        reopen(lane, load, i, now_ns)
