"""Opening and closing one connection, compiled. Nothing here waits."""

import errno
import socket

import numpy as np

from clients.engine import syscalls
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import inner, int64
from clients.engine.raw_memory import view
from clients.engine.syscalls import EVENT_DATA_WORD
from clients.engine.thread_state import (
    ADDRESS_AT,
    ADDRESS_BYTES,
    CLOSED,
    CONNECT_AT,
    CONNECT_FAILED,
    CONNECT_REFUSED,
    CONNECT_TIMEOUT,
    CONNECTING,
    CONNECTS,
    EVENT_AT,
    FAMILY,
    FIRST_NUMBER,
    NO_DESCRIPTORS,
    NO_PORTS,
    OPEN,
    OPTION_AT,
    RESET,
    SOURCE_AT,
    SOURCES,
    STRIDE,
    UNREACHABLE,
    LoadParams,
    ThreadState,
    connections,
    event,
    fact,
    histogram,
    option,
    tally,
)

# Constants as plain ints: the compiled code freezes module globals.
_STREAM = int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_DATAGRAM = int(socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
_IPPROTO_TCP, _TCP_NODELAY = int(socket.IPPROTO_TCP), int(socket.TCP_NODELAY)
_IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT = int(socket.IPPROTO_IP), 24  # linux/in.h; the module has no name for it
_LAST_BYTES_OF_IPV4 = 6  # in sockaddr_in
_BYTE = np.dtype(np.uint8)
_EPOLL_CTL_ADD = 1
_STREAM_EVENTS = 0x80000000 | 0x2000 | 0x4 | 0x1  # edge-triggered, peer's end closed, writable, readable
_DATAGRAM_EVENTS = 0x80000000 | 0x1  # not writable: on a datagram socket every sent packet would raise it
_EINPROGRESS = errno.EINPROGRESS
_EMFILE, _ENFILE, _EADDRNOTAVAIL = errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL
_ECONNREFUSED, _ETIMEDOUT, _ECONNRESET, _EPIPE = errno.ECONNREFUSED, errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE


@inner
def open_connection(lane: ThreadState, load: LoadParams, i: int, now_ns: int) -> int:
    """Begin to connect; the state is then CONNECTING (TCP) or OPEN (UDP), or CLOSED after a failure, which is counted.

    Returns the state.
    """
    conn = connections(lane)[i]
    conn["began_ns"] = now_ns
    conn["to_send"] = load.requests_per_session
    conn["to_come"] = load.requests_per_session
    conn["adios"] = 0
    conn["read"] = 0
    conn["written"] = 0
    conn["writing"] = conn["serial"] + 1
    conn["answered"] = conn["serial"]
    fd = syscalls.open_socket(fact(lane, FAMILY), _STREAM if load.tcp else _DATAGRAM, 0)
    if fd < 0:
        tally(lane)[NO_DESCRIPTORS if fd in (-_EMFILE, -_ENFILE) else CONNECT_FAILED] += 1
        return CLOSED
    if load.tcp:
        _switch_on(lane, fd, int64(_IPPROTO_TCP), int64(_TCP_NODELAY))
    result = _bind_source(lane, i, fd)
    if result >= 0:
        result = syscalls.connect(fd, lane.block + ADDRESS_AT, fact(lane, ADDRESS_BYTES))
    if conn["stale_fd"] >= 0:  # only now: so the new socket cannot get the port to which a late reply may come
        syscalls.close(conn["stale_fd"])
        conn["stale_fd"] = -1
    if result < 0 and result != -_EINPROGRESS:
        count_connect_error(lane, -result)
        syscalls.close(fd)
        return CLOSED
    event(lane)[0] = _STREAM_EVENTS if load.tcp else _DATAGRAM_EVENTS
    event(lane)[EVENT_DATA_WORD] = i
    syscalls.epoll_control(lane.poller, _EPOLL_CTL_ADD, fd, lane.block + EVENT_AT)
    conn["fd"] = fd
    conn["state"] = CONNECTING if load.tcp else OPEN
    if not load.tcp:
        tally(lane)[CONNECTS] += 1
    return int(conn["state"])


@inner
def _switch_on(lane: ThreadState, fd: int, level: int, name: int) -> None:
    option(lane)[0] = 1
    syscalls.set_option(fd, level, name, lane.block + OPTION_AT, 4)


@inner
def _bind_source(lane: ThreadState, i: int, fd: int) -> int:
    """Give the socket its source address, if there are several. Each has ports of its own, 28,000 by default."""
    sources = fact(lane, SOURCES)
    if sources == 0:
        return 0
    number = (fact(lane, FIRST_NUMBER) + i * fact(lane, STRIDE)) % sources + 1
    last_bytes = view(lane.block + SOURCE_AT + _LAST_BYTES_OF_IPV4, 2, _BYTE)
    last_bytes[0], last_bytes[1] = number >> 8, number & 0xFF
    # The port is chosen at connect, when both ends are known: one may be in use towards another server.
    _switch_on(lane, fd, int64(_IPPROTO_IP), int64(_IP_BIND_ADDRESS_NO_PORT))
    return syscalls.bind(fd, lane.block + SOURCE_AT, fact(lane, ADDRESS_BYTES))


@inner
def count_connect_error(lane: ThreadState, error: int) -> None:
    """Count a connect that failed, by kind."""
    if error == _ECONNREFUSED:
        tally(lane)[CONNECT_REFUSED] += 1
    elif error == _ETIMEDOUT:
        tally(lane)[CONNECT_TIMEOUT] += 1
    elif error == _EADDRNOTAVAIL:
        tally(lane)[NO_PORTS] += 1
    else:
        tally(lane)[CONNECT_FAILED] += 1


@inner
def count_failure(lane: ThreadState, error: int) -> None:
    """Count a connection that failed while it was in use, by kind of error."""
    tally(lane)[RESET if error in (_ECONNRESET, _EPIPE) else UNREACHABLE] += 1


@inner
def connected(lane: ThreadState, i: int, now_ns: int) -> None:
    """Note that the connect of ``i`` succeeded."""
    conn = connections(lane)[i]
    histogram(lane, CONNECT_AT)[slot_of(now_ns - conn["began_ns"])] += 1
    tally(lane)[CONNECTS] += 1
    conn["state"] = OPEN


@inner
def close_connection(lane: ThreadState, i: int) -> None:
    """Close; the kernel takes the descriptor out of epoll by itself."""
    conn = connections(lane)[i]
    if conn["fd"] >= 0:
        syscalls.close(conn["fd"])
    conn["fd"] = -1
    conn["state"] = CLOSED
