"""Compiled baseline: the least work for each request, but it polls while it waits, which takes CPU time at low rates.

Represents: tuned: compiled to machine code, and polls for a moment before it sleeps

One thread runs a loop of poll, with epoll for more than 128 connections. It is the baseline of the comparison, and the
server against which the load generator measures its own maximum. Each wait for events is followed by one recv and one
send per event; over UDP the loop receives and replies. What remains of a request is the kernel's share. Before the loop
sleeps it polls for a few microseconds: a model in Python is so slow that the next request has often arrived before it
could sleep. Between two polls it rests for a moment, because polling takes cache lines away from the clients. Strength:
the least work for each request. Weaknesses: most of its memory belongs to the compiler, it takes half a second to start
(about ten seconds the first time), and it does not look like a server in Python.

It is the only model that shares the compiled system calls of the load generator.
"""

from __future__ import annotations

import errno
import mmap
import os
import resource
import select
import socket
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # in a process with threads every system call costs more

import numpy as np

from clients.engine import syscalls
from clients.engine.jit import int64, jit, jit_inline, jit_internal
from clients.engine.raw_memory import Array, view
from servers import native_hola, native_poll_set, protocols, sockets
from servers.native_hola import RECV_BYTES, REPLY_BYTES
from servers.native_poll_set import OVERFLOW, READABLE, WRITABLE, PollSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from servers.protocols import NewDatagramHandler, NewHandler, NewStreamHandler

NEEDS = "numba"
MAX_FDS = 1 << 20  # each descriptor has a row in a table

# Constants are plain ints and arrays, because compiled code treats the globals of its module as constants.
_EAGAIN, _EINTR, _ECONNABORTED = errno.EAGAIN, errno.EINTR, errno.ECONNABORTED
_ACCEPT_FLAGS = int(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_NOSIGNAL, _DONTWAIT = int(socket.MSG_NOSIGNAL), int(socket.MSG_DONTWAIT)
_PRIVATE, _READ_AND_WRITE = int(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), int(mmap.PROT_READ | mmap.PROT_WRITE)
_PEER_BYTES = 128  # size of struct sockaddr_storage, which fits any address
_IGNORED, _UNSENT = 1, 2  # outcomes of a datagram that are counted
_STREAM_POLLS, _DATAGRAM_POLLS = (32, 512), (16, 256)  # least and most polls before a sleep, see polls_after
_REST_NS, _MAX_REST_NS, _FEW_ARE_ONE_IN = 250, 4_000, 4  # for each connection, at most, and of all clients, see rest

CONNECTION = np.dtype(
    [
        ("matched", np.int64),  # position in a request of hola, see native_hola
        ("done", np.int64),  # 1: close after everything is sent
        ("entry", np.int64),  # in the poll set
        ("unsent", np.int64),  # address of a partly sent reply; 0: none
        ("unsent_bytes", np.int64),
        ("sent_bytes", np.int64),
    ]
)
SCRATCH = np.dtype(
    [
        ("length", np.int32, 2),
        ("clock", np.int64, 2),
        ("polls", np.int64, 2),  # least and most
        ("peer", np.uint8, _PEER_BYTES),  # a sockaddr
        ("received", np.uint8, RECV_BYTES),
        ("reply", np.uint8, REPLY_BYTES),
    ],
    align=True,
)
_OFFSETS = [int(SCRATCH.fields[name][1]) for name in SCRATCH.names]  # type: ignore[union-attr,index]  # a structured dtype has fields
_LENGTH, _CLOCK, _POLLS, _PEER, _RECEIVED, _REPLY = _OFFSETS
_BYTE, _INT32, _INT64 = np.dtype(np.uint8), np.dtype(np.int32), np.dtype(np.int64)


class LoopState(NamedTuple):
    """Addresses and descriptors that the compiled loop works on."""

    poll_set: PollSet
    listener: int
    hola: int  # 1: hola, 0: echo
    connections: int  # address of an array of CONNECTION, indexed by descriptor
    fds: int
    scratch: int  # address of SCRATCH


def prepare() -> None:
    """Compile the loops before the server is ready."""
    scratch, watched = np.zeros((), SCRATCH), native_poll_set.make_sockets(-1)
    answer_streams(LoopState(PollSet(-1, watched.ctypes.data), -1, 0, 0, 0, scratch.ctypes.data), 1)
    answer_datagrams(-1, 0, scratch.ctypes.data)


def make_scratch(polls: tuple[int, int]) -> Array:
    """Return the memory of a loop: SCRATCH, shape ().

    On a machine with one CPU the loop never polls: the client would have to wait for that CPU.
    """
    scratch = np.zeros((), SCRATCH)
    scratch["polls"] = polls if (os.cpu_count() or 1) > 1 else 0
    return scratch


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Run the compiled loop, and handle each accept that fails."""
    listener.setblocking(False)
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fds = min(limit, MAX_FDS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (fds, hard))
    connections, scratch = np.zeros(fds, CONNECTION), make_scratch(_STREAM_POLLS)
    poller, acceptor = select.epoll(), sockets.Acceptor(listener)
    watched = native_poll_set.make_sockets(listener.fileno())
    addresses = connections.ctypes.data, fds, scratch.ctypes.data
    poll_set = PollSet(poller.fileno(), watched.ctypes.data)
    state = LoopState(poll_set, listener.fileno(), _is_hola(new_handler), *addresses)
    while True:
        answer_streams(state, int(acceptor.retry_at_s * 1e9) if acceptor.out_of_fds else 0)
        if acceptor.out_of_fds:
            native_poll_set.watch_listener(watched, listener.fileno())
        conn = acceptor.accept()
        if conn is not None:
            conn.setblocking(False)
            add_connection(state, conn.detach())
        elif acceptor.out_of_fds:
            native_poll_set.watch_listener(watched, -1)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Run the compiled loop, and count datagrams that were ignored or not sent."""
    scratch = make_scratch(_DATAGRAM_POLLS)
    while True:
        outcome = answer_datagrams(sock.fileno(), _is_hola(new_handler), scratch.ctypes.data)
        if outcome == _IGNORED:
            protocols.ignored_datagrams.add()
        elif outcome == _UNSENT:
            sockets.unsent_replies.add()
        else:
            raise OSError(-outcome, "recvfrom failed")


def _is_hola(new_handler: NewHandler) -> int:
    # An int: for a bool the loops would be compiled a second time. Other handlers raise KeyError.
    return {protocols.Echo: 0, protocols.Hola: 1, protocols.HolaDatagrams: 1}[new_handler]  # type: ignore[index]  # classes


@jit
def answer_streams(state: LoopState, retry_ns: int) -> None:
    """Accept and answer until an accept fails.

    retry_ns: return at this time of CLOCK_MONOTONIC, unless it is 0.
    """
    wait_ms, polls = -1, 0
    while True:
        if retry_ns:
            left_ns = retry_ns - syscalls.now_ns(state.scratch + _CLOCK)
            if left_ns <= 0:
                return
            wait_ms = left_ns // 1_000_000 + 1
        ready = poll_sockets(state, polls)
        polls = polls_after(state.scratch, polls, ready > 0)
        if ready <= 0:
            ready = native_poll_set.wait(state.poll_set, wait_ms)
        if not serve_ready(state, ready):
            return
        rest(state, ready)


@jit_inline
def serve_ready(state: LoopState, ready: int) -> bool:
    """Serve all sockets with an event; ``ready`` entries have one. Returns False if an accept failed.

    From the last entry: one that is removed is replaced by the last, which has had its turn or is new.
    """
    polled = native_poll_set.polled_of(state.poll_set)
    entry = int64(native_poll_set.count_of(state.poll_set)[0])
    while ready > 0 and entry > 0:
        entry -= 1
        if not polled[entry]["revents"]:
            continue
        ready -= 1
        if entry > OVERFLOW:
            answer_or_flush(state, int64(polled[entry]["fd"]))
        elif entry == OVERFLOW:
            for k in range(native_poll_set.fetch_overflow(state.poll_set)):
                answer_or_flush(state, native_poll_set.overflow_fd(state.poll_set, k))
        elif not accept_one(state):
            return False
    return True


@jit_inline
def poll_sockets(state: LoopState, polls: int) -> int:
    """Poll for events without sleeping, at most ``polls`` times. Returns what poll returned last.

    A poll of many sockets takes longer, so it counts more. Otherwise a server with 64 clients would still poll for
    milliseconds after their last request, and that CPU time would count for the next slice.
    """
    ready, cost = 0, 1 + (native_poll_set.count_of(state.poll_set)[0] - OVERFLOW - 1) // 8
    while ready == 0 and polls > 0:
        ready = native_poll_set.wait(state.poll_set, 0)
        polls -= cost
    return ready


@jit_inline
def rest(state: LoopState, ready: int) -> None:
    """Wait for a moment without a system call if few of the clients had sent something. ready: their number.

    A poll reads sockets that the clients are writing to, so each poll makes their next send slower. Several requests
    arrive during a rest, and one poll finds them all. 16 clients with short sessions got 5% more replies with a rest of
    4 us than without, and 10% fewer with 20 us (four blocks each, a generator at its limit). Where many are ready, the
    clients wait for this server; a single client could send nothing before its reply.
    """
    if view(state.scratch + _POLLS, 2, _INT64)[1] == 0:  # the clients need this CPU
        return
    connections = native_poll_set.count_of(state.poll_set)[0] - OVERFLOW - 1
    if _FEW_ARE_ONE_IN * ready <= connections:
        end_ns = syscalls.now_ns(state.scratch + _CLOCK) + min(_REST_NS * connections, _MAX_REST_NS)
        while syscalls.now_ns(state.scratch + _CLOCK) < end_ns:
            pass


@jit_inline
def polls_after(scratch: int, polls: int, found: bool) -> int:
    """Return how often to poll next time.

    The least number takes a few microseconds: as long as a client that is awake needs to send its next request. A sleep
    and its wake-up cost more than that, for the client too. The loop polls for longer while that finds requests.
    """
    limits = view(scratch + _POLLS, 2, _INT64)
    least, most = int64(limits[0]), int64(limits[1])
    return min(most, 2 * polls) if found else max(least, polls // 2)


@jit_inline
def accept_one(state: LoopState) -> bool:
    """Accept one connection. Returns False if descriptors or buffers ran out."""
    fd = syscalls.accept(state.listener, 0, 0, _ACCEPT_FLAGS)
    if fd >= 0:
        add_connection(state, int64(fd))
    return fd >= 0 or fd in (-_EAGAIN, -_ECONNABORTED)


@jit
def add_connection(state: LoopState, fd: int) -> None:
    """Start to watch a connection for input."""
    connection = view(state.connections, state.fds, CONNECTION)[fd]
    connection["matched"] = connection["done"] = connection["unsent"] = 0
    connection["entry"] = native_poll_set.add(state.poll_set, fd)
    if connection["entry"] < 0:
        syscalls.close(fd)


@jit_internal
def close_connection(state: LoopState, fd: int) -> None:
    """Close a connection and stop to watch it."""
    connections = view(state.connections, state.fds, CONNECTION)
    entry = int64(connections[fd]["entry"])
    moved_fd = native_poll_set.remove(state.poll_set, entry)
    if moved_fd >= 0:
        connections[moved_fd]["entry"] = entry
    syscalls.close(fd)


@jit_inline
def answer_or_flush(state: LoopState, fd: int) -> None:
    """Send the rest of a reply, or read and reply."""
    if view(state.connections, state.fds, CONNECTION)[fd]["unsent"]:
        flush(state, fd)
    else:
        answer(state, fd)


@jit_inline
def answer(state: LoopState, fd: int) -> None:
    """Read from a connection and reply."""
    received_bytes = syscalls.recv(fd, state.scratch + _RECEIVED, RECV_BYTES, 0)
    if received_bytes == -_EAGAIN or received_bytes == -_EINTR:
        return
    if received_bytes <= 0:
        close_connection(state, fd)
        return
    reply, reply_bytes = state.scratch + _RECEIVED, received_bytes
    if state.hola:
        reply, reply_bytes = state.scratch + _REPLY, answer_hola(state, fd, received_bytes)
    sent = syscalls.send(fd, reply, reply_bytes, _NOSIGNAL) if reply_bytes else 0
    if sent < reply_bytes:
        keep_unsent(state, fd, reply, reply_bytes, sent)
    elif state.hola and view(state.connections, state.fds, CONNECTION)[fd]["done"]:
        close_connection(state, fd)


@jit_internal
def answer_hola(state: LoopState, fd: int, received_bytes: int) -> int:
    """Write the replies to the received bytes, which may be split anywhere.

    Returns the size of the replies.
    """
    connection = view(state.connections, state.fds, CONNECTION)[fd]
    received_at, reply_at = state.scratch + _RECEIVED, state.scratch + _REPLY
    reply_bytes, matched = native_hola.answer_stream(
        received_at, received_bytes, reply_at, int64(connection["matched"])
    )
    connection["matched"] = matched
    if matched == native_hola.ENDED:
        connection["done"] = 1
    return reply_bytes


@jit_internal
def keep_unsent(state: LoopState, fd: int, reply: int, reply_bytes: int, sent: int) -> None:
    """Keep the unsent rest of a reply; the client is not read until it is sent."""
    unsent_bytes = reply_bytes - max(0, sent)
    address = (
        syscalls.map_memory(0, unsent_bytes, _READ_AND_WRITE, _PRIVATE, -1, 0) if sent >= 0 or sent == -_EAGAIN else -1
    )
    if address < 0:  # the client has disconnected, or there is no memory
        close_connection(state, fd)
        return
    syscalls.copy_bytes(address, reply + reply_bytes - unsent_bytes, unsent_bytes)
    connection = view(state.connections, state.fds, CONNECTION)[fd]
    connection["unsent"], connection["unsent_bytes"], connection["sent_bytes"] = address, unsent_bytes, 0
    native_poll_set.watch_for(state.poll_set, fd, int64(connection["entry"]), WRITABLE)


@jit_internal
def flush(state: LoopState, fd: int) -> None:
    """Send more of a reply that did not fit into the send buffer."""
    connection = view(state.connections, state.fds, CONNECTION)[fd]
    remaining_bytes = connection["unsent_bytes"] - connection["sent_bytes"]
    sent = syscalls.send(fd, connection["unsent"] + connection["sent_bytes"], remaining_bytes, _NOSIGNAL)
    if sent == -_EAGAIN or sent == -_EINTR:
        return
    if 0 <= sent < remaining_bytes:
        connection["sent_bytes"] += sent
        return
    syscalls.unmap_memory(connection["unsent"], connection["unsent_bytes"])
    connection["unsent"] = 0
    if sent < 0 or connection["done"]:
        close_connection(state, fd)
    else:
        native_poll_set.watch_for(state.poll_set, fd, int64(connection["entry"]), READABLE)


@jit
def answer_datagrams(sock: int, hola: int, scratch: int) -> int:
    """Answer datagrams until one is not answered.

    Returns _IGNORED, _UNSENT, or the negative error number of recvfrom.
    """
    polls = 0
    while True:
        received_bytes = poll_datagram(sock, scratch, polls)
        polls = polls_after(scratch, polls, received_bytes != -_EAGAIN)
        if received_bytes == -_EAGAIN:
            received_bytes = receive(sock, scratch, 0)
        if received_bytes == -_EINTR:
            continue
        if received_bytes < 0:
            return received_bytes
        reply, reply_bytes = scratch + _RECEIVED, received_bytes
        if hola:
            reply, reply_bytes = (
                scratch + _REPLY,
                native_hola.answer_datagram(scratch + _RECEIVED, received_bytes, scratch + _REPLY),
            )
            if reply_bytes == 0:
                return _IGNORED
        if syscalls.send_to(sock, reply, reply_bytes, 0, scratch + _PEER, view(scratch + _LENGTH, 2, _INT32)[0]) < 0:
            return _UNSENT


@jit_inline
def poll_datagram(sock: int, scratch: int, polls: int) -> int:
    """Receive a datagram without sleeping, with at most ``polls`` attempts. Returns its size, or -EAGAIN."""
    received_bytes = int64(-_EAGAIN)
    while received_bytes == -_EAGAIN and polls > 0:
        received_bytes = receive(sock, scratch, _DONTWAIT)
        polls -= 1
    return received_bytes


@jit_inline
def receive(sock: int, scratch: int, flags: int) -> int:
    """Receive a datagram and its sender. Returns its size, or the negative error number."""
    view(scratch + _LENGTH, 2, _INT32)[0] = _PEER_BYTES
    return syscalls.recv_from(sock, scratch + _RECEIVED, RECV_BYTES, flags, scratch + _PEER, scratch + _LENGTH)
