"""What one generator thread works on: its connections, its buffers and what it counts.

Plain arrays in named tuples, because the compiled loop can take these and nothing else; no I/O here.
"""

import socket
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from clients.histogram import SLOTS, Counts
from clients.libc import EVENT_WORDS
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA

Array = np.ndarray[Any, Any]

EVENTS_AT_ONCE = 512
RECEIVE_BYTES = 256 * 1024
HEADER_BYTES = 12  # connection (4) and sequence number (8), at the head of every echo message that has room for it
LOST_REMEMBERED = 16  # lost requests a connection remembers, to tell a late reply from a duplicate

# States of a connection.
CLOSED, CONNECTING, IDLE, WAITING, CLOSING = range(5)

CONNECTION = np.dtype(
    [
        ("fd", np.int32),
        ("state", np.int32),
        ("resting", np.int64),  # nothing more to do before the next load
        ("began_ns", np.int64),  # when the request left, or the connect, or when a closed one may be opened again
        ("sequence", np.int64),  # number of the request under way, from 1
        ("written", np.int64),  # bytes of the request sent
        ("read", np.int64),  # bytes of the reply that came, and were right
        ("left", np.int64),  # requests left in this session
        ("served", np.int64),  # replies that counted
    ],
    align=True,
)

# What is counted, in the order of the array ``tally``. Only ever added to: a slice is the difference of two copies.
TALLY = (
    "sent",
    "ok",
    "timed_out",
    "late",
    "corrupt",
    "duplicate",
    "broken",
    "replies",
    "sessions",
    "connects",
    "idle_ns",
    "connect_refused",
    "connect_timeout",
    "connect_failed",
    "no_ports",
    "no_descriptors",
    "timeout",
    "reset",
    "closed",
    "unreachable",
    "wrong_reply",
)
(
    SENT,  # requests begun
    OK,  # replies that were right and in time
    TIMED_OUT,  # requests given up for want of a reply
    LATE,  # replies to requests that had been given up
    CORRUPT,  # requests answered with wrong bytes
    DUPLICATE,  # replies to requests that had been answered
    BROKEN,  # requests whose connection broke under them
    REPLIES,  # those of OK that came inside the window
    SESSIONS,  # sessions that ended well inside the window
    CONNECTS,
    IDLE_NS,  # time spent in polls that brought nothing
    CONNECT_REFUSED,
    CONNECT_TIMEOUT,
    CONNECT_FAILED,
    NO_PORTS,
    NO_DESCRIPTORS,
    TIMEOUT,
    RESET,
    SERVER_CLOSED,
    UNREACHABLE,
    WRONG_REPLY,
) = range(len(TALLY))
ERRORS = TALLY[CONNECT_REFUSED:]

# The schedule, of CLOCK_MONOTONIC: replies from WINDOW to END count, each in its part, PART nanoseconds long.
# AT_WORK is how many connections have not come to rest yet.
WINDOW, END, PART, AT_WORK = range(4)


class Load(NamedTuple):
    """How a lane loads its server. Durations in nanoseconds; flags are 0 or 1, as the compiled loop wants them."""

    tcp: int
    echo: int
    session: int
    requests_per_session: int
    message_bytes: int
    numbered: int  # the reply can be told from the reply to an earlier request
    timeout_ns: int
    spin_ns: int  # how long to poll without sleeping; for ever if the CPU is ours alone


class Lane(NamedTuple):
    """The arrays of one thread."""

    poller: int  # epoll's descriptor
    connections: Array  # CONNECTION, shape (connections,)
    payload: Array  # uint8, shape (connections, message_bytes): the message of each, for echo
    words: Array  # uint8: the four words of hola, one after another
    address: Array  # uint8: the server's sockaddr
    events: Array  # uint32, what epoll_wait fills in
    received: Array  # uint8, shape (RECEIVE_BYTES,)
    lost: Array  # int64, shape (connections, LOST_REMEMBERED): sequence numbers given up, 0 where free
    service: Counts  # from send to reply, shape (parts, SLOTS): the window in equal parts
    connect: Counts  # from connect to established
    tally: Array  # int64, see TALLY
    scratch: Array  # int64, shape (2,): room for the clock
    schedule: Array  # int64, shape (4,): see above
    event: Array  # uint32, room for the one event that epoll_ctl is told
    option: Array  # int32, shape (2,): room for a socket option and its size


def make_lane(
    poller: int, numbers: Sequence[int], load: Load, address: Array, parts: int, random: np.random.Generator
) -> Lane:
    """Make the arrays for connections ``numbers`` (unique in the whole generator) to one server.

    address: see pack_address. parts: into how many equal parts the window is divided.
    """
    connections = np.zeros(len(numbers), CONNECTION)
    connections["fd"] = -1
    payload = random.integers(0, 256, (len(numbers), load.message_bytes), np.uint8)
    if load.message_bytes >= HEADER_BYTES:
        payload[:, :4] = np.asarray(numbers, np.uint32).view(np.uint8).reshape(-1, 4)
    return Lane(
        poller=poller,
        connections=connections,
        payload=payload,
        words=np.frombuffer(HOLA + ADIOS + PUES_HOLA + PUES_ADIOS, np.uint8).copy(),
        address=address,
        events=np.zeros(EVENTS_AT_ONCE * EVENT_WORDS, np.uint32),
        received=np.zeros(RECEIVE_BYTES, np.uint8),
        lost=np.zeros((len(numbers), LOST_REMEMBERED), np.int64),
        service=np.zeros((parts, SLOTS), np.int64),
        connect=np.zeros(SLOTS, np.int64),
        tally=np.zeros(len(TALLY), np.int64),
        scratch=np.zeros(2, np.int64),
        schedule=np.zeros(4, np.int64),
        event=np.zeros(EVENT_WORDS, np.uint32),
        option=np.zeros(2, np.int32),
    )


def pack_address(host: str, port: int) -> Array:
    """Return the kernel's form of an address (sockaddr_in, sockaddr_in6). host: a numeric IPv4 or IPv6 address."""
    if ":" in host:
        packed = (
            np.uint16(socket.AF_INET6).tobytes()
            + port.to_bytes(2, "big")
            + bytes(4)
            + socket.inet_pton(socket.AF_INET6, host)
            + bytes(4)
        )
    else:
        packed = (
            np.uint16(socket.AF_INET).tobytes()
            + port.to_bytes(2, "big")
            + socket.inet_pton(socket.AF_INET, host)
            + bytes(8)
        )
    return np.frombuffer(packed, np.uint8).copy()
