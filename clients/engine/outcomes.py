"""The end of a request, compiled: answered, late, corrupt or lost.

Each request ends with exactly one outcome.
"""

from clients.engine.credit import credit_of
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.messages import serial_of
from clients.engine.phases import complete_in_phase
from clients.engine.records import OUTCOME_LATE, OUTCOME_LOST, OUTCOME_OK
from clients.engine.thread_state import ThreadState
from clients.engine.views import (
    attempts,
    bins,
    connections,
    counters,
    free_slots,
    given_up,
    histograms,
    identity,
    index_of,
    never_answered,
    primary,
    progress,
    raw,
    requests,
    schedule,
)


@jit_inline
def is_counted(state: ThreadState, time_ns: int) -> bool:
    """Return whether a time is inside the window."""
    return bool(schedule(state)["window_ns"] <= time_ns <= schedule(state)["end_ns"])


@jit_internal
def count_never_answered(state: ThreadState, began_ns: int) -> None:
    """Count a request without a reply, if it began inside the window.

    The primary histogram has no slot for it.
    """
    if is_counted(state, began_ns):
        never_answered(state)[(began_ns - schedule(state)["window_ns"]) // schedule(state)["part_ns"]] += 1


@jit_inline
def may_be_sent_again(state: ThreadState, params: LoadParams, i: int, slot: int) -> bool:
    """Return whether a request has a try left."""
    return bool(params.retries and attempts(state, params, i)[slot]["tries"] < params.retries)


@jit_inline
def last_sent_ns(state: ThreadState, params: LoadParams, i: int, slot: int) -> int:
    """Return when a request was sent for the last time: the timeout counts from there."""
    if params.retries:
        return int64(attempts(state, params, i)[slot]["last_sent_ns"])
    return int64(requests(state, params, i)[slot]["sent_ns"])


@jit_inline
def accept_reply(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Count the correct reply to a slot and free the slot.

    A reply after the timeout counts as late.
    """
    request = requests(state, params, i)[slot]
    is_late = now_ns - last_sent_ns(state, params, i, slot) > params.timeout_ns
    if is_late and not may_be_sent_again(state, params, i, slot):
        counters(state)["timeout"] += 1
        counters(state)["timed_out"] += 1
        counters(state)["late"] += 1
        complete_request(state, params, i, slot, int64(OUTCOME_LATE), now_ns)
        return
    conn = connections(state)[i]
    counters(state)["ok"] += 1
    if is_counted(state, now_ns):
        counters(state)["replies"] += 1
        conn["served"] += 1
    sched = schedule(state)
    counters(state)["credit"] += credit_of(request["sent_ns"], now_ns, sched["window_ns"], sched["end_ns"])
    serial = serial_of(params, request["number"])
    if serial < conn["newest_serial"]:
        counters(state)["reordered"] += 1
    else:
        conn["newest_serial"] = serial
    # By the time of sending, not of the reply: the slowest replies arrive after the end and would be left out.
    began_ns = request["intended_ns"] if params.open_loop else request["sent_ns"]
    if is_counted(state, began_ns):
        _record_latency(state, params, i, slot, int64(began_ns), now_ns)
    complete_request(state, params, i, slot, int64(OUTCOME_OK), now_ns)


@jit_inline
def _record_latency(state: ThreadState, params: LoadParams, i: int, slot: int, began_ns: int, now_ns: int) -> None:
    """Add a reply to the histograms and bins.

    began_ns: the intended time of an open loop, else the time of sending.
    """
    request, sched = requests(state, params, i)[slot], schedule(state)
    into_window_ns = began_ns - sched["window_ns"]
    primary(state, index_of(into_window_ns, sched["part_ns"]))[slot_of(now_ns - began_ns)] += 1
    position = 2 * index_of(into_window_ns, sched["bin_ns"])
    bins(state)[position] += now_ns - began_ns
    bins(state)[position + 1] += 1
    if params.open_loop:
        service_ns = now_ns - request["sent_ns"]
        pool_wait_ns = request["ready_ns"] - began_ns
        histograms(state)["service"][slot_of(service_ns)] += 1
        histograms(state)["without_send_delay"][slot_of(service_ns + pool_wait_ns)] += 1


@jit_inline
def complete_request(state: ThreadState, params: LoadParams, i: int, slot: int, outcome: int, now_ns: int) -> None:
    """End a request now: write its raw row, and free its slot."""
    request = requests(state, params, i)[slot]
    conn = connections(state)[i]
    inside_ns = min(now_ns, schedule(state)["end_ns"]) - max(request["sent_ns"], schedule(state)["window_ns"])
    counters(state)["flights_ns"] += max(0, inside_ns)
    if outcome != OUTCOME_OK:
        count_never_answered(state, int64(request["intended_ns"] if params.open_loop else request["sent_ns"]))
    if params.phases:
        complete_in_phase(state, params, i, slot, outcome, now_ns)
    if params.raw_room:
        _write_raw_row(state, params, i, slot, outcome, now_ns)
    request["number"] = 0
    conn["in_flight"] -= 1
    progress(state)["in_flight"] -= 1
    if not params.tcp and params.depth > 1:
        free_slots(state, params, i)[conn["free_slots"]] = slot
        conn["free_slots"] += 1


@jit_internal
def _write_raw_row(state: ThreadState, params: LoadParams, i: int, slot: int, outcome: int, now_ns: int) -> None:
    at = progress(state)["raw_rows"]
    if at >= params.raw_room:
        counters(state)["raw_dropped"] += 1
        return
    request = requests(state, params, i)[slot]
    row = raw(state, params)[at]
    row["connection"] = identity(state)["first_number"] + i * identity(state)["stride"]
    row["outcome"] = outcome
    row["number"] = request["number"]
    row["intended_ns"] = request["intended_ns"]
    row["ready_ns"] = request["ready_ns"]
    row["sent_ns"] = request["sent_ns"]
    row["received_ns"] = 0 if outcome == OUTCOME_LOST else now_ns
    progress(state)["raw_rows"] = at + 1


@jit_internal
def time_out_request(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Give up a request because no reply came.

    Its number is remembered, so that a late reply is recognised.
    """
    serial = requests(state, params, i)[slot]["number"] // params.depth
    position = 3 * (serial % params.lost_remembered)
    counters(state)["timed_out"] += 1
    raw_row = progress(state)["raw_rows"]
    given_up(state, params, i)[position] = serial
    given_up(state, params, i)[position + 1] = raw_row if raw_row < params.raw_room else -1
    if params.phases:
        given_up(state, params, i)[position + 2] = attempts(state, params, i)[slot]["phase"]
    complete_request(state, params, i, slot, int64(OUTCOME_LOST), now_ns)


@jit_internal
def fail_in_flight(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> int:
    """Give up all requests in flight on a failed connection.

    Returns their number.
    """
    conn = connections(state)[i]
    count = conn["in_flight"]
    if count == 0:
        return 0
    for slot in range(params.depth):
        if requests(state, params, i)[slot]["number"]:
            counters(state)["broken"] += 1
            complete_request(state, params, i, slot, int64(OUTCOME_LOST), now_ns)
    return int(count)
