"""The connections of a single-threaded server whose requests wait: those of ``servers.connection_set``, with timers."""

from __future__ import annotations

from servers.connection_set import RECV_BYTES, ConnectionSet
from servers.work.conversation import Conversation
from servers.work.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable
    from typing import Any

    from servers.work.protocol import Request


class WorkConnections(ConnectionSet):
    """The open connections, each with at most one request in progress.

    A connection is read while its request waits, so a client that has left is noticed. It is not read while replies
    wait to be sent, while many requests wait for their turn, or after the client has closed its side.

    A model derives a class from this one and from its own connections, which ask the kernel. Its loop
    calls ``serve_due`` and sleeps no longer than ``timeout_s``.
    """

    connections: dict[int, tuple[socket.socket, Conversation]]  # type: ignore[assignment]  # in place of a handler

    def __init__(self, listener: socket.socket, *poller: Any) -> None:
        super().__init__(listener, Conversation, *poller)  # type: ignore[arg-type]  # in place of a handler
        self.timers = Timers()
        self.waiting: dict[int, Any] = {}  # the timer of the request in progress
        self.unwatched: set[int] = set()  # neither read nor flushing

    def timeout_s(self) -> float | None:
        """Return how long the loop may sleep; None if nothing but the clients can wake it."""
        timeouts_s = (self.timers.timeout_s(), self.retry_accepting() if self.acceptor.out_of_fds else None)
        return min((timeout_s for timeout_s in timeouts_s if timeout_s is not None), default=None)

    def serve_ready(self, ready_fds: Iterable[int]) -> None:
        """Accept, flush or answer: whatever each ready descriptor waits for."""
        for fd in ready_fds:
            if fd == self.listener_fd:
                self.accept_one()
            elif fd in self.flushing:
                self.flush(fd)
            else:
                self.answer(fd)

    def serve_due(self) -> None:
        """Answer the requests whose wait is over."""
        for fd, request in self.timers.pop_due():
            self.end_wait(fd, request)

    def answer(self, fd: int) -> bool:
        """Read from one connection, and answer unless a request waits. Returns whether there may be more to read."""
        conn, conversation = self.connections[fd]
        try:
            data = conn.recv(RECV_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            self.close_connection(fd)
            return False
        conversation.receive(data)
        if fd not in self.waiting:
            self.proceed(fd)
        elif not conversation.wants_data:
            self._stop_reading(fd)
        return len(data) == RECV_BYTES and fd in self.connections and fd not in self.unwatched

    def proceed(self, fd: int) -> None:
        """Answer requests until one waits, a reply does not fit into the send buffer, or none is left."""
        conn, conversation = self.connections[fd]
        while True:
            request = conversation.next_request()
            if request is None:
                break
            if request.wait_s:
                self.waiting[fd] = self.start_timer(request.wait_s, fd, request)
                break
            if not self._reply(fd, conn, request):
                return
        if fd not in self.waiting and conversation.done:
            self.close_connection(fd)
        elif not conversation.wants_data:
            self._stop_reading(fd)
        elif fd in self.unwatched:
            self.unwatched.remove(fd)
            self.watch_readable(fd)

    def start_timer(self, delay_s: float, fd: int, request: Request) -> Any:
        """Start the timer after which ``end_wait`` is called. Returns what ``cancel_timer`` needs."""
        return self.timers.add(delay_s, (fd, request))

    def cancel_timer(self, timer: Any) -> None:
        """Cancel a timer whose client has left."""
        self.timers.cancel(timer)

    def end_wait(self, fd: int, request: Request) -> None:
        """Compute and reply, then answer the next request of the connection."""
        del self.waiting[fd]
        if self._reply(fd, self.connections[fd][0], request):
            self.proceed(fd)

    def _reply(self, fd: int, conn: socket.socket, request: Request) -> bool:
        """Compute and send the reply. Returns False if the rest has to be flushed, or if the connection broke."""
        request.compute()
        reply = request.reply
        try:
            sent = conn.send(reply)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close_connection(fd)
            return False
        if sent == len(reply):
            return True
        if fd in self.unwatched:
            self.unwatched.remove(fd)
            self.watch_readable(fd)
        self.flushing[fd] = memoryview(reply)[sent:]
        self.watch_writable(fd)
        return False

    def end_flush(self, fd: int) -> None:
        """Read the connection again, and answer its next request."""
        self.watch_readable(fd)
        del self.flushing[fd]
        self.proceed(fd)

    def close_connection(self, fd: int) -> None:
        """Close a connection, and cancel the wait of its request."""
        timer = self.waiting.pop(fd, None)
        if timer is not None:
            self.cancel_timer(timer)
        if fd in self.unwatched:
            self.unwatched.remove(fd)
        else:
            self.unregister(fd)
        self.flushing.pop(fd, None)
        self.connections.pop(fd)[0].close()
        self.resume_accepting()

    def _stop_reading(self, fd: int) -> None:
        if fd not in self.unwatched:
            self.unregister(fd)
            self.unwatched.add(fd)
