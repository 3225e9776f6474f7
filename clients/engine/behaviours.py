"""Clients that write in their own way, compiled: a byte now and then, or without ever reading.

They wait in the queue of their population for their next turn to write. ``may_send`` is false for them, so the code
for other clients opens and closes their connections and reads their replies, and never sends. Silent clients need
nothing more.
"""

import errno
import socket

from clients.engine import syscalls
from clients.engine.connections import count_failure
from clients.engine.jit import int64, jit_internal
from clients.engine.load_params import NEVER_READS, LoadParams
from clients.engine.messages import reply_of, request_of, write_number
from clients.engine.outcomes import complete_request
from clients.engine.queues import add_thinking, first_thinking_due_ns, queue_is_empty, take_thinking
from clients.engine.records import OPEN, OUTCOME_LOST
from clients.engine.replies import EPOLL_BROKEN, EPOLL_FAILED, on_stream_end, on_wrong_bytes
from clients.engine.requests import count_sent, fill_slot
from clients.engine.scheduler import fail
from clients.engine.thread_state import RECEIVE_BYTES, RECEIVED_AT, ThreadState
from clients.engine.views import clock, connections, counters, requests, schedule

_NO_SIGNAL, _DONTWAIT = int(socket.MSG_NOSIGNAL), int(socket.MSG_DONTWAIT)
_EAGAIN = errno.EAGAIN
_SENDS_PER_TURN = 32  # of a client that never reads: the others have their turn in between


@jit_internal
def queue_writer(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Queue an open connection for its next turn to write, unless it is queued or waits for a reply."""
    conn = connections(state)[i]
    if conn["state"] == OPEN and conn["in_flight"] == 0 and conn["next_byte_ns"] == 0:
        conn["next_byte_ns"] = now_ns + params.trickle_ns
        add_thinking(state, params, i, now_ns + params.trickle_ns)


@jit_internal
def queue_all_writers(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Queue all connections, evenly spread over the first pause."""
    for i in range(state.connection_count):
        conn = connections(state)[i]
        if conn["state"] == OPEN and conn["in_flight"] == 0 and conn["next_byte_ns"] == 0:
            due_ns = now_ns + params.trickle_ns * (i + 1) // state.connection_count
            conn["next_byte_ns"] = due_ns
            add_thinking(state, params, i, due_ns)


@jit_internal
def write_due(state: ThreadState, params: LoadParams, now_ns: int) -> None:
    """Let the connections write whose turn has come: all that trickle, or one that never reads."""
    while not queue_is_empty(state) and first_thinking_due_ns(state, params) <= now_ns:
        _, i = take_thinking(state, params)
        conn = connections(state)[i]
        conn["next_byte_ns"] = 0
        if conn["state"] != OPEN or now_ns >= schedule(state)["act_until_ns"]:
            continue
        if params.behaviour == NEVER_READS:
            _pour(state, params, i)
            return
        _write_byte(state, params, i, now_ns)


@jit_internal
def _write_byte(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Write the next byte of a request. With its last byte the request counts as sent."""
    conn = connections(state)[i]
    slot, size, error = _write_some(state, params, i, int64(1))
    if error:
        count_failure(state, error)
        fail(state, params, i, now_ns)
    elif conn["written_bytes"] == size:
        _finish_request(state, params, i, slot, now_ns)
    else:
        queue_writer(state, params, i, now_ns)


@jit_internal
def read_early(state: ThreadState, params: LoadParams, i: int) -> None:
    """Read what an echo server returns of a request that is not yet complete."""
    conn = connections(state)[i]
    early = conn["written_bytes"] - conn["read_bytes"]
    if not params.echo or conn["state"] != OPEN or conn["in_flight"] or early <= 0:
        return
    received_at = state.block + RECEIVED_AT
    got = syscalls.recv(conn["fd"], received_at, min(early, RECEIVE_BYTES), _DONTWAIT)
    if got == -_EAGAIN:
        return
    now_ns = syscalls.now_ns(clock(state))
    if got <= 0:
        on_stream_end(state, params, i, int64(-got), now_ns)
        return
    address, _ = reply_of(state, params, i, int64(0))
    if syscalls.same_bytes(received_at, address + conn["read_bytes"], got):
        conn["read_bytes"] += got
    else:
        on_wrong_bytes(state, params, i, int64(0), now_ns)


@jit_internal
def _pour(state: ThreadState, params: LoadParams, i: int) -> None:
    """Write requests until the socket is full, the limit is reached, or others should have their turn.

    Nobody reads the replies, so each request is lost as soon as it is written.
    """
    conn = connections(state)[i]
    for _ in range(_SENDS_PER_TURN):
        room = params.unread_limit_bytes - conn["poured_bytes"]
        if room <= 0:
            return
        before = conn["written_bytes"]
        slot, size, error = _write_some(state, params, i, int64(room))
        now_ns = syscalls.now_ns(clock(state))
        if error:
            count_failure(state, error)
            fail(state, params, i, now_ns)
            return
        written = conn["written_bytes"] - before
        if written == 0:
            return  # the socket is full: an event follows when it has room again
        conn["poured_bytes"] += written
        counters(state)["unread_bytes"] += written
        if conn["written_bytes"] == size:
            _finish_request(state, params, i, slot, now_ns)
            counters(state)["broken"] += 1
            complete_request(state, params, i, slot, int64(OUTCOME_LOST), now_ns)
            conn["answered_serial"] = conn["serial"]
    queue_writer(state, params, i, syscalls.now_ns(clock(state)))


@jit_internal
def _write_some(state: ThreadState, params: LoadParams, i: int, most: int) -> tuple[int, int, int]:
    """Write up to ``most`` bytes of the current request, which begins if there is none.

    Returns its slot, its size, and errno or 0. A full socket is not counted as an error.
    """
    conn = connections(state)[i]
    slot = int64(0)
    if conn["writing_serial"] > conn["serial"]:
        slot = fill_slot(state, params, i)
        if params.echo:
            write_number(state, params, i, slot)
    address, size = request_of(state, params, i, slot)
    written = conn["written_bytes"]
    sent = syscalls.send(conn["fd"], address + written, min(size - written, most), _NO_SIGNAL)
    if sent < 0:
        return slot, int64(size), int64(0 if sent == -_EAGAIN else -sent)
    conn["written_bytes"] = written + sent
    return slot, int64(size), int64(0)


@jit_internal
def _finish_request(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Count the request whose last byte was written."""
    conn, request = connections(state)[i], requests(state, params, i)[slot]
    request["intended_ns"] = 0
    request["ready_ns"] = now_ns
    request["sent_ns"] = now_ns
    conn["writing_serial"] += 1
    conn["written_bytes"] = 0
    count_sent(state, params, i, slot)


@jit_internal
def handle_unread(state: ThreadState, params: LoadParams, i: int, flags: int, now_ns: int) -> None:
    """Handle an event of an open connection whose replies are never read."""
    if flags & EPOLL_FAILED:
        counters(state)["reset"] += 1
    elif flags & EPOLL_BROKEN:
        counters(state)["closed"] += 1
    else:
        return
    fail(state, params, i, now_ns)
