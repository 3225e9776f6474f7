"""The latencies of a load over its time: a coarse histogram for each window. Pure.

A request belongs to the window in which it was due in an open loop, and in which it was sent in a closed one. So a
server that stalls cannot hide the requests that waited meanwhile. ``holabench`` uses this module too, so it does not
import the compiled loop.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

MAX_WINDOWS = 100
BUCKET_BITS = 3  # four buckets in each power of two, 13 in a decade: HdrHistogram's layout, so that slots fit exactly
_NS_PER_S = 1e9


@dataclass(frozen=True, slots=True)
class LatencyWindow:
    """The requests that were due in one window."""

    start_s: float  # from the start of the load
    length_s: float
    counts: Mapping[int, int]  # replies by the longest latency of their bucket in ns, in ascending order
    never_answered: int  # unsent, given up, late, corrupt, or broken with their connection

    @property
    def requests(self) -> int:
        """Number of all requests that were due."""
        return sum(self.counts.values()) + self.never_answered

    def quantile_ns(self, quantile: float) -> float:
        """Return the upper end of the bucket with this rank among all requests; inf if it was never answered.

        nan for a window without requests. Source: nearest rank, Hyndman & Fan (1996) type 1.
        """
        rank = max(1, math.ceil(quantile * self.requests - 1e-9))
        seen = 0
        for upper_ns, count in self.counts.items():
            seen += count
            if seen >= rank:
                return float(upper_ns)
        return math.inf if self.requests else math.nan


def lower_ns(upper_ns: int) -> int:
    """Return the shortest latency of a bucket from its longest one."""
    shift = max(upper_ns.bit_length() - BUCKET_BITS, 0)
    return (upper_ns >> shift) << shift


def window_length_s(load_s: float) -> float:
    """Return the shortest of 1, 2 and 5 times a power of ten with at most MAX_WINDOWS windows in a load.

    Phases have round lengths, so such windows begin and end with them.
    """
    if load_s <= 0:
        return 0.0
    least_s = load_s / MAX_WINDOWS * (1 - 1e-9)  # 10 s have 100 windows, although 10 / 100 may exceed 0.1
    decade = math.floor(math.log10(least_s))
    choices = (float(f"{step}e{decade + further}") for further in (0, 1) for step in (1, 2, 5))
    return next(length_s for length_s in choices if length_s >= least_s)


def pool(loads: Iterable[Sequence[LatencyWindow]]) -> list[LatencyWindow]:
    """Return the windows of several repetitions of a load, added up by their start."""
    pooled: dict[float, LatencyWindow] = {}
    for window in (window for load in loads for window in load):
        so_far = pooled.get(window.start_s)
        pooled[window.start_s] = window if so_far is None else _sum_of(so_far, window)
    return [pooled[start_s] for start_s in sorted(pooled)]


def _sum_of(one: LatencyWindow, other: LatencyWindow) -> LatencyWindow:
    uppers_ns = sorted({*one.counts, *other.counts})
    counts = {upper_ns: one.counts.get(upper_ns, 0) + other.counts.get(upper_ns, 0) for upper_ns in uppers_ns}
    length_s = max(one.length_s, other.length_s)
    return LatencyWindow(one.start_s, length_s, counts, one.never_answered + other.never_answered)
