"""One thread, all connections: select.select tells which ones have something to read.

Good: no thread and no process for a client, no locks, state in plain variables. Bad: each call hands the kernel the
whole list of connections to search, so a wake-up costs more the more of them are idle; it knows no descriptor above
1023, so clients beyond some thousand wait in the backlog; one long computation delays everybody. Over UDP there is one
socket and nothing to choose from: it shows what the extra call costs.
"""

from __future__ import annotations

import select
import time

from servers import sockets
from servers.log import Tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import Any

    from servers.protocols import NewDatagramHandler, NewStreamHandler, StreamHandler

FD_SETSIZE = 1024  # the first descriptor that select cannot watch: fixed when the C library was built
MAX_TCP_CLIENTS = 1000  # about: FD_SETSIZE less the few descriptors that a process has anyway
RECV_BYTES = 65_536  # one at a time is in use: for short messages as fast as 4 KiB, for long ones faster


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait until any connection has something to read, answer it at once, wait again."""
    crowd = Crowd(listener, new_handler)
    while True:
        timeout_s = crowd.reopen() if crowd.door.short else None
        readable, writable, _ = select.select(crowd.reading, crowd.flushing, (), timeout_s)
        for fd in readable:
            if fd == crowd.entrance:
                crowd.admit()
            else:
                crowd.answer(fd)
        for fd in writable:
            crowd.flush(fd)


class Crowd:
    """The connections, and which of them waits for what.

    What the kernel does not take of a reply is kept, and the connection is not read until that is flushed: so a
    client that does not read its replies holds one of them in memory, and stops itself.
    """

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        listener.setblocking(False)
        self.door = sockets.Door(listener)
        self.entrance = listener.fileno()
        self.new_handler = new_handler
        self.talks: dict[int, tuple[socket.socket, StreamHandler]] = {}
        self.room = FD_SETSIZE  # for so many connections: fewer, but how many is known once they are there
        # A list of descriptors: select copies any other collection first, and asks a socket for its number. With 64 of
        # them a call takes 5.6 us, 6.0 with a dict, 10.4 with a list of sockets.
        self.reading = [self.entrance]
        self.flushing: dict[int, memoryview] = {}  # connections that are not in reading: the rest of a reply
        self.crowded = Tally(f"select can watch no descriptor above {FD_SETSIZE - 1}; clients wait in the backlog")

    def admit(self) -> None:
        """Accept one connection: one, not all, so that processes which share a listener share the clients too."""
        conn = self.door.accept()
        if conn is None:
            if self.door.short:
                self.reading.remove(self.entrance)
            return
        conn.setblocking(False)
        fd = conn.fileno()
        self.talks[fd] = conn, self.new_handler()
        self.reading.append(fd)
        if fd == FD_SETSIZE - 1:  # the kernel gives the lowest number that is free: this was the last one
            self.room = len(self.talks)
        if len(self.talks) == self.room:
            self.crowded.add()
            self.reading.remove(self.entrance)

    def answer(self, fd: int) -> None:
        """Take what a client says, and reply."""
        conn, handler = self.talks[fd]
        try:
            data = conn.recv(RECV_BYTES)
        except BlockingIOError:
            return  # rare, but select may call readable what is not
        except OSError:
            data = b""
        if not data:
            self.leave(fd)
            return
        reply = handler.feed(data)
        try:
            sent = conn.send(reply) if reply else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.leave(fd)
            return
        if sent < len(reply):
            self.reading.remove(fd)
            self.flushing[fd] = memoryview(reply)[sent:]
        elif handler.done:
            self.leave(fd)

    def flush(self, fd: int) -> None:
        """Send more of a reply that the kernel did not take at once."""
        conn, handler = self.talks[fd]
        rest = self.flushing[fd]
        try:
            rest = rest[conn.send(rest) :]
        except BlockingIOError:
            return
        except OSError:
            self.leave(fd)
            return
        if rest:
            self.flushing[fd] = rest
        elif handler.done:
            self.leave(fd)
        else:
            del self.flushing[fd]
            self.reading.append(fd)

    def leave(self, fd: int) -> None:
        """Close a connection; there is room for another."""
        self.talks.pop(fd)[0].close()
        if self.flushing.pop(fd, None) is None:
            self.reading.remove(fd)
        if self.entrance not in self.reading:
            self.reading.insert(0, self.entrance)

    def reopen(self) -> float | None:
        """Accept again some time after a shortage; return how long that is off."""
        if self.entrance in self.reading:
            return None
        remaining_s = self.door.retry_at_s - time.monotonic()
        if remaining_s > 0:
            return remaining_s
        self.reading.insert(0, self.entrance)
        return None


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams, answer all that are there, wait again."""
    sock.setblocking(False)
    recvfrom, feed = sock.recvfrom, new_handler().feed
    here = (sock,)
    while True:
        select.select(here, (), ())
        try:
            while True:
                datagram, peer = recvfrom(sockets.MAX_DATAGRAM_BYTES)
                reply = feed(datagram)
                if reply is not None:
                    send(sock, reply, peer)
        except BlockingIOError:
            pass


def send(sock: socket.socket, reply: bytes, peer: Any) -> None:
    """Send one datagram as soon as the kernel takes it."""
    try:
        sock.sendto(reply, peer)
    except BlockingIOError:
        select.select((), (sock,), ())
        send(sock, reply, peer)
    except OSError:
        sockets.unsent.add()
