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


class ConnectionSet:
    """The connections by their descriptors.

    What the kernel does not take of a reply is kept, and the connection is not read until that is flushed: so a
    client that does not read its replies holds one of them in memory, and stops itself.
    """

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        listener.setblocking(False)
        self.acceptor = sockets.Acceptor(listener)
        self.listener_fd = listener.fileno()
        self.new_handler = new_handler
        self.connections: dict[int, tuple[socket.socket, StreamHandler]] = {}
        self.flushing: dict[int, memoryview] = {}  # connections that are not read: the rest of a reply
        self.accepting = False

    def watch_readable(self, fd: int) -> None:
        """Have the kernel tell when there is something to read, or a client to accept, and for nothing else any more.

        It is watched for room so far if it is in ``flushing``, and not at all if not.
        """
        raise NotImplementedError

    def watch_writable(self, fd: int) -> None:
        """Have the kernel tell when there is room to write, and for nothing else any more."""
        raise NotImplementedError

    def unregister(self, fd: int) -> None:
        """Have the kernel tell nothing any more of a descriptor, which may be closed next."""
        raise NotImplementedError

    def resume_accepting(self) -> None:
        """Accept clients from now on."""
        if not self.accepting:
            self.accepting = True
            self.watch_readable(self.listener_fd)

    def pause_accepting(self) -> None:
        """Let clients wait in the backlog."""
        if self.accepting:
            self.accepting = False
            self.unregister(self.listener_fd)

    def accept_one(self) -> int | None:
        """Accept one connection: one, not all, so that processes which share a listener share the clients too.

        Returns its descriptor; None if there was none to be had.
        """
        conn = self.acceptor.accept()
        if conn is None:
            if self.acceptor.out_of_fds:
                self.pause_accepting()
            return None
        conn.setblocking(False)
        fd = conn.fileno()
        self.connections[fd] = conn, self.new_handler()
        self.watch_readable(fd)
        return fd

    def answer(self, fd: int) -> bool:
        """Take what a client says, and reply. Returns whether there may be more of it."""
        conn, handler = self.connections[fd]
        try:
            data = conn.recv(RECV_BYTES)
        except BlockingIOError:
            return False  # rare, but a connection may be called readable that is not
        except OSError:
            data = b""
        if not data:
            self.close_connection(fd)
            return False
        reply = handler.feed(data)
        try:
            sent = conn.send(reply) if reply else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close_connection(fd)
            return False
        if sent < len(reply):
            self.flushing[fd] = memoryview(reply)[sent:]
            self.watch_writable(fd)
            return False
        if handler.done:
            self.close_connection(fd)
            return False
        return len(data) == RECV_BYTES

    def flush(self, fd: int) -> None:
        """Send more of a reply that the kernel did not take at once."""
        conn, handler = self.connections[fd]
        rest = self.flushing[fd]
        try:
            rest = rest[conn.send(rest) :]
        except BlockingIOError:
            return
        except OSError:
            self.close_connection(fd)
            return
        if rest:
            self.flushing[fd] = rest
        elif handler.done:
            self.close_connection(fd)
        else:
            self.watch_readable(fd)
            del self.flushing[fd]

    def close_connection(self, fd: int) -> None:
        """Close a connection; there is room for another."""
        self.unregister(fd)
        self.flushing.pop(fd, None)
        self.connections.pop(fd)[0].close()
        self.resume_accepting()

    def retry_accepting(self) -> float | None:
        """Accept again some time after a shortage; return how long that is off."""
        if self.accepting or not self.acceptor.out_of_fds:
            return None
        remaining_s = self.acceptor.retry_at_s - time.monotonic()
        if remaining_s > 0:
            return remaining_s
        self.resume_accepting()
        return None
