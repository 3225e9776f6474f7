"""Send requests from free slots, compiled."""

import errno
import socket

from clients.engine import syscalls
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import int64, jit_inline
from clients.engine.load_params import LoadParams
from clients.engine.messages import next_slot_of, request_of, write_number
from clients.engine.outcomes import is_counted
from clients.engine.phases import begin_in_phase
from clients.engine.records import OPEN
from clients.engine.thread_state import SIZES_DRAWN, ThreadState
from clients.engine.views import (
    attempts,
    connections,
    counters,
    free_slots,
    histograms,
    progress,
    requests,
    schedule,
    sizes,
)

_NO_SIGNAL = int(socket.MSG_NOSIGNAL)
_EAGAIN = errno.EAGAIN


@jit_inline
def may_send(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> bool:
    """Return whether a connection is to send another request now.

    For closed loops, and for sessions of both loops. A session that has connected continues to its end, whenever that
    is: the server has already paid for its beginning.
    """
    conn = connections(state)[i]
    if conn["state"] != OPEN or conn["in_flight"] >= params.depth:
        return False
    if params.session:
        return bool(conn["requests_to_send"] > 0)
    return bool(now_ns < schedule(state)["send_until_ns"])


@jit_inline
def send_request(state: ThreadState, params: LoadParams, i: int, intended_ns: int, ready_ns: int, now_ns: int) -> int:
    """Send the next request of a connection, as much as the socket takes.

    A slot must be free. Returns 0, or errno if the connection failed.
    """
    slot = fill_slot(state, params, i)
    request = requests(state, params, i)[slot]
    request["intended_ns"] = intended_ns
    request["ready_ns"] = ready_ns
    request["sent_ns"] = now_ns
    if params.retries:
        attempts(state, params, i)[slot]["last_sent_ns"] = now_ns
        attempts(state, params, i)[slot]["tries"] = 0
    count_sent(state, params, i, slot)
    if params.echo:
        write_number(state, params, i, slot)
    if not params.tcp:
        address, size = request_of(state, params, i, slot)
        sent = syscalls.send(connections(state)[i]["fd"], address, size, _NO_SIGNAL)
        return 0 if sent >= 0 else -sent
    if connections(state)[i]["writing_serial"] < connections(state)[i]["serial"]:
        return 0  # the socket is full: an earlier request goes first
    return continue_writing(state, params, i)


@jit_inline
def continue_writing(state: ThreadState, params: LoadParams, i: int) -> int:
    """Write the rest of a stream's requests.

    Returns 0 (all written, or the socket is full), or errno.
    """
    conn = connections(state)[i]
    while conn["writing_serial"] <= conn["serial"]:
        address, size = request_of(state, params, i, next_slot_of(params, conn["writing_serial"]))
        while conn["written_bytes"] < size:
            written = conn["written_bytes"]
            sent = syscalls.send(conn["fd"], address + written, size - written, _NO_SIGNAL)
            if sent < 0:
                return 0 if sent == -_EAGAIN else -sent
            conn["written_bytes"] += sent
        conn["writing_serial"] += 1
        conn["written_bytes"] = 0
    return 0


@jit_inline
def fill_slot(state: ThreadState, params: LoadParams, i: int) -> int:
    """Assign a number and a size to a free slot, which must exist. Returns the slot."""
    conn = connections(state)[i]
    conn["serial"] += 1
    serial = conn["serial"]
    slot = next_slot_of(params, serial)
    if not params.tcp and params.depth > 1:
        conn["free_slots"] -= 1
        slot = int64(free_slots(state, params, i)[conn["free_slots"]])
    request = requests(state, params, i)[slot]
    request["number"] = serial * params.depth + slot
    request["size_bytes"] = sizes(state)[(serial + i) % SIZES_DRAWN] if params.mixed else params.message_bytes
    if params.session:
        conn["requests_to_send"] -= 1
        if params.ends_with_adios and conn["requests_to_send"] == 0:
            conn["adios_number"] = request["number"]
    return int64(slot)


@jit_inline
def count_sent(state: ThreadState, params: LoadParams, i: int, slot: int) -> None:
    """Count a request that is sent."""
    request = requests(state, params, i)[slot]
    connections(state)[i]["in_flight"] += 1
    progress(state)["in_flight"] += 1
    counters(state)["sent"] += 1
    if params.phases:
        begin_in_phase(state, params, i, slot)
    if not is_counted(state, request["intended_ns"] if params.open_loop else request["sent_ns"]):
        return
    counters(state)["counted"] += 1
    if params.open_loop:
        waited = request["ready_ns"] > request["intended_ns"] and not params.session
        counters(state)["pooled"] += 1 if waited else 0
        histograms(state)["lateness"][slot_of(request["sent_ns"] - request["ready_ns"])] += 1
