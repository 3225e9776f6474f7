"""The connections of a single-threaded server: accepting, reading, replying.

A model adds how the kernel is asked: it implements ``watch_readable``, ``watch_writable`` and ``unregister`` with
select, poll, epoll or an event loop.
"""

from __future__ import annotations

import time

from servers import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

    from servers.protocols import NewStreamHandler, StreamHandler

RECV_BYTES = 65_536  # as fast as 4 KiB for short messages, faster for long ones; only one such buffer exists at a time


class ConnectionSet:
    """The open connections, by file descriptor.

    If the kernel accepts only a part of a reply, the rest is kept and the connection is not read until the rest is
    sent. So a client that does not read its replies costs the memory of one reply, and blocks only itself.
    """

    def __init__(self, listener: socket.socket, new_handler: NewStreamHandler) -> None:
        listener.setblocking(False)
        self.acceptor = sockets.Acceptor(listener)
        self.listener_fd = listener.fileno()
        self.new_handler = new_handler
        self.connections: dict[int, tuple[socket.socket, StreamHandler]] = {}
        self.flushing: dict[int, memoryview] = {}  # the unsent rest of a reply; not read meanwhile
        self.accepting = False

    def watch_readable(self, fd: int) -> None:
        """Watch a descriptor for input, and for nothing else.

        For the listener, input is a client to accept.

        Until now it was watched for writing if it is in ``flushing``, and not at all otherwise.
        """
        raise NotImplementedError

    def watch_writable(self, fd: int) -> None:
        """Watch a connection for space in its send buffer, and for nothing else."""
        raise NotImplementedError

    def unregister(self, fd: int) -> None:
        """Stop watching a descriptor, which may be closed next."""
        raise NotImplementedError

    def resume_accepting(self) -> None:
        """Accept clients again, or for the first time."""
        if not self.accepting:
            self.accepting = True
            self.watch_readable(self.listener_fd)

    def pause_accepting(self) -> None:
        """Stop accepting; clients wait in the backlog."""
        if self.accepting:
            self.accepting = False
            self.unregister(self.listener_fd)

    def accept_one(self) -> int | None:
        """Accept one connection.

        Returns its descriptor, or None if there is no client or no free descriptor.

        Only one, so that processes that share a listener also share the clients.
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

    def serve_ready(self, ready_fds: Iterable[int]) -> None:
        """Accept, flush or answer: whatever each ready descriptor waits for.

        All in one call: a call for each descriptor takes 4% of the time of a short request.
        """
        connections, flushing, listener_fd = self.connections, self.flushing, self.listener_fd
        for fd in ready_fds:
            if fd == listener_fd:
                self.accept_one()
                continue
            if flushing and fd in flushing:
                self.flush(fd)
                continue
            conn, handler = connections[fd]
            try:
                data = conn.recv(RECV_BYTES)
            except BlockingIOError:
                continue  # rare: a connection can be reported as readable without being so
            except OSError:
                data = b""
            if not data:
                self.close_connection(fd)
                continue
            reply = handler.feed(data)
            try:
                sent = conn.send(reply) if reply else 0
            except BlockingIOError:
                sent = 0
            except OSError:
                self.close_connection(fd)
                continue
            if sent != len(reply) or handler.done:
                self._end_reply(fd, reply, sent)

    def answer(self, fd: int) -> bool:
        """Read from one connection and reply. Returns whether there may be more to read.

        The steps are those of ``serve_ready``. They are written twice because a shared method would be the call that
        ``serve_ready`` avoids for each descriptor.
        """
        conn, handler = self.connections[fd]
        try:
            data = conn.recv(RECV_BYTES)
        except BlockingIOError:
            return False
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
        if sent != len(reply) or handler.done:
            self._end_reply(fd, reply, sent)
            return False
        return len(data) == RECV_BYTES

    def _end_reply(self, fd: int, reply: bytes, sent: int) -> None:
        """Keep the unsent rest of a reply, or close the connection after its last one."""
        if sent < len(reply):
            self.flushing[fd] = memoryview(reply)[sent:]
            self.watch_writable(fd)
        else:
            self.close_connection(fd)

    def flush(self, fd: int) -> None:
        """Send more of a reply that did not fit into the send buffer."""
        conn = self.connections[fd][0]
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
        else:
            self.end_flush(fd)

    def end_flush(self, fd: int) -> None:
        """Close the connection after its last reply, or else read it again."""
        if self.connections[fd][1].done:
            self.close_connection(fd)
        else:
            self.watch_readable(fd)
            del self.flushing[fd]

    def close_connection(self, fd: int) -> None:
        """Close a connection, which makes room for another."""
        self.unregister(fd)
        self.flushing.pop(fd, None)
        self.connections.pop(fd)[0].close()
        self.resume_accepting()

    def retry_accepting(self) -> float | None:
        """Accept again if the pause after running out of descriptors is over.

        Returns the seconds that remain, or None if there is nothing to wait for.
        """
        if self.accepting or not self.acceptor.out_of_fds:
            return None
        remaining_s = self.acceptor.retry_at_s - time.monotonic()
        if remaining_s > 0:
            return remaining_s
        self.resume_accepting()
        return None
