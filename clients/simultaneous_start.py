"""When the loads of several generators begin, so that they load a server together. Pure but for the clock."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from clients.clock_offsets import ClockOffset, read_offset

_FIRST_READINGS = 15  # of a clock; the one with the shortest round trip decides
_LATER_READINGS = 2  # of a clock whose reading is stale: not in each slice, because they take a round trip each
_LEAD_NS = 1_000_000  # from the last command until the load begins, beside the longest round trip
_LATE_S = 100e-6  # by which a generator's thread begins late at most, usually


@dataclass(frozen=True, slots=True)
class CommonStart:
    """The start of one load, by the clock of each generator."""

    start_ns: dict[int, int]  # by the number of the generator
    bound_s: float  # two generators begin at most this far apart, because of what is unknown about their clocks
    margin_s: float  # before and after a window, in which nothing counts


class SimultaneousStart:
    """The clocks of some generators. ask_clock: returns the time of one of them, by its number."""

    def __init__(self, generators: int, ask_clock: Callable[[int], int]) -> None:
        self._clocks = [ClockOffset() for _ in range(generators)]
        self._ask_clock = ask_clock

    def plan(self, generators: Collection[int]) -> CommonStart:
        """Read the clocks of these generators where it is time to, and return when their next load begins."""
        for number in generators:
            clock = self._clocks[number]
            if clock.is_known and not clock.is_stale(time.monotonic_ns()):
                continue
            for _ in range(_LATER_READINGS if clock.is_known else _FIRST_READINGS):
                clock.add(read_offset(lambda number=number: self._ask_clock(number)))  # type: ignore[misc]
        now_ns = time.monotonic_ns()
        offsets = {number: self._clocks[number].best(now_ns) for number in generators}
        bounds_ns = sorted(bound_ns for _, bound_ns in offsets.values())
        apart_ns = sum(bounds_ns[-2:]) if len(bounds_ns) > 1 else 0
        # An answer took at most twice the bound of its reading, and so will the command.
        start_ns = now_ns + _LEAD_NS + 4 * bounds_ns[-1]
        return CommonStart(
            start_ns={number: start_ns + offset_ns for number, (offset_ns, _) in offsets.items()},
            bound_s=apart_ns / 1e9,
            margin_s=apart_ns / 1e9 + _LATE_S,
        )
