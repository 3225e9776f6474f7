"""The moment at which a server has accepted the connections that were opened to it."""

import time
from collections.abc import Callable
from typing import Protocol

from bench.machine.process_usage import Usage

_WORKING_S = 2.0  # after the listen queue is empty
# A queue holds 1,024 connections, and ``poll`` takes milliseconds to accept one beside 10,000 others.
_QUEUE_S = 10.0
_STANDSTILL_S = 0.5  # a server that takes no connection for this long takes no more
_POLL_S = 0.005


class _Tree(Protocol):
    def settled_usage(self) -> Usage:
        """Return the usage of a server once it does nothing for a moment."""


def usage_once_accepted(tree: _Tree, pending: Callable[[], int | None]) -> Usage:
    """Return the usage of a server once its listen queue is empty and it does nothing more, or after some seconds.

    A client is connected before its server has accepted it. With 3,000 clients, ``poll`` spent a second on that. A
    server that waits for the CPU seems idle, so the CPU time alone does not show that it has accepted all. What it
    spends later would count for the first slice, which would have more CPU time than it lasts.

    pending: returns how many connections the queue holds; None if that is unknown.
    """
    _await_empty_queue(pending)
    deadline_s = time.monotonic() + _WORKING_S
    usage = tree.settled_usage()
    while time.monotonic() < deadline_s:
        before, usage = usage, tree.settled_usage()
        if not usage.cpu_ns > before.cpu_ns:  # or both are unknown
            break
    return usage


def _await_empty_queue(pending: Callable[[], int | None]) -> None:
    """Wait while the queue gets shorter."""
    fewest = pending() or 0
    begin_s = shorter_s = time.monotonic()
    while fewest and (now_s := time.monotonic()) - begin_s < _QUEUE_S and now_s - shorter_s < _STANDSTILL_S:
        time.sleep(_POLL_S)
        count = pending() or 0
        if count < fewest:
            fewest, shorter_s = count, time.monotonic()
