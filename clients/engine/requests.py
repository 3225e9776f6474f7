"""Requests: sent from a free slot, answered once or given up; compiled. Each ends as exactly one outcome."""

import errno
import socket

from clients.engine import syscalls
from clients.engine.arrivals import NEVER_NS
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import inlined, inner, int64
from clients.engine.thread_state import (
    BIN,
    BROKEN,
    COUNTED,
    END,
    FIRST_NUMBER,
    FLIGHTS_NS,
    HEADER_BYTES,
    IN_FLIGHT,
    LATE,
    LATENESS_AT,
    NEXT,
    OK,
    OPEN,
    OUTCOME_LATE,
    OUTCOME_LOST,
    OUTCOME_OK,
    OWN_AT,
    PART,
    POOLED,
    RAW_DROPPED,
    RAW_ROWS,
    REORDERED,
    REPLIES,
    SENT,
    SERVICE_AT,
    SIZES_DRAWN,
    STRIDE,
    TIMED_OUT,
    TIMEOUT,
    WINDOW,
    WORDS_AT,
    LoadParams,
    ThreadState,
    bins,
    connections,
    fact,
    free_slots,
    headline,
    histogram,
    lost,
    message,
    message_address,
    missed,
    raw,
    requests,
    schedule,
    sizes,
    tally,
)
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

_NO_SIGNAL = int(socket.MSG_NOSIGNAL)
_EAGAIN = errno.EAGAIN
_HOLA_BYTES, _ADIOS_BYTES = len(HOLA), len(ADIOS)
_PUES_HOLA_BYTES, _PUES_ADIOS_BYTES = len(PUES_HOLA), len(PUES_ADIOS)


@inlined
def request_of(lane: ThreadState, load: LoadParams, i: int, slot: int) -> tuple[int, int]:
    """Address and size of what connection ``i`` asks from a slot."""
    request = requests(lane, load, i)[slot]
    if load.echo:
        return message_address(lane, load, i, slot), request["size"]
    if request["number"] == connections(lane)[i]["adios"]:
        return lane.block + WORDS_AT + _HOLA_BYTES, _ADIOS_BYTES
    return lane.block + WORDS_AT, _HOLA_BYTES


@inlined
def reply_of(lane: ThreadState, load: LoadParams, i: int, slot: int) -> tuple[int, int]:
    """Address and size of the reply that is due to a slot of connection ``i``."""
    request = requests(lane, load, i)[slot]
    if load.echo:
        return message_address(lane, load, i, slot), request["size"]
    replies = lane.block + WORDS_AT + _HOLA_BYTES + _ADIOS_BYTES
    if request["number"] == connections(lane)[i]["adios"]:
        return replies + _PUES_HOLA_BYTES, _PUES_ADIOS_BYTES
    return replies, _PUES_HOLA_BYTES


@inlined
def is_counted(lane: ThreadState, time_ns: int) -> bool:
    """Whether a time lies inside the window."""
    return bool(schedule(lane)[WINDOW] <= time_ns <= schedule(lane)[END])


@inner
def count_missed(lane: ThreadState, began_ns: int) -> None:
    """Count a request that took for ever, if it began inside the window: it is in no slot of the headline."""
    if is_counted(lane, began_ns):
        missed(lane)[(began_ns - schedule(lane)[WINDOW]) // schedule(lane)[PART]] += 1


@inlined
def _fill_slot(lane: ThreadState, load: LoadParams, i: int) -> int:
    """Take a free slot of ``i`` for its next request, with number and size. There must be one. Returns the slot."""
    conn = connections(lane)[i]
    conn["serial"] += 1
    serial = conn["serial"]
    slot = serial % load.depth
    if not load.tcp and load.depth > 1:
        conn["free"] -= 1
        slot = int64(free_slots(lane, load, i)[conn["free"]])
    request = requests(lane, load, i)[slot]
    request["number"] = serial * load.depth + slot
    request["size"] = sizes(lane)[(serial + i) % SIZES_DRAWN] if load.mixed else load.message_bytes
    if load.session:
        conn["to_send"] -= 1
        if load.says_adios and conn["to_send"] == 0:
            conn["adios"] = request["number"]
    return int64(slot)


@inlined
def _count_sent(lane: ThreadState, load: LoadParams, i: int, slot: int) -> None:
    request = requests(lane, load, i)[slot]
    connections(lane)[i]["in_flight"] += 1
    schedule(lane)[IN_FLIGHT] += 1
    tally(lane)[SENT] += 1
    if not is_counted(lane, request["intended_ns"] if load.open_loop else request["sent_ns"]):
        return
    tally(lane)[COUNTED] += 1
    if load.open_loop:
        waited = request["ready_ns"] > request["intended_ns"] and not load.session
        tally(lane)[POOLED] += 1 if waited else 0
        histogram(lane, LATENESS_AT)[slot_of(request["sent_ns"] - request["ready_ns"])] += 1


@inlined
def _write_number(lane: ThreadState, load: LoadParams, i: int, slot: int) -> None:
    """Make the message unlike all others of its connection."""
    request = requests(lane, load, i)[slot]
    content, number = message(lane, load, i, slot), request["number"]
    if request["size"] < HEADER_BYTES:
        content[0] = number & 0xFF
        return
    for k in range(8):
        content[4 + k] = (number >> (8 * k)) & 0xFF


@inlined
def send_request(lane: ThreadState, load: LoadParams, i: int, intended_ns: int, ready_ns: int, now_ns: int) -> int:
    """Send the next request of ``i``, as much as the socket takes. There must be a free slot.

    Returns 0, or errno if the connection failed.
    """
    slot = _fill_slot(lane, load, i)
    request = requests(lane, load, i)[slot]
    request["intended_ns"] = intended_ns
    request["ready_ns"] = ready_ns
    request["sent_ns"] = now_ns
    _count_sent(lane, load, i, slot)
    if load.echo:
        _write_number(lane, load, i, slot)
    if not load.tcp:
        address, size = request_of(lane, load, i, slot)
        sent = syscalls.send(connections(lane)[i]["fd"], address, size, _NO_SIGNAL)
        return 0 if sent >= 0 else -sent
    if connections(lane)[i]["writing"] < connections(lane)[i]["serial"]:
        return 0  # the socket is full: an earlier one goes first
    return continue_writing(lane, load, i)


@inlined
def continue_writing(lane: ThreadState, load: LoadParams, i: int) -> int:
    """Write what is left of a stream's requests. Returns 0 (all written, or the socket is full), or errno."""
    conn = connections(lane)[i]
    while conn["writing"] <= conn["serial"]:
        address, size = request_of(lane, load, i, conn["writing"] % load.depth)
        while conn["written"] < size:
            sent = syscalls.send(conn["fd"], address + conn["written"], size - conn["written"], _NO_SIGNAL)
            if sent < 0:
                return 0 if sent == -_EAGAIN else -sent
            conn["written"] += sent
        conn["writing"] += 1
        conn["written"] = 0
    return 0


@inlined
def answered(lane: ThreadState, load: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Count the right reply to a slot of connection ``i``, and free the slot. One after the timeout is late."""
    request = requests(lane, load, i)[slot]
    if now_ns - request["sent_ns"] > load.timeout_ns:
        tally(lane)[TIMEOUT] += 1
        tally(lane)[TIMED_OUT] += 1
        tally(lane)[LATE] += 1
        take_out(lane, load, i, slot, int64(OUTCOME_LATE), now_ns)
        return
    conn = connections(lane)[i]
    tally(lane)[OK] += 1
    if is_counted(lane, now_ns):
        tally(lane)[REPLIES] += 1
        conn["served"] += 1
    serial = request["number"] // load.depth
    if serial < conn["newest"]:
        tally(lane)[REORDERED] += 1
    else:
        conn["newest"] = serial
    # By the time it left, not by the reply: or the slowest, whose replies come after the end, would be left out.
    sent_ns = request["sent_ns"]
    began_ns = request["intended_ns"] if load.open_loop else sent_ns
    if is_counted(lane, began_ns):
        part = (began_ns - schedule(lane)[WINDOW]) // schedule(lane)[PART]
        headline(lane, part)[slot_of(now_ns - began_ns)] += 1
        place = 2 * ((began_ns - schedule(lane)[WINDOW]) // schedule(lane)[BIN])
        bins(lane)[place] += now_ns - began_ns
        bins(lane)[place + 1] += 1
        if load.open_loop:
            histogram(lane, SERVICE_AT)[slot_of(now_ns - sent_ns)] += 1
            histogram(lane, OWN_AT)[slot_of(now_ns - sent_ns + request["ready_ns"] - began_ns)] += 1
    take_out(lane, load, i, slot, int64(OUTCOME_OK), now_ns)


@inlined
def take_out(lane: ThreadState, load: LoadParams, i: int, slot: int, outcome: int, now_ns: int) -> None:
    """End a request now: write its raw row, and free its slot."""
    request = requests(lane, load, i)[slot]
    conn = connections(lane)[i]
    inside_ns = min(now_ns, schedule(lane)[END]) - max(request["sent_ns"], schedule(lane)[WINDOW])
    tally(lane)[FLIGHTS_NS] += max(0, inside_ns)
    if outcome != OUTCOME_OK:
        count_missed(lane, int64(request["intended_ns"] if load.open_loop else request["sent_ns"]))
    if load.raw_room:
        _record(lane, load, i, slot, outcome, now_ns)
    request["number"] = 0
    conn["in_flight"] -= 1
    schedule(lane)[IN_FLIGHT] -= 1
    if not load.tcp and load.depth > 1:
        free_slots(lane, load, i)[conn["free"]] = slot
        conn["free"] += 1


@inner
def _record(lane: ThreadState, load: LoadParams, i: int, slot: int, outcome: int, now_ns: int) -> None:
    at = schedule(lane)[RAW_ROWS]
    if at >= load.raw_room:
        tally(lane)[RAW_DROPPED] += 1
        return
    request = requests(lane, load, i)[slot]
    row = raw(lane, load)[at]
    row["connection"] = fact(lane, FIRST_NUMBER) + i * fact(lane, STRIDE)
    row["outcome"] = outcome
    row["number"] = request["number"]
    row["intended_ns"] = request["intended_ns"]
    row["ready_ns"] = request["ready_ns"]
    row["sent_ns"] = request["sent_ns"]
    row["received_ns"] = 0 if outcome == OUTCOME_LOST else now_ns
    schedule(lane)[RAW_ROWS] = at + 1


@inner
def time_out(lane: ThreadState, load: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Give up a request for want of a reply; its number is remembered, to know a late reply."""
    serial = requests(lane, load, i)[slot]["number"] // load.depth
    place = 2 * (serial % load.lost_remembered)
    tally(lane)[TIMED_OUT] += 1
    lost(lane, load, i)[place] = serial
    lost(lane, load, i)[place + 1] = schedule(lane)[RAW_ROWS] if schedule(lane)[RAW_ROWS] < load.raw_room else -1
    take_out(lane, load, i, slot, int64(OUTCOME_LOST), now_ns)


@inner
def break_all(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> int:
    """Give up all that connection ``i`` has in flight, as it failed. Returns how many requests that were."""
    conn = connections(lane)[i]
    count = conn["in_flight"]
    if count == 0:
        return 0
    for slot in range(load.depth):
        if requests(lane, load, i)[slot]["number"]:
            tally(lane)[BROKEN] += 1
            take_out(lane, load, i, slot, int64(OUTCOME_LOST), now_ns)
    return int(count)


@inlined
def may_send(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> bool:
    """Whether connection ``i`` of a closed loop, or in a session, is to send another request now.

    A session that has connected goes on to its end, whenever that is: the server has already paid for its beginning.
    """
    conn = connections(lane)[i]
    if conn["state"] != OPEN or conn["in_flight"] >= load.depth:
        return False
    if load.session:
        return bool(conn["to_send"] > 0)
    return bool(now_ns < schedule(lane)[END])


@inlined
def is_due(lane: ThreadState, now_ns: int) -> bool:
    """Whether the schedule of an open loop has a request that should have left by now."""
    return bool(schedule(lane)[NEXT] <= now_ns)


@inlined
def nothing_more_due(lane: ThreadState) -> bool:
    """Whether the schedule of an open loop has come to its end."""
    return bool(schedule(lane)[NEXT] == NEVER_NS)
