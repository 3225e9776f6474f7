"""Read and check replies, compiled.

Covers whole, partial, wrong and late replies, ends of streams, and errors. Events are edge-triggered: the kernel
reports each one once. The code that handles an event must read until the kernel has no more data, or know that more
data will raise a new event. A stream that returned less than requested is empty. A datagram socket with one request in
flight is read until its reply; what remains there (duplicates) is read before the next request. In return the kernel
need not check every connection again in each poll, which level-triggered events cost.
"""

import errno
import socket

from clients.engine import syscalls
from clients.engine.connections import close_connection, count_connect_error, count_failure, mark_connected
from clients.engine.jit import int64, jit_inline, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.messages import next_slot_of, reply_of, serial_of
from clients.engine.outcomes import accept_reply, complete_request
from clients.engine.phases import find_late_in_phase
from clients.engine.records import CLOSING, OPEN, OUTCOME_CORRUPT, OUTCOME_LATE
from clients.engine.requests import continue_writing
from clients.engine.scheduler import abandon_session, complete_session, fail, grace_is_over, on_connected, on_slot_free
from clients.engine.thread_state import OPTION_AT, RECEIVE_BYTES, RECEIVED_AT, ThreadState
from clients.engine.views import (
    clock,
    connections,
    counters,
    given_up,
    message_address,
    option,
    raw,
    received,
    requests,
)

EPOLLOUT = 0x4
EPOLL_FAILED = 0x8 | 0x10  # error, hung up
EPOLL_BROKEN = EPOLL_FAILED | 0x2000  # or the peer has closed its end
_SOL_SOCKET, _SO_ERROR = int(socket.SOL_SOCKET), int(socket.SO_ERROR)
_DONTWAIT = int(socket.MSG_DONTWAIT)
_EAGAIN = errno.EAGAIN


@jit_internal
def finish_connect(state: ThreadState, params: LoadParams, i: int, flags: int) -> None:
    """Record the result of a connect, and use the connection."""
    conn = connections(state)[i]
    now = syscalls.now_ns(clock(state))
    if flags & EPOLL_FAILED:
        option(state)[1] = 4
        option_at = state.block + OPTION_AT
        syscalls.get_option(conn["fd"], _SOL_SOCKET, _SO_ERROR, option_at, option_at + 4)
        count_connect_error(state, int64(option(state)[0]))
        fail(state, params, i, now)
    elif flags & EPOLLOUT:
        mark_connected(state, params, i, now)
        if conn["in_flight"]:  # a request that is sent again
            error = continue_writing(state, params, i)
            if error:
                count_failure(state, error)
                fail(state, params, i, now)
                return
        on_connected(state, params, i, now)


@jit_inline
def on_reply(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Count the complete and correct reply to a slot, and continue."""
    conn = connections(state)[i]
    accept_reply(state, params, i, slot, now_ns)
    if not params.tcp and not params.numbered:
        read_leftovers(state, params, i)  # a second copy could be taken for the reply to the next request
    if params.session:
        conn["replies_to_come"] -= 1
        if conn["replies_to_come"] == 0:
            if params.tcp and params.ends_with_adios:
                conn["state"] = CLOSING
                conn["state_since_ns"] = now_ns
            else:
                complete_session(state, params, i, now_ns)
            return
        if grace_is_over(state, params, now_ns) and conn["in_flight"] == 0:
            close_connection(state, i)  # the session is so long that the load would never end
            abandon_session(state, params, i, now_ns)
            return
    on_slot_free(state, params, i, now_ns)


@jit_inline
def read_stream(state: ThreadState, params: LoadParams, i: int, flags: int) -> None:
    """Read the data of a TCP connection.

    Continues with the next request whenever a reply is complete.
    """
    conn = connections(state)[i]
    fd = conn["fd"]
    while conn["fd"] == fd and fd >= 0:
        got = syscalls.recv(fd, state.block + RECEIVED_AT, RECEIVE_BYTES, _DONTWAIT)
        if got == -_EAGAIN:
            return
        now = syscalls.now_ns(clock(state))
        if got <= 0:
            on_stream_end(state, params, i, -got, now)
            return
        at = 0
        while at < got and conn["fd"] == fd:
            slot = next_slot_of(params, conn["answered_serial"] + 1)
            address, size = reply_of(state, params, i, slot)
            read = conn["read_bytes"]
            part = min(size - read, got - at)
            too_much = conn["in_flight"] == 0 or (conn["in_flight"] == 1 and got - at > part)
            if too_much or not syscalls.same_bytes(state.block + RECEIVED_AT + at, address + read, part):
                on_wrong_bytes(state, params, i, slot, now)
                return
            at += part
            conn["read_bytes"] += part
            if conn["read_bytes"] == size:
                conn["read_bytes"] = 0
                conn["answered_serial"] += 1
                on_reply(state, params, i, slot, now)
        if got < RECEIVE_BYTES and not flags & EPOLL_BROKEN and conn["state"] != CLOSING:
            return


@jit_internal
def on_wrong_bytes(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Close a stream that returned wrong bytes.

    The position of the next reply is unknown.
    """
    counters(state)["wrong_reply"] += 1
    if connections(state)[i]["in_flight"]:
        counters(state)["corrupt"] += 1
        complete_request(state, params, i, slot, int64(OUTCOME_CORRUPT), now_ns)
        connections(state)[i]["parked_slots"] += 1
    fail(state, params, i, now_ns)


@jit_internal
def on_stream_end(state: ThreadState, params: LoadParams, i: int, error: int, now_ns: int) -> None:
    """Handle a stream that the server closed (``error`` 0) or reset.

    It is the end of a session, or a failure.
    """
    if connections(state)[i]["state"] == CLOSING and error == 0:
        complete_session(state, params, i, now_ns)
        return
    if error:
        counters(state)["reset"] += 1
    else:
        counters(state)["closed"] += 1
    fail(state, params, i, now_ns)


@jit_inline
def read_datagrams(state: ThreadState, params: LoadParams, i: int) -> None:
    """Read the datagrams of a connection for as long as replies are due."""
    conn = connections(state)[i]
    while conn["fd"] >= 0:
        got = syscalls.recv(conn["fd"], state.block + RECEIVED_AT, RECEIVE_BYTES, _DONTWAIT)
        if got == -_EAGAIN:
            return
        now = syscalls.now_ns(clock(state))
        if got < 0:
            count_failure(state, -got)
            fail(state, params, i, now)
            return
        slot = slot_of_datagram(state, params, i, got)
        if slot < 0:
            count_unexpected(state, params, i, got, now)
            continue
        address, size = reply_of(state, params, i, slot)
        if got == size and syscalls.same_bytes(state.block + RECEIVED_AT, address, size):
            on_reply(state, params, i, slot, now)
        else:
            on_wrong_datagram(state, params, i, slot, now)
        if params.depth == 1 or conn["in_flight"] == 0:
            return  # the next reply raises a new event


@jit_inline
def received_number(state: ThreadState, params: LoadParams) -> int:
    """Return the request number in the datagram just received."""
    number = 0
    for k in range(8):
        number |= int64(received(state)[params.number_at + k]) << (8 * k)
    return number


@jit_inline
def has_sent_number(state: ThreadState, params: LoadParams, i: int, got: int) -> bool:
    """Return whether the datagram just received answers a request once sent.

    Its number must be one that the connection has used.
    """
    if not params.numbered or got < params.header_bytes:
        return False
    connection_at = params.number_at - 4
    received_at, own_at = (
        state.block + RECEIVED_AT + connection_at,
        message_address(state, params, i, 0) + connection_at,
    )
    same_connection = syscalls.same_bytes(received_at, own_at, 4)
    serial = serial_of(params, received_number(state, params))
    return bool(same_connection and 0 < serial <= connections(state)[i]["serial"])


@jit_inline
def slot_of_datagram(state: ThreadState, params: LoadParams, i: int, got: int) -> int:
    """Return the slot that the datagram just received answers; -1 if there is none.

    The answer may be correct or not. Without a readable number it can only answer the one request in flight, if there
    is exactly one.
    """
    if has_sent_number(state, params, i, got):
        number = received_number(state, params)
        slot = next_slot_of(params, number)
        return slot if requests(state, params, i)[slot]["number"] == number else -1
    return 0 if params.depth == 1 and connections(state)[i]["in_flight"] else -1


@jit_internal
def on_wrong_datagram(state: ThreadState, params: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """Fail the request of a slot whose reply has wrong bytes or the wrong size."""
    counters(state)["wrong_reply"] += 1
    counters(state)["corrupt"] += 1
    complete_request(state, params, i, slot, int64(OUTCOME_CORRUPT), now_ns)
    if params.session:
        fail(state, params, i, now_ns)
    elif connections(state)[i]["state"] == OPEN:
        on_slot_free(state, params, i, now_ns)


@jit_internal
def count_unexpected(state: ThreadState, params: LoadParams, i: int, got: int, now_ns: int) -> None:
    """Count a datagram that no request in flight waits for.

    It is late, a second copy, or unknown.
    """
    if not has_sent_number(state, params, i, got):
        # Without numbers in its messages a connection has one request at a time, and this came after its reply.
        if params.numbered:
            counters(state)["wrong_reply"] += 1
        else:
            counters(state)["duplicate"] += 1
        return
    serial = serial_of(params, received_number(state, params))
    position = 3 * (serial % params.lost_remembered)
    lost = given_up(state, params, i)
    if lost[position] != serial:
        counters(state)["duplicate"] += 1
        return
    lost[position] = 0
    counters(state)["late"] += 1
    if params.phases:
        find_late_in_phase(state, params, int64(lost[position + 2]))
    if params.raw_room and lost[position + 1] >= 0:
        row = raw(state, params)[lost[position + 1]]
        row["outcome"] = OUTCOME_LATE
        row["received_ns"] = now_ns


@jit_internal
def read_leftovers(state: ThreadState, params: LoadParams, i: int) -> None:
    """Read and count the datagrams that no request waits for."""
    conn = connections(state)[i]
    while conn["fd"] >= 0:
        got = syscalls.recv(conn["fd"], state.block + RECEIVED_AT, RECEIVE_BYTES, _DONTWAIT)
        if got < 0:
            return
        count_unexpected(state, params, i, got, syscalls.now_ns(clock(state)))
