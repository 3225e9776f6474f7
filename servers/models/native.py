"""One thread and epoll, compiled: what this machine can do where the server itself costs next to nothing.

It is the line to hold the others against, and the server against which the load generator measures its own limit. One
wait for events, then one recv and one send for each of them; over UDP receive, reply, repeat: what is left of a request
is the kernel's share. Good: nothing here is faster. Bad: most of its memory is the compiler's, it takes half a second
to start (the first time some ten), and it is no way to write a server in Python.

It shares the compiled system calls with the load generator, as the only model.
"""

from __future__ import annotations

import errno
import mmap
import resource
import select
import socket
from typing import NamedTuple

import numpy as np

from clients import libc
from clients.compiled import inlined, inner, int64, jit
from clients.libc import EVENT_DATA_WORD, EVENT_WORDS
from clients.memory import Array, view
from servers import protocols, sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from servers.protocols import NewDatagramHandler, NewHandler, NewStreamHandler

NEEDS = "numba"
MOST_DESCRIPTORS = 1 << 20  # each has a row in a table
EVENTS_AT_ONCE = 256
RECV_BYTES = 65_536  # no datagram is longer
REPLY_BYTES = RECV_BYTES // 4 * 9 + 16  # pues hola for every hola, and a last word

# Constants as plain ints and arrays: compiled code freezes the globals of its module.
_EAGAIN, _EINTR, _ECONNABORTED = errno.EAGAIN, errno.EINTR, errno.ECONNABORTED
_ACCEPTED = int(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
_NOSIGNAL = int(socket.MSG_NOSIGNAL)
_READABLE, _WRITABLE = int(select.EPOLLIN), int(select.EPOLLOUT)
_ADD, _CHANGE = 1, 3  # EPOLL_CTL_ADD, EPOLL_CTL_MOD
_OWN, _READ_AND_WRITE = int(mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS), int(mmap.PROT_READ | mmap.PROT_WRITE)
_SAYS_HOLA, _SAYS_ADIOS = (np.frombuffer(word, np.uint8) for word in protocols.REPLIES)
_PUES_HOLA, _PUES_ADIOS = (np.frombuffer(word, np.uint8) for word in protocols.REPLIES.values())
_NO_ENTIENDO = np.frombuffer(protocols.UNKNOWN_REPLY, np.uint8)
_WHITE = np.frombuffer(protocols.WHITESPACE, np.uint8)
_ADIOS = 4  # how far into a request: 0 between two, 1 to 3 letters of hola, beyond 4 so many letters of adios
_PEER_BYTES = 128  # as much as any address takes (struct sockaddr_storage)
_IGNORED, _UNSENT = 1, 2  # what a datagram came to, if it is to be told

TALK = np.dtype(
    [
        ("matched", np.int64),  # of a request in hola, see _ADIOS
        ("done", np.int64),  # close once all is sent
        ("rest", np.int64),  # address of a reply of which the kernel did not take all; 0: there is none
        ("rest_bytes", np.int64),
        ("sent_bytes", np.int64),
    ]
)
ROOM = np.dtype(
    [
        ("events", np.uint32, EVENTS_AT_ONCE * EVENT_WORDS),
        ("event", np.uint32, EVENT_WORDS),
        ("length", np.int32, 2),
        ("clock", np.int64, 2),
        ("peer", np.uint8, _PEER_BYTES),  # a sockaddr
        ("received", np.uint8, RECV_BYTES),
        ("reply", np.uint8, REPLY_BYTES),
    ],
    align=True,
)
_EVENTS, _EVENT, _LENGTH, _CLOCK, _PEER, _RECEIVED, _REPLY = (int(ROOM.fields[name][1]) for name in ROOM.names)  # type: ignore[union-attr,index]  # it has fields
_BYTE, _UINT32, _INT32 = np.dtype(np.uint8), np.dtype(np.uint32), np.dtype(np.int32)


class Crowd(NamedTuple):
    """What the compiled loop works on."""

    poller: int
    listener: int
    hola: int  # 1: it speaks hola, 0: echo
    talks: int  # address of TALK, one for each descriptor
    descriptors: int
    room: int  # address of ROOM


def prepare() -> None:
    """Compile: before the server says that it is ready."""
    room = np.zeros((), ROOM)
    answer_streams(Crowd(-1, -1, 0, 0, 0, room.ctypes.data), 1)
    answer_datagrams(-1, 0, room.ctypes.data)


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait until any connection has something to read, answer it at once, wait again."""
    listener.setblocking(False)
    limit, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = min(limit, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, hard))
    talks, room = np.zeros(descriptors, TALK), np.zeros((), ROOM)
    poller, acceptor = select.epoll(), sockets.Acceptor(listener)
    addresses = talks.ctypes.data, descriptors, room.ctypes.data
    crowd = Crowd(poller.fileno(), listener.fileno(), _speaks_hola(new_handler), *addresses)
    poller.register(listener, select.EPOLLIN)
    while True:
        answer_streams(crowd, int(acceptor.retry_at_s * 1e9) if acceptor.out_of_fds else 0)
        if acceptor.out_of_fds:
            poller.register(listener, select.EPOLLIN)
        conn = acceptor.accept()
        if conn is not None:
            conn.setblocking(False)
            welcome(crowd, conn.detach())
        elif acceptor.out_of_fds:
            poller.unregister(listener)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Receive, reply, repeat."""
    room = np.zeros((), ROOM)
    while True:
        outcome = answer_datagrams(sock.fileno(), _speaks_hola(new_handler), room.ctypes.data)
        if outcome == _IGNORED:
            protocols.ignored_datagrams.add()
        elif outcome == _UNSENT:
            sockets.unsent_replies.add()
        else:
            raise OSError(-outcome, "recvfrom failed")


def _speaks_hola(new_handler: NewHandler) -> int:
    # Whoever is neither is not served. As a number: for a truth value the loops would be compiled a second time.
    return {protocols.Echo: 0, protocols.Hola: 1, protocols.HolaDatagrams: 1}[new_handler]  # type: ignore[index]  # classes


@jit
def answer_streams(crowd: Crowd, retry_ns: int) -> None:
    """Accept and answer until an accept fails, or until ``retry_ns`` of CLOCK_MONOTONIC if that is not 0."""
    wait_ms = -1
    while True:
        if retry_ns:
            left_ns = retry_ns - libc.now_ns(crowd.room + _CLOCK)
            if left_ns <= 0:
                return
            wait_ms = left_ns // 1_000_000 + 1
        count = libc.epoll_wait(crowd.poller, crowd.room + _EVENTS, EVENTS_AT_ONCE, wait_ms)
        events = view(crowd.room + _EVENTS, EVENTS_AT_ONCE * EVENT_WORDS, _UINT32)
        for k in range(count):
            fd = int64(events[k * EVENT_WORDS + EVENT_DATA_WORD])
            if fd != crowd.listener:
                if view(crowd.talks, crowd.descriptors, TALK)[fd]["rest"]:
                    flush(crowd, fd)
                else:
                    answer(crowd, fd)
            elif not admit(crowd):
                return


@inlined
def admit(crowd: Crowd) -> bool:
    """Accept one connection; whether that went well, or whoever wanted it has left."""
    fd = libc.accept(crowd.listener, 0, 0, _ACCEPTED)
    if fd >= 0:
        welcome(crowd, int64(fd))
    return fd >= 0 or fd in (-_EAGAIN, -_ECONNABORTED)


@jit
def welcome(crowd: Crowd, fd: int) -> None:
    """Begin to read a connection."""
    talk = view(crowd.talks, crowd.descriptors, TALK)[fd]
    talk["matched"] = talk["done"] = talk["rest"] = 0
    if _watch(crowd, fd, _ADD, _READABLE) < 0:
        libc.close(fd)


@inner
def _watch(crowd: Crowd, fd: int, operation: int, events: int) -> int:
    event = view(crowd.room + _EVENT, EVENT_WORDS, _UINT32)
    event[0], event[EVENT_DATA_WORD] = events, fd
    return libc.epoll_control(crowd.poller, operation, fd, crowd.room + _EVENT)


@inlined
def answer(crowd: Crowd, fd: int) -> None:
    """Take what a client says, and reply."""
    got = libc.recv(fd, crowd.room + _RECEIVED, RECV_BYTES, 0)
    if got == -_EAGAIN or got == -_EINTR:
        return
    if got <= 0:
        libc.close(fd)
        return
    reply, size = crowd.room + _RECEIVED, got
    if crowd.hola:
        reply, size = crowd.room + _REPLY, converse(crowd, fd, got)
    sent = libc.send(fd, reply, size, _NOSIGNAL) if size else 0
    if sent < size:
        keep_rest(crowd, fd, reply, size, sent)
    elif crowd.hola and view(crowd.talks, crowd.descriptors, TALK)[fd]["done"]:
        libc.close(fd)


@inner
def converse(crowd: Crowd, fd: int, got: int) -> int:
    """Answer what came in hola: requests may come split, or several at once. Returns the bytes of the reply."""
    talk = view(crowd.talks, crowd.descriptors, TALK)[fd]
    received = view(crowd.room + _RECEIVED, RECV_BYTES, _BYTE)
    reply = view(crowd.room + _REPLY, REPLY_BYTES, _BYTE)
    size, matched = 0, int64(talk["matched"])
    for k in range(got):
        letter = received[k]
        if matched == 0:
            if letter == _SAYS_HOLA[0]:
                matched = 1
            elif letter == _SAYS_ADIOS[0]:
                matched = _ADIOS + 1
            elif letter not in _WHITE:
                matched = -1
        elif matched < _ADIOS:
            matched = matched + 1 if letter == _SAYS_HOLA[matched] else -1
        else:
            matched = matched + 1 if letter == _SAYS_ADIOS[matched - _ADIOS] else -1
        if matched == _ADIOS:
            size = _say(reply, size, _PUES_HOLA)
            matched = 0
        elif matched == _ADIOS + 5 or matched == -1:
            size = _say(reply, size, _PUES_ADIOS if matched > 0 else _NO_ENTIENDO)
            talk["done"] = 1
            break
    talk["matched"] = matched
    return size


@inner
def _say(reply: Array, size: int, words: Array) -> int:
    for letter in words:
        reply[size] = letter
        size += 1
    return size


@inner
def keep_rest(crowd: Crowd, fd: int, reply: int, size: int, sent: int) -> None:
    """Keep what the kernel did not take, and do not read before it is sent: a client that does not read waits."""
    rest_bytes = size - max(0, sent)
    address = libc.map_memory(0, rest_bytes, _READ_AND_WRITE, _OWN, -1, 0) if sent >= 0 or sent == -_EAGAIN else -1
    if address < 0:  # the client has gone, or there is no memory for it
        libc.close(fd)
        return
    libc.copy_bytes(address, reply + size - rest_bytes, rest_bytes)
    talk = view(crowd.talks, crowd.descriptors, TALK)[fd]
    talk["rest"], talk["rest_bytes"], talk["sent_bytes"] = address, rest_bytes, 0
    _watch(crowd, fd, _CHANGE, _WRITABLE)


@inner
def flush(crowd: Crowd, fd: int) -> None:
    """Send more of a reply that the kernel did not take at once."""
    talk = view(crowd.talks, crowd.descriptors, TALK)[fd]
    left_bytes = talk["rest_bytes"] - talk["sent_bytes"]
    sent = libc.send(fd, talk["rest"] + talk["sent_bytes"], left_bytes, _NOSIGNAL)
    if sent == -_EAGAIN or sent == -_EINTR:
        return
    if 0 <= sent < left_bytes:
        talk["sent_bytes"] += sent
        return
    libc.unmap_memory(talk["rest"], talk["rest_bytes"])
    talk["rest"] = 0
    if sent < 0 or talk["done"]:
        libc.close(fd)
    else:
        _watch(crowd, fd, _CHANGE, _READABLE)


@jit
def answer_datagrams(sock: int, hola: int, room: int) -> int:
    """Answer until there is something to tell: _IGNORED, _UNSENT, or what recvfrom failed of, negative."""
    while True:
        view(room + _LENGTH, 2, _INT32)[0] = _PEER_BYTES
        got = libc.recv_from(sock, room + _RECEIVED, RECV_BYTES, 0, room + _PEER, room + _LENGTH)
        if got == -_EINTR:
            continue
        if got < 0:
            return got
        reply, size = room + _RECEIVED, got
        if hola:
            reply, size = room + _REPLY, reply_to(room, got)
            if size == 0:
                return _IGNORED
        if libc.send_to(sock, reply, size, 0, room + _PEER, view(room + _LENGTH, 2, _INT32)[0]) < 0:
            return _UNSENT


@inner
def reply_to(room: int, got: int) -> int:
    """Answer one request in a datagram, white space around it allowed. Returns the bytes of the reply; 0: none."""
    received = view(room + _RECEIVED, RECV_BYTES, _BYTE)
    reply = view(room + _REPLY, REPLY_BYTES, _BYTE)
    first, end = 0, got
    while first < end and received[first] in _WHITE:
        first += 1
    while end > first and received[end - 1] in _WHITE:
        end -= 1
    if _is_word(received, first, end, _SAYS_HOLA):
        return _say(reply, 0, _PUES_HOLA)
    if _is_word(received, first, end, _SAYS_ADIOS):
        return _say(reply, 0, _PUES_ADIOS)
    return 0


@inner
def _is_word(received: Array, first: int, end: int, word: Array) -> bool:
    if end - first != len(word):
        return False
    for k in range(len(word)):  # noqa: SIM110 - compiled code knows no generators
        if received[first + k] != word[k]:
            return False
    return True
