"""Give up what takes too long, and open closed connections again, compiled.

Connections are checked a few at a time: a search through all of them would make the next requests late.
"""

from clients.engine import syscalls
from clients.engine.jit import int64, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.outcomes import fail_in_flight, last_sent_ns, may_be_sent_again, time_out_request
from clients.engine.records import CLOSED, CLOSING, CONNECTING
from clients.engine.retries import send_again
from clients.engine.scheduler import RETRY_NS, abandon_session, fail, grace_is_over, on_slot_free, reopen
from clients.engine.thread_state import ThreadState
from clients.engine.views import connections, counters, progress, requests, schedule


@jit_internal
def scan_timeouts(state: ThreadState, params: LoadParams, count: int, now_ns: int) -> None:
    """Check the next ``count`` connections."""
    i = progress(state)["next_scanned"]
    for _ in range(count):
        check_connection(state, params, i, now_ns)
        i = i + 1 if i + 1 < state.connection_count else 0
    progress(state)["next_scanned"] = i


@jit_internal
def check_connection(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Give up what took too long on a connection, and reopen a closed one."""
    conn = connections(state)[i]
    waited_ns = now_ns - conn["state_since_ns"]
    if conn["state"] == CLOSED:
        is_queued = params.session and (params.open_loop or params.think_ns > 0)
        if not is_queued and waited_ns > RETRY_NS and now_ns < schedule(state)["end_ns"]:
            reopen(state, params, i, now_ns)
    elif conn["state"] == CONNECTING:
        if waited_ns > params.timeout_ns:
            counters(state)["connect_timeout"] += 1
            if conn["in_flight"] and may_be_sent_again(state, params, i, int64(0)):
                send_again(state, params, i, int64(0), now_ns)
            else:
                fail(state, params, i, now_ns)
    elif conn["state"] == CLOSING:
        if waited_ns > params.timeout_ns:
            counters(state)["timeout"] += 1
            reconnect(state, params, i, now_ns)
    elif conn["in_flight"] > 0:
        give_up_overdue(state, params, i, now_ns)
    elif params.session and grace_is_over(state, params, now_ns):  # thinking, long after the end
        reconnect(state, params, i, now_ns)


@jit_internal
def give_up_overdue(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Give up the overdue requests of a connection.

    Replace the connection if a late reply could be taken for another request's.
    """
    overdue = 0
    for slot in range(params.depth):
        request = requests(state, params, i)[slot]
        if request["number"] and now_ns - last_sent_ns(state, params, i, slot) > params.timeout_ns:
            counters(state)["timeout"] += 1
            if may_be_sent_again(state, params, i, slot):
                send_again(state, params, i, slot, now_ns)
                continue
            time_out_request(state, params, i, slot, now_ns)
            overdue += 1
            if params.numbered and not params.session:
                on_slot_free(state, params, i, now_ns)
    if overdue and not (params.numbered and not params.session):
        connections(state)[i]["parked_slots"] += overdue
        reconnect(state, params, i, now_ns)


@jit_internal
def reconnect(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Replace a connection that is still open.

    The old one is closed once its successor has its own port.
    """
    conn = connections(state)[i]
    broken = fail_in_flight(state, params, i, now_ns)
    if conn["stale_fd"] >= 0:
        syscalls.close(conn["stale_fd"])
    conn["stale_fd"] = conn["fd"]
    conn["fd"] = -1
    conn["state"] = CLOSED
    conn["state_since_ns"] = now_ns
    if params.session:
        abandon_session(state, params, i, now_ns)
        if params.open_loop or params.think_ns:
            return
    else:
        conn["parked_slots"] += broken
    if now_ns < schedule(state)["end_ns"]:
        reopen(state, params, i, now_ns)
