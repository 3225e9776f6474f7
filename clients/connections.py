"""Opening, closing and writing to one connection, compiled. Nothing here waits, but for room to send a datagram."""

import errno
import socket

from clients import libc
from clients.compiled import inlined, jit
from clients.histogram import slot_of
from clients.lane import (
    BROKEN,
    CLOSED,
    CONNECT_FAILED,
    CONNECT_REFUSED,
    CONNECT_TIMEOUT,
    CONNECTING,
    CONNECTS,
    COUNTED,
    END,
    HEADER_BYTES,
    IDLE,
    NO_DESCRIPTORS,
    NO_PORTS,
    RESET,
    SENT,
    UNREACHABLE,
    WAITING,
    WINDOW,
    Lane,
    Load,
    connect_times,
    connections,
    event,
    message,
    option,
    schedule,
    tally,
)
from clients.libc import EVENT_DATA_WORD
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

# Constants as plain ints: the compiled code freezes module globals.
_AF_INET6 = int(socket.AF_INET6)
_STREAM = int(socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_DATAGRAM = int(socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
_IPPROTO_TCP, _TCP_NODELAY = int(socket.IPPROTO_TCP), int(socket.TCP_NODELAY)
_NO_SIGNAL = int(socket.MSG_NOSIGNAL)
_EPOLL_CTL_ADD = 1
_STREAM_EVENTS = 0x80000000 | 0x2000 | 0x4 | 0x1  # edge-triggered, peer's end closed, writable, readable
_DATAGRAM_EVENTS = 0x80000000 | 0x1  # not writable: on a datagram socket every sent packet would raise it
_EAGAIN, _EINPROGRESS = errno.EAGAIN, errno.EINPROGRESS
_EMFILE, _ENFILE, _EADDRNOTAVAIL = errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL
_ECONNREFUSED, _ETIMEDOUT, _ECONNRESET, _EPIPE = errno.ECONNREFUSED, errno.ETIMEDOUT, errno.ECONNRESET, errno.EPIPE

_HOLA_BYTES, _ADIOS_BYTES = len(HOLA), len(ADIOS)
_PUES_HOLA_BYTES, _PUES_ADIOS_BYTES = len(PUES_HOLA), len(PUES_ADIOS)


@inlined
def request_of(lane: Lane, load: Load, i: int) -> tuple[int, int]:
    """Address and size of what connection ``i`` asks now."""
    if load.echo:
        return lane.payload + i * load.message_bytes, load.message_bytes
    if load.session and connections(lane)[i]["left"] == 1:
        return lane.words + _HOLA_BYTES, _ADIOS_BYTES
    return lane.words, _HOLA_BYTES


@inlined
def reply_of(lane: Lane, load: Load, i: int) -> tuple[int, int]:
    """Address and size of the reply that connection ``i`` must get."""
    if load.echo:
        return lane.payload + i * load.message_bytes, load.message_bytes
    replies = lane.words + _HOLA_BYTES + _ADIOS_BYTES
    if load.session and connections(lane)[i]["left"] == 1:
        return replies + _PUES_HOLA_BYTES, _PUES_ADIOS_BYTES
    return replies, _PUES_HOLA_BYTES


@jit
def open_connection(lane: Lane, load: Load, i: int, now_ns: int) -> int:
    """Begin to connect; the state is then CONNECTING (TCP) or IDLE (UDP), or CLOSED after a failure, which is counted.

    Returns the state.
    """
    conn = connections(lane)[i]
    conn["began_ns"] = now_ns
    conn["left"] = load.requests_per_session
    conn["read"] = 0
    kind = _STREAM if load.tcp else _DATAGRAM
    fd = libc.open_socket(lane.family, kind, 0)
    if fd < 0:
        tally(lane)[NO_DESCRIPTORS if fd in (-_EMFILE, -_ENFILE) else CONNECT_FAILED] += 1
        return CLOSED
    if load.tcp:
        option(lane)[0] = 1
        libc.set_option(fd, _IPPROTO_TCP, _TCP_NODELAY, lane.option, 4)
    result = libc.connect(fd, lane.address, lane.address_bytes)
    if result < 0 and result != -_EINPROGRESS:
        count_connect_error(lane, -result)
        libc.close(fd)
        return CLOSED
    event(lane)[0] = _STREAM_EVENTS if load.tcp else _DATAGRAM_EVENTS
    event(lane)[EVENT_DATA_WORD] = i
    libc.epoll_control(lane.poller, _EPOLL_CTL_ADD, fd, lane.event)
    conn["fd"] = fd
    conn["state"] = CONNECTING if load.tcp else IDLE
    if not load.tcp:
        tally(lane)[CONNECTS] += 1
    return int(conn["state"])


@jit
def count_connect_error(lane: Lane, error: int) -> None:
    """Count a connect that failed, by kind."""
    if error == _ECONNREFUSED:
        tally(lane)[CONNECT_REFUSED] += 1
    elif error == _ETIMEDOUT:
        tally(lane)[CONNECT_TIMEOUT] += 1
    elif error == _EADDRNOTAVAIL:
        tally(lane)[NO_PORTS] += 1
    else:
        tally(lane)[CONNECT_FAILED] += 1


@jit
def count_broken(lane: Lane, error: int) -> None:
    """Count a request whose connection failed under it, by kind of error."""
    tally(lane)[BROKEN] += 1
    tally(lane)[RESET if error in (_ECONNRESET, _EPIPE) else UNREACHABLE] += 1


@jit
def connected(lane: Lane, i: int, now_ns: int) -> None:
    """Note that the connect of ``i`` succeeded."""
    conn = connections(lane)[i]
    connect_times(lane)[slot_of(now_ns - conn["began_ns"])] += 1
    tally(lane)[CONNECTS] += 1
    conn["state"] = IDLE


@jit
def close_connection(lane: Lane, i: int) -> None:
    """Close; the kernel takes the descriptor out of epoll by itself."""
    conn = connections(lane)[i]
    if conn["fd"] >= 0:
        libc.close(conn["fd"])
    conn["fd"] = -1
    conn["state"] = CLOSED


@inlined
def send_request(lane: Lane, load: Load, i: int, now_ns: int) -> int:
    """Send the next request of ``i``, as much as the socket takes. Returns 0, or errno if the connection failed."""
    conn = connections(lane)[i]
    conn["sequence"] += 1
    conn["began_ns"] = now_ns
    conn["written"] = 0
    conn["read"] = 0
    conn["state"] = WAITING
    tally(lane)[SENT] += 1
    if schedule(lane)[WINDOW] <= now_ns <= schedule(lane)[END]:
        tally(lane)[COUNTED] += 1
    if load.echo:
        content = message(lane, load, i)
        sequence = conn["sequence"]
        if load.message_bytes >= HEADER_BYTES:
            for k in range(8):
                content[4 + k] = (sequence >> (8 * k)) & 0xFF
        else:
            content[0] = sequence & 0xFF
    return continue_request(lane, load, i)


@inlined
def continue_request(lane: Lane, load: Load, i: int) -> int:
    """Send what is left of the request. Returns 0 (all sent, or the socket is full), or errno if it failed."""
    conn = connections(lane)[i]
    address, size = request_of(lane, load, i)
    while conn["written"] < size:
        sent = libc.send(conn["fd"], address + conn["written"], size - conn["written"], _NO_SIGNAL)
        if sent < 0:
            return 0 if sent == -_EAGAIN else -sent
        conn["written"] += sent
    return 0
