"""Conversations in ``work`` on asyncio's protocol classes. The model gives the coroutine that waits and computes."""

from __future__ import annotations

import asyncio

from servers import sockets
from servers.work.conversation import Conversation
from servers.work.datagrams import DatagramBudget
from servers.work.protocol import parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from servers.work.coroutines import Handle
    from servers.work.protocol import Request


class WorkClient(asyncio.BaseProtocol):
    """One connection. A task answers its requests; when the connection is lost, the task is cancelled.

    ``handle``: a coroutine function that waits and computes as the model does.
    """

    transport: asyncio.Transport

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._conversation = Conversation()
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None  # while the client does not read its replies
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def receive(self, data: bytes) -> None:
        """Take in what has arrived, and answer it unless an earlier request is in progress."""
        self._conversation.receive(data)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._answer())
        self._read_or_pause()

    def eof_received(self) -> bool:
        """Keep the connection open until the last reply is sent."""
        self.receive(b"")
        return True

    async def _answer(self) -> None:
        try:
            while True:
                request = self._conversation.next_request()
                if request is None:
                    break
                self._read_or_pause()
                await self._handle(request)
                self.transport.write(request.reply)
                if self._writable is not None:
                    await self._writable
        except BaseException:  # the connection is lost, or the handler failed, which asyncio reports
            self.transport.abort()
            raise
        self._task = None
        if self._conversation.done:
            self.transport.close()

    def _read_or_pause(self) -> None:
        if self._conversation.wants_data != self._reading and not self._conversation.ended:
            self._reading = not self._reading
            (self.transport.resume_reading if self._reading else self.transport.pause_reading)()

    def pause_writing(self) -> None:
        """Answer no further request while the client does not read: its replies would accumulate."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Answer again: the client has read its replies."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def connection_lost(self, _: Exception | None) -> None:
        """Cancel the request in progress."""
        if self._task is not None:
            self._task.cancel()


class WorkClientProtocol(WorkClient, asyncio.Protocol):
    """One connection, for ``asyncio.Protocol``."""

    def data_received(self, data: bytes) -> None:
        """Take in what has arrived."""
        self.receive(data)


class WorkPeersProtocol(asyncio.DatagramProtocol):
    """All peers of the socket, with a task for each datagram."""

    transport: asyncio.DatagramTransport

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._blocked = False
        self._budget = DatagramBudget()
        self._tasks: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to tasks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # it has the same methods, but is not a subclass

    def datagram_received(self, datagram: bytes, peer: Any) -> None:
        """Start to answer, if the datagram is a request."""
        request = parse_datagram(datagram)
        if request is not None and self._budget.take(request):
            task = asyncio.get_running_loop().create_task(self._answer(request, peer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request, peer: Any) -> None:
        await self._handle(request)
        self._budget.give_back(request)
        if self._blocked:
            sockets.unsent_replies.add()
        else:
            self.transport.sendto(request.reply, peer)

    def pause_writing(self) -> None:
        """Drop replies while the send buffer is full.

        asyncio would queue them without limit.
        """
        self._blocked = True

    def resume_writing(self) -> None:
        """Send replies again."""
        self._blocked = False

    def error_received(self, _: Exception) -> None:
        """Count a reply that could not be sent."""
        sockets.unsent_replies.add()
