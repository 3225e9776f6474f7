"""The TCP connections of a server and the memory in their buffers, from the kernel's socket diagnostics.

sock_diag(7) shows every socket of the network namespace to every user, so neither root nor access to the server's
process is needed. Only the server's ends are counted: the ends of the clients have another local port.
"""

import socket
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_DONE, _ERROR = 3, 2  # types of netlink messages
_REQUEST_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_SKMEMINFO = 7  # INET_DIAG_SKMEMINFO
# ESTABLISHED, FIN_WAIT1, CLOSE_WAIT, LAST_ACK and CLOSING. The others are clients that connect, listening sockets, or
# remainders without buffers: TIME_WAIT, which the kernel also lists as FIN_WAIT2.
_WITH_PEER = sum(1 << state for state in (1, 4, 8, 9, 11))
_HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
_ATTRIBUTE = struct.Struct("=HH")  # struct nlattr
_INET_DIAG_BYTES = 72  # struct inet_diag_msg
_LISTENING = 1 << 10
_QUEUE_AT = 56  # idiag_rqueue in it: of a listening socket, the connections that were not accepted yet
_PORT_AT = 4  # source port in it, in network byte order
# The memory of the buffers in SK_MEMINFO (linux/sock_diag.h, ss(8)): received data, a reserve that is allocated and
# unused, data to send, options, and the backlog. WMEM_ALLOC is left out: it is the part of the data to send that is on
# its way.
_MEMINFO = struct.Struct("=8I")
_BUFFERS = (0, 4, 5, 6, 7)
_RECEIVE_BYTES = 1 << 18
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class ServerSockets:
    """The server's ends of the connections to one port."""

    count: int
    buffer_bytes: int


def server_sockets(port: int) -> ServerSockets | None:
    """Return the server's ends of the TCP connections to a port of this machine; None if that is unknown."""
    try:
        found = [buffers_of(message, port) for message in _dump(_WITH_PEER)]
    except OSError:  # refused in a sandbox, or a kernel without it
        return None
    own = [buffer_bytes for buffer_bytes in found if buffer_bytes is not None]
    return ServerSockets(len(own), sum(own))


def pending_connections(port: int) -> int | None:
    """Return how many connections wait in the listen queues of a TCP port of this machine; None if that is unknown."""
    try:
        return sum(queue_of(message, port) for message in _dump(_LISTENING))
    except OSError:
        return None


def dump_request(family: int, states: int = _WITH_PEER) -> bytes:
    """Return the message that asks for all TCP sockets of a family with their memory (struct inet_diag_req_v2).

    states: a bit for each state.
    """
    body = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 1 << (_SKMEMINFO - 1), 0, states)
    return _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 0, 0) + body


def split_messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each netlink message."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            raise OSError("a netlink message without a length")
        yield kind, data[at + _HEADER.size : at + length]
        at += _aligned(length)


def buffers_of(message: bytes, port: int) -> int | None:
    """Return the bytes in the buffers of a socket (struct inet_diag_msg); None if its local port is another one."""
    if _port_of(message) != port:
        return None
    at = _INET_DIAG_BYTES
    while at + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, at)
        if kind == _SKMEMINFO:
            values: tuple[int, ...] = _MEMINFO.unpack_from(message, at + _ATTRIBUTE.size)
            return sum(values[position] for position in _BUFFERS)
        at += max(_ATTRIBUTE.size, _aligned(length))
    raise OSError("a kernel without SK_MEMINFO")


def queue_of(message: bytes, port: int) -> int:
    """Return the connections in the queue of a listening socket (struct inet_diag_msg); 0 for one of another port."""
    return int.from_bytes(message[_QUEUE_AT : _QUEUE_AT + 4], sys.byteorder) if _port_of(message) == port else 0


def _port_of(message: bytes) -> int:
    return int.from_bytes(message[_PORT_AT : _PORT_AT + 2], "big")


def _dump(states: int) -> Iterator[bytes]:
    """Yield the TCP sockets of this network namespace that are in some states. Raises OSError."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as diagnostics:
        diagnostics.settimeout(_TIMEOUT_S)
        for family in (socket.AF_INET, socket.AF_INET6):
            diagnostics.send(dump_request(family, states))
            yield from _messages(diagnostics)


def _messages(diagnostics: socket.socket) -> Iterator[bytes]:
    """Yield the sockets of a dump. Raises OSError if it is refused."""
    while True:
        for kind, body in split_messages(diagnostics.recv(_RECEIVE_BYTES)):
            if kind == _DONE:
                return
            if kind == _ERROR:
                raise OSError(-struct.unpack_from("=i", body)[0], "the kernel refuses socket diagnostics")
            yield body


def _aligned(length: int) -> int:
    """Return a length with its padding: netlink(7) aligns to four bytes."""
    return (length + 3) & ~3
