"""Timers of a loop that waits in select, poll or epoll: a heap, whose first entry is the next wake-up."""

from __future__ import annotations

import heapq
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MIN_CANCELLED = 100  # cancelled timers that the heap may hold before it is rebuilt


class Timer:
    """One timer with its item, e.g. the request that waits. The item is None once the timer has been cancelled."""

    __slots__ = ("item",)

    def __init__(self, item: Any) -> None:
        self.item = item


class Timers:
    """Timers by the time at which they are due, on the monotonic clock. None is due early.

    A cancelled timer lets go of its item at once. It leaves the heap when it is due, or when most of the heap consists
    of such timers.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = 0  # of all timers so far, which keeps those in order that are due together
        self._cancelled = 0  # in the heap

    def __len__(self) -> int:
        """Return how many timers are not due yet."""
        return len(self._heap) - self._cancelled

    def add(self, delay_s: float, item: Any) -> Timer:
        """Start a timer."""
        self._count += 1
        timer = Timer(item)
        heapq.heappush(self._heap, (time.monotonic() + delay_s, self._count, timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Cancel a timer that ``pop_due`` has not returned."""
        timer.item = None
        self._cancelled += 1
        if self._cancelled > max(MIN_CANCELLED, len(self._heap) // 2):
            self._heap = [entry for entry in self._heap if entry[2].item is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def timeout_s(self) -> float | None:
        """Return how long the loop may sleep: 0 if a timer is due, None if there is none."""
        if not self._heap:
            return None
        return max(0.0, self._heap[0][0] - time.monotonic())

    def pop_due(self) -> list[Any]:
        """Remove the timers that are due now, and return their items in the order of their times."""
        items = []
        now_s = time.monotonic()
        while self._heap and self._heap[0][0] <= now_s:
            item = heapq.heappop(self._heap)[2].item
            if item is None:
                self._cancelled -= 1
            else:
                items.append(item)
        return items


def poll_timeout_ms(timeout_s: float | None) -> int:
    """Return a timeout for poll; None means that only a descriptor can wake it.

    It is rounded up: a loop that wakes up before its timer is due would spin.
    """
    return -1 if timeout_s is None else -int(-timeout_s * 1e3 // 1)


def epoll_timeout_s(timeout_s: float | None) -> float:
    """Return a timeout for epoll, which takes seconds and rounds up to the next ms itself."""
    return -1 if timeout_s is None else timeout_s
