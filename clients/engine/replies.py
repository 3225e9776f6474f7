"""What comes back: whole replies, parts of them, wrong ones, late ones, ends and errors; compiled.

A word of warning: events are edge-triggered. One is told once, so whoever handles it must read until the kernel has no
more, or know that more will be a new edge. A stream that gave less than was asked is empty; a datagram socket with one
request in flight is read until its reply, and what is left there (duplicates) is read before the next one. In return
the kernel need not look at every connection again in each poll, which is what level-triggered events cost.
"""

import errno
import socket

from clients.engine import syscalls
from clients.engine.connections import close_connection, connected, count_connect_error, count_failure
from clients.engine.jit import inlined, inner, int64
from clients.engine.requests import answered, reply_of, take_out
from clients.engine.scheduler import RETRY_NS, fail, is_cut, leave_session, session_done, slot_freed, stands
from clients.engine.thread_state import (
    CLOSING,
    CORRUPT,
    DUPLICATE,
    HEADER_BYTES,
    LATE,
    OPEN,
    OPTION_AT,
    OUTCOME_CORRUPT,
    OUTCOME_LATE,
    RECEIVE_BYTES,
    RECEIVED_AT,
    RESET,
    SERVER_CLOSED,
    WRONG_REPLY,
    LoadParams,
    ThreadState,
    clock,
    connections,
    lost,
    message_address,
    option,
    raw,
    received,
    requests,
    tally,
)

EPOLLOUT = 0x4
_EPOLL_FAILED = 0x8 | 0x10  # error, hung up
EPOLL_BROKEN = _EPOLL_FAILED | 0x2000  # or the peer has closed its end
_SOL_SOCKET, _SO_ERROR = int(socket.SOL_SOCKET), int(socket.SO_ERROR)
_DONTWAIT = int(socket.MSG_DONTWAIT)
_EAGAIN = errno.EAGAIN


@inner
def finish_connect(lane: ThreadState, load: LoadParams, i: int, flags: int) -> None:
    """The connect of ``i`` succeeded or failed."""
    conn = connections(lane)[i]
    now = syscalls.now_ns(clock(lane))
    if flags & _EPOLL_FAILED:
        option(lane)[1] = 4
        syscalls.get_option(conn["fd"], _SOL_SOCKET, _SO_ERROR, lane.block + OPTION_AT, lane.block + OPTION_AT + 4)
        count_connect_error(lane, int64(option(lane)[0]))
        fail(lane, load, i, now)
    elif flags & EPOLLOUT:
        connected(lane, i, now)
        stands(lane, load, i, now)


@inlined
def replied(lane: ThreadState, load: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """The reply to a slot is whole and right: count it and go on."""
    conn = connections(lane)[i]
    answered(lane, load, i, slot, now_ns)
    if not load.tcp and not load.numbered:
        read_leftovers(lane, load, i)  # a second copy could be taken for the reply to the next request
    if load.session:
        conn["to_come"] -= 1
        if conn["to_come"] == 0:
            if load.tcp and load.says_adios:
                conn["state"] = CLOSING  # the server closes after its last reply
                conn["began_ns"] = now_ns
            else:
                session_done(lane, load, i, now_ns)
            return
        if is_cut(lane, load, now_ns) and conn["in_flight"] == 0:
            close_connection(lane, i)  # a session so long that the load would never end
            leave_session(lane, load, i, now_ns + RETRY_NS)
            return
    slot_freed(lane, load, i, now_ns)


@inlined
def read_stream(lane: ThreadState, load: LoadParams, i: int, flags: int) -> None:
    """Read what a TCP connection has; go on to the next request whenever a reply is whole."""
    conn = connections(lane)[i]
    fd = conn["fd"]
    while conn["fd"] == fd and fd >= 0:
        got = syscalls.recv(fd, lane.block + RECEIVED_AT, RECEIVE_BYTES, _DONTWAIT)
        if got == -_EAGAIN:
            return
        now = syscalls.now_ns(clock(lane))
        if got <= 0:
            stream_ended(lane, load, i, -got, now)
            return
        at = 0
        while at < got and conn["fd"] == fd:
            slot = (conn["answered"] + 1) % load.depth
            address, size = reply_of(lane, load, i, slot)
            part = min(size - conn["read"], got - at)
            too_much = conn["in_flight"] == 0 or (conn["in_flight"] == 1 and got - at > part)
            if too_much or not syscalls.same_bytes(lane.block + RECEIVED_AT + at, address + conn["read"], part):
                wrong_bytes(lane, load, i, slot, now)
                return
            at += part
            conn["read"] += part
            if conn["read"] == size:
                conn["read"] = 0
                conn["answered"] += 1
                replied(lane, load, i, slot, now)
        if got < RECEIVE_BYTES and not flags & EPOLL_BROKEN and conn["state"] != CLOSING:
            return


@inner
def wrong_bytes(lane: ThreadState, load: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """A stream brought what is not the reply: where the next one would begin is unknown, so the connection goes."""
    tally(lane)[WRONG_REPLY] += 1
    if connections(lane)[i]["in_flight"]:
        tally(lane)[CORRUPT] += 1
        take_out(lane, load, i, slot, int64(OUTCOME_CORRUPT), now_ns)
        connections(lane)[i]["held"] += 1
    fail(lane, load, i, now_ns)


@inner
def stream_ended(lane: ThreadState, load: LoadParams, i: int, error: int, now_ns: int) -> None:
    """The server closed the connection (``error`` 0) or broke it: the end of a session, or a failure."""
    if connections(lane)[i]["state"] == CLOSING and error == 0:
        session_done(lane, load, i, now_ns)
        return
    tally(lane)[RESET if error else SERVER_CLOSED] += 1
    fail(lane, load, i, now_ns)


@inlined
def read_datagrams(lane: ThreadState, load: LoadParams, i: int) -> None:
    """Read the datagrams of connection ``i`` for as long as replies are due."""
    conn = connections(lane)[i]
    while conn["fd"] >= 0:
        got = syscalls.recv(conn["fd"], lane.block + RECEIVED_AT, RECEIVE_BYTES, _DONTWAIT)
        if got == -_EAGAIN:
            return
        now = syscalls.now_ns(clock(lane))
        if got < 0:
            count_failure(lane, -got)
            fail(lane, load, i, now)
            return
        slot = slot_of_datagram(lane, load, i, got)
        if slot < 0:
            count_unexpected(lane, load, i, got, now)
            continue
        address, size = reply_of(lane, load, i, slot)
        if got == size and syscalls.same_bytes(lane.block + RECEIVED_AT, address, size):
            replied(lane, load, i, slot, now)
        else:
            wrong_datagram(lane, load, i, slot, now)
        if load.depth == 1 or conn["in_flight"] == 0:
            return  # the next reply is a new edge


@inlined
def number_received(lane: ThreadState) -> int:
    """Number of the request in the datagram just received."""
    number = 0
    for k in range(8):
        number |= int64(received(lane)[4 + k]) << (8 * k)
    return number


@inlined
def is_own(lane: ThreadState, load: LoadParams, i: int, got: int) -> bool:
    """Whether the datagram just received has the number of a request that connection ``i`` once sent."""
    if not load.numbered or got < HEADER_BYTES:
        return False
    own = syscalls.same_bytes(lane.block + RECEIVED_AT, message_address(lane, load, i, 0), 4)
    return bool(own and 0 < number_received(lane) // load.depth <= connections(lane)[i]["serial"])


@inlined
def slot_of_datagram(lane: ThreadState, load: LoadParams, i: int, got: int) -> int:
    """The slot of ``i`` whose request the datagram just received answers, rightly or not; -1 if there is none.

    Without a readable number it can only be for the one request in flight, if it is one.
    """
    if is_own(lane, load, i, got):
        number = number_received(lane)
        slot = number % load.depth
        return slot if requests(lane, load, i)[slot]["number"] == number else -1
    return 0 if load.depth == 1 and connections(lane)[i]["in_flight"] else -1


@inner
def wrong_datagram(lane: ThreadState, load: LoadParams, i: int, slot: int, now_ns: int) -> None:
    """The reply to a slot has wrong bytes, or the wrong size: the request has failed."""
    tally(lane)[WRONG_REPLY] += 1
    tally(lane)[CORRUPT] += 1
    take_out(lane, load, i, slot, int64(OUTCOME_CORRUPT), now_ns)
    if load.session:
        fail(lane, load, i, now_ns)
    elif connections(lane)[i]["state"] == OPEN:
        slot_freed(lane, load, i, now_ns)


@inner
def count_unexpected(lane: ThreadState, load: LoadParams, i: int, got: int, now_ns: int) -> None:
    """Count a datagram that no request in flight is waiting for: late, a second copy, or nobody's."""
    if not is_own(lane, load, i, got):
        # Without a number in its messages a connection has one request at a time, and this came after its reply.
        tally(lane)[WRONG_REPLY if load.numbered else DUPLICATE] += 1
        return
    serial = number_received(lane) // load.depth
    place = 2 * (serial % load.lost_remembered)
    given_up = lost(lane, load, i)
    if given_up[place] != serial:
        tally(lane)[DUPLICATE] += 1
        return
    given_up[place] = 0
    tally(lane)[LATE] += 1
    if load.raw_room and given_up[place + 1] >= 0:
        row = raw(lane, load)[given_up[place + 1]]
        row["outcome"] = OUTCOME_LATE
        row["received_ns"] = now_ns


@inner
def read_leftovers(lane: ThreadState, load: LoadParams, i: int) -> None:
    """Read and count the datagrams that nobody waits for."""
    conn = connections(lane)[i]
    while conn["fd"] >= 0:
        got = syscalls.recv(conn["fd"], lane.block + RECEIVED_AT, RECEIVE_BYTES, _DONTWAIT)
        if got < 0:
            return
        count_unexpected(lane, load, i, got, syscalls.now_ns(clock(lane)))
