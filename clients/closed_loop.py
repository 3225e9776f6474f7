"""The hot loop: each connection sends its next request when the reply came, compiled.

A word of warning: events are edge-triggered. One is told once, so whoever handles it must read until the kernel has no
more, or know that more will be a new edge. A stream that gave less than was asked is empty; a datagram socket is read
until the reply that is due, and what is left there (duplicates) is read before the next one. In return the kernel need
not look at every connection again in each poll, which is what level-triggered events cost.
Polling without sleeping spares the server the waking of this thread, and the figures the machine's way back from idle.
"""

import errno
import socket

from clients import libc
from clients.compiled import inlined, int64, jit
from clients.connections import (
    close_connection,
    connected,
    continue_request,
    count_broken,
    count_connect_error,
    open_connection,
    reply_of,
    request_of,
    send_request,
)
from clients.histogram import slot_of
from clients.lane import (
    AT_WORK,
    BROKEN,
    CLOSED,
    CLOSING,
    CONNECT_TIMEOUT,
    CONNECTING,
    CORRUPT,
    DUPLICATE,
    END,
    EVENTS_AT_ONCE,
    HEADER_BYTES,
    IDLE,
    IDLE_NS,
    LATE,
    LOST_REMEMBERED,
    OK,
    PART,
    RECEIVE_BYTES,
    REPLIES,
    RESET,
    SERVER_CLOSED,
    SESSIONS,
    TIMED_OUT,
    TIMEOUT,
    WAITING,
    WINDOW,
    WRONG_REPLY,
    Lane,
    Load,
    connections,
    events,
    lost,
    option,
    received,
    schedule,
    service,
    tally,
)
from clients.libc import EVENT_DATA_WORD, EVENT_WORDS

_EPOLLOUT = 0x4
_EPOLL_FAILED = 0x8 | 0x10  # error, hung up
_EPOLL_BROKEN = _EPOLL_FAILED | 0x2000  # or the peer has closed its end
_SOL_SOCKET, _SO_ERROR = int(socket.SOL_SOCKET), int(socket.SO_ERROR)
_DONTWAIT = int(socket.MSG_DONTWAIT)
_EAGAIN = errno.EAGAIN

LOOK_AROUND_NS = 5_000_000  # how often connections are searched for requests that took too long
RETRY_NS = 10_000_000  # how long a connection that could not be opened is left alone


@jit
def closed_loop(lane: Lane, load: Load) -> None:
    """Load every connection of the lane from now to the end of its schedule; replies inside the window count.

    After the end no request leaves and no session begins; the loop returns when every reply that was due has come or
    was given up. Raises nothing: all that goes wrong is counted in ``lane.tally``. Another thread may end the load
    early by moving the end forward.
    """
    now = libc.now_ns(lane.clock)
    schedule(lane)[AT_WORK] = lane.total
    for i in range(lane.total):
        connections(lane)[i]["resting"] = 0
        begin(lane, load, i, now)
    now = libc.now_ns(lane.clock)
    next_look_ns = now + LOOK_AROUND_NS
    last_event_ns = now
    while schedule(lane)[AT_WORK] > 0:
        before_ns = now
        wait_ms = 0 if now - last_event_ns < load.spin_ns else 1
        count = libc.epoll_wait(lane.poller, lane.events, EVENTS_AT_ONCE, wait_ms)
        now = libc.now_ns(lane.clock)
        if count > 0:
            last_event_ns = now
        elif wait_ms == 0:
            tally(lane)[IDLE_NS] += now - before_ns
        for k in range(count):
            # As int64, or numba would compile every function below a second time, for unsigned numbers.
            flags = int64(events(lane)[k * EVENT_WORDS])
            i = int64(events(lane)[k * EVENT_WORDS + EVENT_DATA_WORD])
            advance(lane, load, i, flags)
        if count > 0:
            now = libc.now_ns(lane.clock)  # or the next poll, if it brings nothing, would count this work as idle
        if now >= next_look_ns:
            look_around(lane, load, now)
            next_look_ns = now + LOOK_AROUND_NS
    if not load.tcp:
        for i in range(lane.total):
            read_leftovers(lane, load, i)


@jit
def rest(lane: Lane, i: int) -> None:
    """Connection ``i`` has nothing more to do before the next load."""
    conn = connections(lane)[i]
    if not conn["resting"]:
        conn["resting"] = 1
        schedule(lane)[AT_WORK] -= 1


@inlined
def begin(lane: Lane, load: Load, i: int, now_ns: int) -> None:
    """Set connection ``i`` to its next request, or to connect first; after the end it rests.

    A session that has connected goes on to its end, whenever that is: the server has already paid for its beginning.
    """
    conn = connections(lane)[i]
    if now_ns >= schedule(lane)[END] and not (load.session and conn["state"] == IDLE):
        rest(lane, i)
        return
    if conn["state"] == CLOSED:
        open_connection(lane, load, i, now_ns)
    if conn["state"] == IDLE:
        error = send_request(lane, load, i, now_ns)
        if error:
            count_broken(lane, error)
            retire(lane, i, now_ns)


@jit
def retire(lane: Lane, i: int, now_ns: int) -> None:
    """Close a connection that failed. If there is time it is opened again a little later."""
    close_connection(lane, i)
    connections(lane)[i]["began_ns"] = now_ns
    if now_ns >= schedule(lane)[END]:
        rest(lane, i)


@inlined
def advance(lane: Lane, load: Load, i: int, flags: int) -> None:
    """Do what an event on connection ``i`` allows."""
    conn = connections(lane)[i]
    if not load.tcp:
        read_datagrams(lane, load, i)
        return
    if conn["state"] == CONNECTING:
        finish_connect(lane, load, i, flags)
        if not flags & _EPOLL_BROKEN:
            return  # a reply is a new edge
    elif flags & _EPOLLOUT and conn["state"] == WAITING and conn["written"] < request_of(lane, load, i)[1]:
        error = continue_request(lane, load, i)
        if error:
            count_broken(lane, error)
            retire(lane, i, libc.now_ns(lane.clock))
    read_stream(lane, load, i, flags)


@jit
def finish_connect(lane: Lane, load: Load, i: int, flags: int) -> None:
    """The connect of ``i`` succeeded or failed."""
    conn = connections(lane)[i]
    now = libc.now_ns(lane.clock)
    if flags & _EPOLL_FAILED:
        option(lane)[1] = 4
        libc.get_option(conn["fd"], _SOL_SOCKET, _SO_ERROR, lane.option, lane.option + 4)
        count_connect_error(lane, int64(option(lane)[0]))
        retire(lane, i, now)
    elif flags & _EPOLLOUT:
        connected(lane, i, now)
        begin(lane, load, i, now)


@inlined
def read_stream(lane: Lane, load: Load, i: int, flags: int) -> None:
    """Read what a TCP connection has; go on to its next request when the reply is whole."""
    conn = connections(lane)[i]
    fd = conn["fd"]
    while conn["fd"] == fd and fd >= 0:
        got = libc.recv(fd, lane.received, RECEIVE_BYTES, _DONTWAIT)
        if got == -_EAGAIN:
            return
        now = libc.now_ns(lane.clock)
        if got <= 0:
            stream_ended(lane, load, i, -got, now)
            return
        address, size = reply_of(lane, load, i)
        offset = conn["read"]
        right = conn["state"] == WAITING and offset + got <= size
        if not (right and libc.same_bytes(lane.received, address + offset, got)):
            tally(lane)[WRONG_REPLY] += 1
            tally(lane)[CORRUPT] += 1 if conn["state"] == WAITING else 0
            retire(lane, i, now)
            return
        conn["read"] = offset + got
        if offset + got == size:
            replied(lane, load, i, now)
        if got < RECEIVE_BYTES and not flags & _EPOLL_BROKEN and conn["state"] != CLOSING:
            return


@jit
def stream_ended(lane: Lane, load: Load, i: int, error: int, now_ns: int) -> None:
    """The server closed the connection (``error`` 0) or broke it: the end of a session, or a failure."""
    conn = connections(lane)[i]
    if conn["state"] == CLOSING and error == 0:
        session_done(lane, load, i, now_ns)
        return
    if conn["state"] == WAITING:
        tally(lane)[BROKEN] += 1
    tally(lane)[RESET if error else SERVER_CLOSED] += 1
    retire(lane, i, now_ns)


@inlined
def replied(lane: Lane, load: Load, i: int, now_ns: int) -> None:
    """The reply is whole and right: count it and go on."""
    conn = connections(lane)[i]
    tally(lane)[OK] += 1
    if schedule(lane)[WINDOW] <= now_ns <= schedule(lane)[END]:
        tally(lane)[REPLIES] += 1
        conn["served"] += 1
    # By the time it left, not by the reply: or the slowest, whose replies come after the end, would be left out.
    if schedule(lane)[WINDOW] <= conn["began_ns"] <= schedule(lane)[END]:
        part = (conn["began_ns"] - schedule(lane)[WINDOW]) // schedule(lane)[PART]
        service(lane, part)[slot_of(now_ns - conn["began_ns"])] += 1
    conn["state"] = IDLE
    if not load.tcp and not load.numbered:
        read_leftovers(lane, load, i)  # a second copy could be taken for the reply to the next request
    if load.session:
        conn["left"] -= 1
        if conn["left"] > 0 and now_ns > schedule(lane)[END] + load.timeout_ns:
            close_connection(lane, i)  # a session so long that the load would never end
            rest(lane, i)
            return
        if conn["left"] == 0:
            if load.echo or not load.tcp:
                session_done(lane, load, i, now_ns)
            else:
                conn["state"] = CLOSING  # the server closes after its last reply
                conn["began_ns"] = now_ns
            return
    begin(lane, load, i, now_ns)


@jit
def session_done(lane: Lane, load: Load, i: int, now_ns: int) -> None:
    """A session ended as it should: count it, and begin the next if there is time."""
    if schedule(lane)[WINDOW] <= now_ns <= schedule(lane)[END]:
        tally(lane)[SESSIONS] += 1
    close_connection(lane, i)
    begin(lane, load, i, now_ns)


@inlined
def read_datagrams(lane: Lane, load: Load, i: int) -> None:
    """Read the datagrams of connection ``i`` up to the reply that is due."""
    conn = connections(lane)[i]
    while conn["fd"] >= 0:
        got = libc.recv(conn["fd"], lane.received, RECEIVE_BYTES, _DONTWAIT)
        if got == -_EAGAIN:
            return
        now = libc.now_ns(lane.clock)
        address, size = reply_of(lane, load, i)
        if conn["state"] == WAITING and got == size and libc.same_bytes(lane.received, address, size):
            replied(lane, load, i, now)
            return
        if not is_old(lane, load, i, got):
            wrong_datagram(lane, load, i, got, now)
            return
        count_old(lane, i)


@jit
def wrong_datagram(lane: Lane, load: Load, i: int, got: int, now_ns: int) -> None:
    """An error (``got`` < 0), or bytes that no request of this connection can have brought: the request has failed."""
    conn = connections(lane)[i]
    waiting = conn["state"] == WAITING
    if got < 0:
        if waiting:
            count_broken(lane, -got)
        retire(lane, i, now_ns)
        return
    tally(lane)[WRONG_REPLY] += 1
    if waiting:
        tally(lane)[CORRUPT] += 1
        conn["state"] = IDLE
        begin(lane, load, i, now_ns)


@jit
def received_sequence(lane: Lane) -> int:
    """Sequence number in the datagram just received."""
    sequence = 0
    for k in range(8):
        sequence |= int64(received(lane)[4 + k]) << (8 * k)
    return sequence


@jit
def is_old(lane: Lane, load: Load, i: int, got: int) -> bool:
    """Whether the datagram just received answers an earlier request of this connection."""
    if not load.numbered or got < HEADER_BYTES:
        return False
    conn = connections(lane)[i]
    newest_done = conn["sequence"] - (1 if conn["state"] == WAITING else 0)
    own = libc.same_bytes(lane.received, lane.payload + i * load.message_bytes, 4)
    return own and 0 < received_sequence(lane) <= newest_done


@jit
def count_old(lane: Lane, i: int) -> None:
    """Count a reply to an earlier request: late if that had been given up, else a duplicate."""
    sequence = received_sequence(lane)
    given_up = lost(lane, i)
    for k in range(LOST_REMEMBERED):
        if given_up[k] == sequence:
            given_up[k] = 0
            tally(lane)[LATE] += 1
            return
    tally(lane)[DUPLICATE] += 1


@jit
def read_leftovers(lane: Lane, load: Load, i: int) -> None:
    """Read and count the datagrams that nobody waits for."""
    conn = connections(lane)[i]
    while conn["fd"] >= 0:
        got = libc.recv(conn["fd"], lane.received, RECEIVE_BYTES, _DONTWAIT)
        if got < 0:
            return
        if is_old(lane, load, i, got):
            count_old(lane, i)
        elif load.numbered:
            tally(lane)[WRONG_REPLY] += 1
        else:
            tally(lane)[DUPLICATE] += 1


@jit
def look_around(lane: Lane, load: Load, now_ns: int) -> None:
    """Give up requests and connects that took too long; open again what was closed."""
    for i in range(lane.total):
        conn = connections(lane)[i]
        waited_ns = now_ns - conn["began_ns"]
        if conn["resting"]:
            continue
        if conn["state"] == CLOSED:
            if waited_ns > RETRY_NS or now_ns >= schedule(lane)[END]:
                begin(lane, load, i, now_ns)
        elif waited_ns <= load.timeout_ns:
            continue
        elif conn["state"] == CONNECTING:
            tally(lane)[CONNECT_TIMEOUT] += 1
            retire(lane, i, now_ns)
        else:
            tally(lane)[TIMEOUT] += 1
            give_up(lane, load, i, now_ns)


@jit
def give_up(lane: Lane, load: Load, i: int, now_ns: int) -> None:
    """Go on after a request without a reply. A socket on which a late reply could be taken for another is replaced."""
    conn = connections(lane)[i]
    if conn["state"] == WAITING:
        tally(lane)[TIMED_OUT] += 1
    if load.numbered and not load.session:
        given_up = lost(lane, i)
        oldest = 0
        for k in range(LOST_REMEMBERED):
            if given_up[k] < given_up[oldest]:
                oldest = k
        given_up[oldest] = conn["sequence"]
        conn["state"] = IDLE
        begin(lane, load, i, now_ns)
        return
    # The new socket is opened before the old one is closed: so it cannot get the port to which a late reply may come.
    old = conn["fd"]
    conn["fd"] = -1
    conn["state"] = CLOSED
    begin(lane, load, i, now_ns)
    libc.close(old)
