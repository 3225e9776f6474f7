"""Whose turn it is to send, compiled: closed loop at once or after a time to think, open loop by the schedule.

In an open loop every free slot of a connection, or every client that may begin a session, stands in a queue; the one
that is free for longest takes the next request of the schedule. So all are used alike, and when none is free the
requests wait: that wait is the server's doing, and is in the latency.
"""

from clients.engine import syscalls
from clients.engine.arrivals import first_arrival, next_arrival
from clients.engine.connections import close_connection, count_failure, open_connection
from clients.engine.jit import inlined, inner, int64
from clients.engine.requests import (
    break_all,
    count_missed,
    is_counted,
    is_due,
    may_send,
    nothing_more_due,
    send_request,
)
from clients.engine.thread_state import (
    CLOSED,
    COUNTED,
    END,
    FIRST_TURN,
    IN_FLIGHT,
    IN_FLIGHT_NS,
    LOOK,
    NEXT,
    OPEN,
    SCHEDULED,
    SESSIONS,
    TURNS,
    UNSENT,
    WATCHED,
    WATCHED_NS,
    WINDOW,
    LoadParams,
    ThreadState,
    clock,
    connections,
    schedule,
    tally,
    turns,
)

RETRY_NS = 10_000_000  # how long a connection that could not be opened is left alone


@inlined
def push_turn(lane: ThreadState, load: LoadParams, i: int, time_ns: int) -> None:
    """Let connection ``i`` wait for its turn, as the last one."""
    course = schedule(lane)
    room = lane.total * load.depth
    if course[TURNS] < room:
        place = (course[FIRST_TURN] + course[TURNS]) % room
        turns(lane, load)[2 * place] = time_ns
        turns(lane, load)[2 * place + 1] = i
        course[TURNS] += 1


@inlined
def pop_turn(lane: ThreadState, load: LoadParams) -> tuple[int, int]:
    """Time and connection of the first turn, which is taken from the queue."""
    course = schedule(lane)
    place = course[FIRST_TURN]
    course[FIRST_TURN] = (place + 1) % (lane.total * load.depth)
    course[TURNS] -= 1
    return turns(lane, load)[2 * place], turns(lane, load)[2 * place + 1]


@inlined
def watch(lane: ThreadState, now_ns: int, twice: int) -> None:
    """Add up the number in flight over the time since it was watched last, which was at the last clock reading.

    twice: the number then and the number now; one is as true as the other. It knows nothing of the time stamps of any
    request, so that Little's law can prove them.
    """
    course = schedule(lane)
    inside_ns = max(0, min(now_ns, course[END]) - max(course[WATCHED], course[WINDOW]))
    course[WATCHED] = now_ns
    tally(lane)[WATCHED_NS] += inside_ns
    tally(lane)[IN_FLIGHT_NS] += twice * inside_ns // 2


@inner
def start_turns(lane: ThreadState, load: LoadParams, now_ns: int) -> None:
    """Begin a load: a closed loop sends at once, in an open loop all free slots queue up."""
    course = schedule(lane)
    course[FIRST_TURN] = course[TURNS] = course[LOOK] = 0
    course[WATCHED] = now_ns
    for i in range(lane.total):
        connections(lane)[i]["held"] = 0
    if load.open_loop:
        first_arrival(lane, load)
        for _ in range(1 if load.session else load.depth):  # so that all connections have their turn before any again
            for i in range(lane.total):
                if load.session or connections(lane)[i]["state"] == OPEN:
                    push_turn(lane, load, i, now_ns)
                else:
                    connections(lane)[i]["held"] += 1
        return
    for i in range(lane.total):
        if connections(lane)[i]["state"] == CLOSED:
            reopen(lane, load, i, now_ns)
        else:
            fill(lane, load, i, now_ns)


@inner
def send_next(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Send a request on ``i``, where it is the connection that decides: in closed loops, and in sessions."""
    intended_ns, ready_ns = now_ns, now_ns
    if not load.open_loop:
        intended_ns = 0
    elif connections(lane)[i]["to_send"] == load.requests_per_session:  # it was due before it could connect
        intended_ns, ready_ns = connections(lane)[i]["intended_ns"], now_ns - connections(lane)[i]["late_ns"]
    error = send_request(lane, load, i, intended_ns, ready_ns, now_ns)
    if error:
        count_failure(lane, error)
        fail(lane, load, i, now_ns)


@inner
def fill(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Send as many requests on ``i`` as may be in flight."""
    while may_send(lane, load, i, now_ns):
        send_next(lane, load, i, now_ns)


@inlined
def slot_freed(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """A request of ``i`` has ended and its connection stands: go on with the next one when it is due."""
    if load.open_loop and not load.session:
        push_turn(lane, load, i, now_ns)
    elif load.think_ns:
        push_turn(lane, load, i, now_ns + load.think_ns)
    elif may_send(lane, load, i, now_ns):
        send_next(lane, load, i, now_ns)


@inner
def stands(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Connection ``i`` has just been opened."""
    conn = connections(lane)[i]
    if load.open_loop and not load.session:
        while conn["held"] > 0:
            conn["held"] -= 1
            push_turn(lane, load, i, now_ns)
    else:
        fill(lane, load, i, now_ns)


@inner
def reopen(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Open connection ``i``, or begin its next session; after the end only what the schedule still asks for."""
    if now_ns >= schedule(lane)[END] and not load.open_loop:
        return
    state = open_connection(lane, load, i, now_ns)
    if state == OPEN:
        stands(lane, load, i, now_ns)
    elif state == CLOSED and load.session:
        leave_session(lane, load, i, now_ns + RETRY_NS)


@inner
def fail(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """Close a connection that failed, with all that it has in flight. If there is time it is opened again later."""
    broken = break_all(lane, load, i, now_ns)
    close_connection(lane, i)
    connections(lane)[i]["began_ns"] = now_ns
    if load.session:
        leave_session(lane, load, i, now_ns + RETRY_NS)
    else:
        connections(lane)[i]["held"] += broken


@inner
def leave_session(lane: ThreadState, load: LoadParams, i: int, next_ns: int) -> None:
    """A session did not come to its end: what it did not send is unsent. next_ns: when a thinking client may go on."""
    conn = connections(lane)[i]
    if load.open_loop:
        tally(lane)[UNSENT] += conn["to_send"]
        if conn["to_send"] == load.requests_per_session and is_counted(lane, conn["intended_ns"]):
            tally(lane)[COUNTED] += 1  # and no reply to come
            count_missed(lane, int64(conn["intended_ns"]))
        push_turn(lane, load, i, next_ns - RETRY_NS)
    elif load.think_ns:
        push_turn(lane, load, i, next_ns)


@inner
def session_done(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> None:
    """A session ended as it should: count it, and begin the next if there is time."""
    if is_counted(lane, now_ns):
        tally(lane)[SESSIONS] += 1
    close_connection(lane, i)
    connections(lane)[i]["began_ns"] = now_ns
    if load.open_loop:
        push_turn(lane, load, i, now_ns)
    elif load.think_ns:
        push_turn(lane, load, i, now_ns + load.think_ns)
    else:
        reopen(lane, load, i, now_ns)


@inner
def is_cut(lane: ThreadState, load: LoadParams, now_ns: int) -> bool:
    """Whether the load has gone on for so long after its end that what is not done is left."""
    return bool(now_ns > schedule(lane)[END] + load.timeout_ns)


@inner
def take_turns(lane: ThreadState, load: LoadParams, now_ns: int) -> None:
    """Let all whose turn has come send, or begin their session."""
    if load.open_loop:
        while schedule(lane)[TURNS] > 0 and is_due(lane, now_ns) and not is_cut(lane, load, now_ns):
            free_since_ns, i = pop_turn(lane, load)
            sent_ns = syscalls.now_ns(clock(lane))
            watch(lane, sent_ns, 2 * schedule(lane)[IN_FLIGHT])
            _follow_schedule(lane, load, i, free_since_ns, sent_ns)
        return
    while schedule(lane)[TURNS] > 0 and turns(lane, load)[2 * schedule(lane)[FIRST_TURN]] <= now_ns:
        _, i = pop_turn(lane, load)
        sent_ns = syscalls.now_ns(clock(lane))
        watch(lane, sent_ns, 2 * schedule(lane)[IN_FLIGHT])
        if may_send(lane, load, i, sent_ns):
            send_next(lane, load, i, sent_ns)
        elif connections(lane)[i]["state"] == CLOSED and load.session:
            reopen(lane, load, i, sent_ns)


@inlined
def _follow_schedule(lane: ThreadState, load: LoadParams, i: int, free_since_ns: int, now_ns: int) -> None:
    """Give the request that is due to connection ``i``."""
    conn = connections(lane)[i]
    if conn["state"] != (CLOSED if load.session else OPEN):
        conn["held"] += 1
        return
    intended_ns = schedule(lane)[NEXT]
    ready_ns = max(intended_ns, free_since_ns)
    next_arrival(lane, load)
    if load.session:
        tally(lane)[SCHEDULED] += load.requests_per_session
        conn["intended_ns"], conn["late_ns"] = intended_ns, now_ns - ready_ns
        reopen(lane, load, i, now_ns)
        return
    tally(lane)[SCHEDULED] += 1
    error = send_request(lane, load, i, intended_ns, ready_ns, now_ns)
    if error:
        count_failure(lane, error)
        fail(lane, load, i, now_ns)


@inner
def count_unsent(lane: ThreadState, load: LoadParams) -> None:
    """After the end: what the schedule asked for and nobody could send took for ever."""
    while load.open_loop and not nothing_more_due(lane):
        count = load.requests_per_session if load.session else 1
        tally(lane)[SCHEDULED] += count
        tally(lane)[UNSENT] += count
        tally(lane)[COUNTED] += 1 if is_counted(lane, schedule(lane)[NEXT]) else 0
        count_missed(lane, int64(schedule(lane)[NEXT]))
        next_arrival(lane, load)
