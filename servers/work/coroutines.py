"""Conversations in ``work`` for coroutines: one request of a connection after the other."""

from __future__ import annotations

from servers.work.protocol import RequestStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from servers.work.protocol import Request

    Handle = Callable[[Request], Awaitable[object]]

RECV_BYTES = 65_536


async def converse(
    receive: Callable[[int], Awaitable[bytes]], send: Callable[[bytes], Awaitable[object]], handle: Handle
) -> None:
    """Serve one client until the conversation ends. Errors of the connection propagate.

    One request is in progress at a time, and the others of the same read wait for their turn.

    receive: reads at most this number of bytes; ``b""`` is the end of the stream. send: sends all bytes. handle: waits
    and computes as the model does.
    """
    stream = RequestStream()
    while not stream.done:
        for request in stream.feed(await receive(RECV_BYTES)):
            await handle(request)
            await send(request.reply)
