"""Open and close one connection, compiled. Nothing here waits.

The states of a connection, and what moves it from one to the next::

                        open_connection (UDP)
      +--------------------------------------------------------+
      |                                                        v
    CLOSED -- open_connection (TCP) --> CONNECTING -- on_connected --> OPEN -- last reply to adios --> CLOSING
      ^                                     |                           |                                 |
      +---- fail: refused, timed out -------+                           |                                 |
      +---- fail: reset, wrong reply; reconnect; complete_session ------+                                 |
      +---- complete_session: the server closed; fail: reset; reconnect: it did not close in time --------+

CLOSING is a TCP session of hola after its last reply: the protocol asks the server to close. A closed connection is
opened again by ``event_loop`` after RETRY_NS or, where clients queue, by ``scheduler``.
"""

import errno
import socket

import numpy as np

from clients.engine import syscalls
from clients.engine.histogram_slots import slot_of
from clients.engine.jit import int64, jit_internal
from clients.engine.load_params import LoadParams
from clients.engine.phases import connect_phase
from clients.engine.raw_memory import view
from clients.engine.records import CLOSED, CONNECTING, OPEN
from clients.engine.syscalls import EVENT_DATA_WORD
from clients.engine.thread_state import ADDRESS_AT, EVENT_AT, OPTION_AT, SOURCE_AT, ThreadState
from clients.engine.views import connections, counters, event, histograms, identity, option, phases

# Constants as plain ints: compiled code freezes module globals.
_STREAM = int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_DATAGRAM = int(socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
_IPPROTO_TCP, _TCP_NODELAY = int(socket.IPPROTO_TCP), int(socket.TCP_NODELAY)
_IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT = int(socket.IPPROTO_IP), 24  # linux/in.h; the socket module lacks it
_LAST_BYTES_OF_IPV4 = 6  # offset in sockaddr_in
_BYTE = np.dtype(np.uint8)
_EPOLL_CTL_ADD = 1
_STREAM_EVENTS = 0x80000000 | 0x2000 | 0x4 | 0x1  # edge-triggered, peer's end closed, writable, readable
_DATAGRAM_EVENTS = 0x80000000 | 0x1  # not writable: on a datagram socket every sent packet would raise it
_EINPROGRESS = errno.EINPROGRESS
_EMFILE, _ENFILE, _EADDRNOTAVAIL = errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL
_ECONNREFUSED, _ETIMEDOUT, _ECONNRESET, _EPIPE = errno.ECONNREFUSED, errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE


@jit_internal
def open_connection(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> int:
    """Begin to connect, and return the new state.

    The state is then CONNECTING (TCP) or OPEN (UDP), or CLOSED after a failure, which is counted.
    """
    conn = connections(state)[i]
    conn["state_since_ns"] = now_ns
    conn["requests_to_send"] = params.requests_per_session
    conn["replies_to_come"] = params.requests_per_session
    conn["adios_number"] = 0
    conn["read_bytes"] = 0
    conn["written_bytes"] = 0
    conn["writing_serial"] = conn["serial"] + 1
    conn["answered_serial"] = conn["serial"]
    fd = syscalls.open_socket(identity(state)["family"], _STREAM if params.tcp else _DATAGRAM, 0)
    if fd < 0:
        _count_socket_error(state, -fd)
        return CLOSED
    if params.tcp:
        _enable_option(state, fd, int64(_IPPROTO_TCP), int64(_TCP_NODELAY))
    result = _bind_source(state, i, fd)
    if result >= 0:
        result = syscalls.connect(fd, state.block + ADDRESS_AT, identity(state)["address_bytes"])
    if conn["stale_fd"] >= 0:  # closed only now, so that the new socket cannot get the port of a late reply
        syscalls.close(conn["stale_fd"])
        conn["stale_fd"] = -1
    if result < 0 and result != -_EINPROGRESS:
        count_connect_error(state, -result)
        syscalls.close(fd)
        return CLOSED
    event(state)[0] = _STREAM_EVENTS if params.tcp else _DATAGRAM_EVENTS
    event(state)[EVENT_DATA_WORD] = i
    event(state)[EVENT_DATA_WORD + 1] = identity(state)["population"]
    syscalls.epoll_control(state.poller, _EPOLL_CTL_ADD, fd, state.block + EVENT_AT)
    conn["fd"] = fd
    conn["state"] = CONNECTING if params.tcp else OPEN
    if not params.tcp:
        counters(state)["connects"] += 1
    return int(conn["state"])


@jit_internal
def _enable_option(state: ThreadState, fd: int, level: int, name: int) -> None:
    option(state)[0] = 1
    syscalls.set_option(fd, level, name, state.block + OPTION_AT, 4)


@jit_internal
def _bind_source(state: ThreadState, i: int, fd: int) -> int:
    """Bind the socket to its source address, if there are several.

    Each source address has its own ports, 28,000 by default.
    """
    sources = identity(state)["sources"]
    if sources == 0:
        return 0
    number = (identity(state)["first_number"] + i * identity(state)["stride"]) % sources + 1
    last_bytes = view(state.block + SOURCE_AT + _LAST_BYTES_OF_IPV4, 2, _BYTE)
    last_bytes[0], last_bytes[1] = number >> 8, number & 0xFF
    # The kernel chooses the port at connect, when both ends are known: a port may be in use towards another server.
    _enable_option(state, fd, int64(_IPPROTO_IP), int64(_IP_BIND_ADDRESS_NO_PORT))
    return syscalls.bind(fd, state.block + SOURCE_AT, identity(state)["address_bytes"])


@jit_internal
def _count_socket_error(state: ThreadState, error: int) -> None:
    if error in (_EMFILE, _ENFILE):
        counters(state)["no_descriptors"] += 1
    else:
        counters(state)["connect_failed"] += 1


@jit_internal
def count_connect_error(state: ThreadState, error: int) -> None:
    """Count a failed connect by kind of error."""
    if error == _ECONNREFUSED:
        counters(state)["connect_refused"] += 1
    elif error == _ETIMEDOUT:
        counters(state)["connect_timeout"] += 1
    elif error == _EADDRNOTAVAIL:
        counters(state)["no_ports"] += 1
    else:
        counters(state)["connect_failed"] += 1


@jit_internal
def count_failure(state: ThreadState, error: int) -> None:
    """Count a connection that failed while it was in use, by kind of error."""
    if error in (_ECONNRESET, _EPIPE):
        counters(state)["reset"] += 1
    else:
        counters(state)["unreachable"] += 1


@jit_internal
def mark_connected(state: ThreadState, params: LoadParams, i: int, now_ns: int) -> None:
    """Record that a connect succeeded."""
    conn = connections(state)[i]
    connect_slot = slot_of(now_ns - conn["state_since_ns"])
    histograms(state)["connect"][connect_slot] += 1
    if params.phases:
        phases(state, params)[connect_phase(state, params, i)]["connect"][connect_slot] += 1
    counters(state)["connects"] += 1
    conn["state"] = OPEN


@jit_internal
def close_connection(state: ThreadState, i: int) -> None:
    """Close a connection; the kernel removes the descriptor from epoll."""
    conn = connections(state)[i]
    if conn["fd"] >= 0:
        syscalls.close(conn["fd"])
    conn["fd"] = -1
    conn["state"] = CLOSED
