"""Conversations in ``work`` that block a thread, a process or a greenlet while they wait."""

from __future__ import annotations

import time

from servers.work.protocol import parse_datagram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from servers.work.protocol import Request, RequestStream

    Sleep = Callable[[float], object]

RECV_BYTES = 65_536


def wait_and_compute(request: Request, sleep: Sleep = time.sleep) -> None:
    """Do what a request asks for, before its reply is sent."""
    if request.wait_s:
        sleep(request.wait_s)
    request.compute()


def serve_work(conn: socket.socket, stream: RequestStream, sleep: Sleep = time.sleep) -> None:
    """Serve one client until the conversation ends or the connection breaks, and close the connection.

    One request is in progress at a time, and the others of the same read wait for their turn. So a client that does not
    read its replies costs one read and one incomplete frame. A client that leaves during a wait is noticed afterwards.
    """
    recv, sendall, feed = conn.recv, conn.sendall, stream.feed
    try:
        while not stream.done:
            for request in feed(recv(RECV_BYTES)):
                wait_and_compute(request, sleep)
                sendall(request.reply)
    except OSError:
        pass  # the client reset the connection
    finally:
        conn.close()


class BlockingDatagrams:
    """Answers datagrams as a handler of ``servers.protocols`` does, but blocks while the request waits."""

    __slots__ = ("_sleep",)
    done = False

    def __init__(self, sleep: Sleep = time.sleep) -> None:
        self._sleep = sleep

    def feed(self, datagram: bytes) -> bytes | None:
        """Return the reply to one datagram after the time that it asks for; None if it is malformed."""
        request = parse_datagram(datagram)
        if request is None:
            return None
        wait_and_compute(request, self._sleep)
        return request.reply
