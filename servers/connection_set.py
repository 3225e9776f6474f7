"""The connections of a server with one thread: who says what, and which connection waits for what.

How the kernel is asked is each model's own: it says ``watch`` in its way (select, poll, epoll, an event loop).
"""

from __future__ import annotations

import time

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewStreamHandler, StreamHandler

RECV_BYTES = 65_536  # one at a time is in use: for short messages as fast as 4 KiB, for long ones faster


class Crowd:
    """The connections by their descriptors.

    What the kernel does not take of a reply is kept, and the connection is not read until that is flushed: so a
    client that does not read its replies holds one of them in memory, and stops itself.
    """

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        listener.setblocking(False)
        self.door = sockets.Door(listener)
        self.entrance = listener.fileno()
        self.new_handler = new_handler
        self.talks: dict[int, tuple[socket.socket, StreamHandler]] = {}
        self.flushing: dict[int, memoryview] = {}  # connections that are not read: the rest of a reply
        self.entrance_open = False

    def watch(self, fd: int) -> None:
        """Have the kernel tell when there is something to read, or a client to accept, and for nothing else any more.

        It is watched for room so far if it is in ``flushing``, and not at all if not.
        """
        raise NotImplementedError

    def watch_room(self, fd: int) -> None:
        """Have the kernel tell when there is room to write, and for nothing else any more."""
        raise NotImplementedError

    def unwatch(self, fd: int) -> None:
        """Have the kernel tell nothing any more of a descriptor, which may be closed next."""
        raise NotImplementedError

    def open_entrance(self) -> None:
        """Accept clients from now on."""
        if not self.entrance_open:
            self.entrance_open = True
            self.watch(self.entrance)

    def close_entrance(self) -> None:
        """Let clients wait in the backlog."""
        if self.entrance_open:
            self.entrance_open = False
            self.unwatch(self.entrance)

    def admit(self) -> int | None:
        """Accept one connection: one, not all, so that processes which share a listener share the clients too.

        Returns its descriptor; None if there was none to be had.
        """
        conn = self.door.accept()
        if conn is None:
            if self.door.short:
                self.close_entrance()
            return None
        conn.setblocking(False)
        fd = conn.fileno()
        self.talks[fd] = conn, self.new_handler()
        self.watch(fd)
        return fd

    def answer(self, fd: int) -> bool:
        """Take what a client says, and reply. Returns whether there may be more of it."""
        conn, handler = self.talks[fd]
        try:
            data = conn.recv(RECV_BYTES)
        except BlockingIOError:
            return False  # rare, but a connection may be called readable that is not
        except OSError:
            data = b""
        if not data:
            self.leave(fd)
            return False
        reply = handler.feed(data)
        try:
            sent = conn.send(reply) if reply else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.leave(fd)
            return False
        if sent < len(reply):
            self.flushing[fd] = memoryview(reply)[sent:]
            self.watch_room(fd)
            return False
        if handler.done:
            self.leave(fd)
            return False
        return len(data) == RECV_BYTES

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
            self.watch(fd)
            del self.flushing[fd]

    def leave(self, fd: int) -> None:
        """Close a connection; there is room for another."""
        self.unwatch(fd)
        self.flushing.pop(fd, None)
        self.talks.pop(fd)[0].close()
        self.open_entrance()

    def reopen(self) -> float | None:
        """Accept again some time after a shortage; return how long that is off."""
        if self.entrance_open or not self.door.short:
            return None
        remaining_s = self.door.retry_at_s - time.monotonic()
        if remaining_s > 0:
            return remaining_s
        self.open_entrance()
        return None
