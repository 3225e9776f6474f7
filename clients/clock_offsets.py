"""The clock of another machine, for loads that begin together on several.

A question and its answer bound the offset: the other clock was read between the two. So the offset is known to half of
the round trip. Source: Cristian (1989). No time of one machine is ever subtracted from a time of another to get a
figure: the offset only places the start of a load, and its bound is reported.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

_DRIFT_SHARE = 100e-6  # a quartz drifts by less than 50 ppm, and two may drift apart
_STALE_NS = 250_000_000  # until then the drift is below 25 us, less than a round trip of most networks
_KEPT_S = 30.0  # for an older reading the drift is wider than the next round trip


@dataclass(frozen=True, slots=True)
class OffsetReading:
    """One reading of the other clock: it was ``offset_ns`` ahead of this machine's clock, give or take the bound."""

    offset_ns: int
    bound_ns: int
    read_at_ns: int  # of this machine's clock

    def bound_at(self, now_ns: int) -> int:
        """Return the bound later on: the clocks may have drifted apart."""
        return self.bound_ns + round(_DRIFT_SHARE * max(0, now_ns - self.read_at_ns))


def read_offset(ask: Callable[[], int], now_ns: Callable[[], int] = time.monotonic_ns) -> OffsetReading:
    """Ask for the other clock once. ask: returns its time in nanoseconds."""
    before_ns = now_ns()
    theirs_ns = ask()
    after_ns = now_ns()
    half_ns = (after_ns - before_ns) // 2
    return OffsetReading(theirs_ns - before_ns - half_ns, half_ns + 1, after_ns)


@dataclass(slots=True)
class ClockOffset:
    """The readings of one other clock."""

    _readings: list[OffsetReading] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """True if there is a reading."""
        return bool(self._readings)

    def is_stale(self, now_ns: int) -> bool:
        """Return whether the clocks may have drifted apart noticeably since the last reading."""
        return now_ns - self._readings[-1].read_at_ns > _STALE_NS

    def add(self, reading: OffsetReading) -> None:
        """Keep a reading, and drop those that are too old to matter."""
        self._readings = [each for each in self._readings if reading.read_at_ns - each.read_at_ns < _KEPT_S * 1e9]
        self._readings.append(reading)

    def best(self, now_ns: int) -> tuple[int, int]:
        """Return the offset and its bound at a time, from the reading that bounds it best. At least one is needed."""
        best = min(self._readings, key=lambda each: each.bound_at(now_ns))
        return best.offset_ns, best.bound_at(now_ns)
