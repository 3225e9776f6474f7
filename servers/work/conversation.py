"""The requests of one TCP connection, for models whose loop reads while a request waits."""

from __future__ import annotations

from collections import deque

from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from servers.work.protocol import Request

# Requests that wait for their turn, in bytes; with more, the connection is not read. Together with one read and one
# incomplete frame it bounds what a client can make the server keep.
MAX_QUEUED_BYTES = 65_536


class Conversation:
    """The requests that a client has sent and that are not answered yet. One request is in progress at a time.

    So pipelined requests are answered in their order, and a client gains no waits at once by sending them together: it
    is served as by a thread of its own.
    """

    __slots__ = ("_queue", "_queued_bytes", "_stream")

    def __init__(self) -> None:
        self._stream = RequestStream()
        self._queue: deque[Request] = deque()
        self._queued_bytes = 0

    def receive(self, data: bytes) -> None:
        """Take in what has arrived. ``b""`` is the end of the stream."""
        for request in self._stream.feed(data):
            self._queue.append(request)
            self._queued_bytes += len(request.reply)

    def next_request(self) -> Request | None:
        """Return the request whose turn it is; None if there is none."""
        if not self._queue:
            return None
        request = self._queue.popleft()
        self._queued_bytes -= len(request.reply)
        return request

    @property
    def wants_data(self) -> bool:
        """Return whether to read more: the stream has not ended, and few requests wait for their turn."""
        return self._queued_bytes < MAX_QUEUED_BYTES and not self._stream.done

    @property
    def ended(self) -> bool:
        """Return whether no further request follows, so that nothing is to be read any more."""
        return self._stream.done

    @property
    def done(self) -> bool:
        """Return whether the last request has been taken. After its reply, the connection is closed."""
        return self._stream.done and not self._queue
