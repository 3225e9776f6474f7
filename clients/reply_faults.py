"""Describe what is wrong with a reply, from what was seen and from two trials with the same connection."""

import contextlib
import math
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass

from clients.exchange import SURPLUS_BYTES, Answer, End, read_more
from clients.load_spec import LoadSpec
from clients.work_frames import error_reason

_MAX_TRIAL_S = 1.0  # for a server that may react to something else
_MAX_LATE_S = 4.0  # beyond the timeout, for a server that answers, but slowly
_LATE_TIMEOUTS = 4
_SHOWN_LETTERS = 30


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the only correct reply."""

    request: bytes
    expected: bytes


def describe_fault(answer: Answer, exchange: Exchange, before: Sequence[Exchange]) -> str:
    """Return what the server did instead of answering correctly, or "" for a correct reply.

    The text follows the server's address. before: the exchanges of this connection so far. Silence is another case:
    see ``describe_silence``.
    """
    data, expected = answer.data, exchange.expected
    if data == expected and answer.end == End.REPLIED:
        return ""
    if answer.end in (End.CLOSED, End.RESET):
        return describe_close(answer, exchange, len(before))
    if data.startswith(expected):
        return describe_surplus(data[len(expected) :], exchange)
    if before and data.startswith(before[-1].expected):
        return describe_surplus(data, before[-1])
    if data == exchange.request:  # the reply of an echo server to hola
        return (
            f"answered {shorten(data)} to {shorten(exchange.request)}; expected {shorten(expected)}; the server seems "
            "to echo: --protocol echo leaves hola out"
        )
    if reason := error_reason(data):
        return f"refused {shorten(exchange.request)}: {reason}"
    due = "the same bytes" if expected == exchange.request else shorten(expected)
    where = _first_difference(data, expected) if len(data) > _SHOWN_LETTERS else ""
    return f"answered {shorten(data)} to {shorten(exchange.request)}; expected {due}{where}"


def describe_surplus(data: bytes, exchange: Exchange) -> str:
    """Return what the server sent after its complete reply to a request."""
    if is_copy(data, exchange.expected):
        return f"answered {shorten(exchange.request)} twice; expected one reply"
    return f"sent {shorten(data)} after its reply to {shorten(exchange.request)}; expected nothing more"


def is_copy(data: bytes, reply: bytes) -> bool:
    """Return whether surplus bytes are a second reply. Of a long one only the beginning was read."""
    return data.startswith(reply) or (len(data) >= SURPLUS_BYTES and reply.startswith(data))


def describe_silence(sock: socket.socket, spec: LoadSpec, answer: Answer, exchange: Exchange, waited_s: float) -> str:
    """Return what a silent server may be waiting for.

    Over TCP it gets more time first: a slow server would otherwise seem to answer the trials. Two trials follow: a line
    end, and the end of the client's stream. The connection cannot be used afterwards. waited_s: how long the server was
    given.
    """
    silent = f"did not answer {spec.protocol} within {waited_s:g} s"
    if answer.data:
        silent += f" ({len(answer.data)} of {len(exchange.expected)} bytes)"
    if answer.end == End.UNREAD:
        return f"{silent}; it does not read the whole message"
    if spec.transport == "udp":
        return f"{silent}; it may wait for something that {spec.protocol} messages do not contain, e.g. a line end"
    if late := _describe_late(sock, spec, answer, exchange, waited_s):
        return late
    trial_s = min(spec.timeout_s, _MAX_TRIAL_S)
    with contextlib.suppress(OSError):
        sock.sendall(b"\n")
        if read_more(sock, trial_s).data:
            return f"{silent}, but after a line end, which {spec.protocol} messages do not have"
        sock.shutdown(socket.SHUT_WR)
        if read_more(sock, trial_s).data:
            return f"{silent}, but after the client closed its side: it reads to the end of the connection"
    return f"{silent}; the server may wait for a line end, and {spec.protocol} messages have none"


def _describe_late(sock: socket.socket, spec: LoadSpec, answer: Answer, exchange: Exchange, waited_s: float) -> str:
    """Return that the reply comes after the timeout, and how late; "" if it does not come.

    answer: what came before the timeout.
    """
    begin_s = time.monotonic()
    late = read_more(sock, min(_LATE_TIMEOUTS * spec.timeout_s, _MAX_LATE_S))
    rest = exchange.expected[len(answer.data) :]
    begins = bool(late.data) and not answer.data and rest.startswith(late.data)
    if not begins and late.data != rest:
        return ""
    after_s = waited_s + time.monotonic() - begin_s
    return (
        f"answered {spec.protocol} only after {after_s:.2g} s, but a request times out after {waited_s:g} s; give it "
        f"more time, e.g. --timeout {math.ceil(2 * after_s)}"
    )


def shorten(data: bytes) -> str:
    """Return bytes as Python writes them, cut if that is long: a terminal shows the beginning of a message only."""
    if len(repr(data)) <= _SHOWN_LETTERS:
        return repr(data)
    shown = 1
    while len(repr(data[: shown + 1])) <= _SHOWN_LETTERS:
        shown += 1
    return f"{data[:shown]!r}... ({len(data)} bytes)"


def describe_close(answer: Answer, exchange: Exchange | None, replies_before: int) -> str:
    """Return how a connection ended before the reply was complete. exchange: None if it ended between two requests."""
    ended = "closed the connection" if answer.end == End.CLOSED else "reset the connection"
    if exchange and answer.data:
        return (
            f"{ended} inside its reply to {shorten(exchange.request)}, after {len(answer.data)} of "
            f"{len(exchange.expected)} bytes: {shorten(answer.data)}"
        )
    if replies_before:
        replies = "1 reply" if replies_before == 1 else f"{replies_before} replies"
        load = f"lifecycle session, requests_per_session {replies_before}"
        return f"{ended} after {replies}; a load that asks no more can measure it ({load})"
    return f"{ended} without a reply{f' to {shorten(exchange.request)}' if exchange else ''}"


def _first_difference(data: bytes, expected: bytes) -> str:
    """Return where a long reply differs."""
    for position, (got, due) in enumerate(zip(data, expected, strict=False)):
        if got != due:
            return f"; the first difference is at byte {position}"
    return ""
