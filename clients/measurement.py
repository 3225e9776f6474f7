"""The measurement of one load, and the sum of several loads."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from clients.engine.counters import COUNTERS, ERRORS
from clients.engine.credit import WHOLE_CREDIT
from clients.engine.histogram_slots import SLOTS, Counts
from clients.engine.thread_state import HISTOGRAMS
from clients.thread_usage import ThreadUsage

COUNTER_NAMES = tuple(COUNTERS.names or ())
HISTOGRAM_NAMES = tuple(HISTOGRAMS.names or ())


@dataclass(frozen=True, slots=True)
class LoadCounts:
    """Everything counted in one load, all threads together."""

    tally: dict[str, int]  # by the names of COUNTERS
    primary: Counts  # shape (parts, SLOTS): latency in an open loop, else service time
    never_answered: Counts  # shape (parts,): requests that began in each part and are not in ``primary``
    histograms: dict[str, Counts]  # by the names of HISTOGRAMS, shape (SLOTS,); only those that the loop fills
    bins: Counts  # shape (BINS, 2): sum of the primary latency in ns, and requests, in each short stretch of the window
    bin_s: float
    part_s: float = 0.0  # length of a part; the last one may be shorter


@dataclass(frozen=True, slots=True)
class Slice:
    """One load: when it was, what it counted and what it cost the generator."""

    start_s: float  # CLOCK_MONOTONIC when the window began
    duration_s: float  # of the window
    counts: LoadCounts
    usage: ThreadUsage


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum of several slices."""

    slices: int = 0
    duration_s: float = 0.0
    elapsed_s: float = 0.0
    busiest_cpu_s: float = 0.0  # CPU time of the busiest thread of each slice
    run_delay_s: float = 0.0
    involuntary_switches: int = 0
    major_faults: int = 0
    gc_runs: int = 0
    tally: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTER_NAMES, 0))
    primary: Counts = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    histograms: dict[str, Counts] = field(
        default_factory=lambda: {name: np.zeros(SLOTS, np.int64) for name in HISTOGRAM_NAMES}
    )

    def plus(self, slice_: Slice) -> Self:
        """Return the totals with another slice added."""
        counts, usage = slice_.counts, slice_.usage
        return type(self)(
            slices=self.slices + 1,
            duration_s=self.duration_s + slice_.duration_s,
            elapsed_s=self.elapsed_s + usage.elapsed_s,
            busiest_cpu_s=self.busiest_cpu_s + usage.busiest_cpu_share * usage.elapsed_s,
            run_delay_s=self.run_delay_s + usage.run_delay_s,
            involuntary_switches=self.involuntary_switches + usage.involuntary_switches,
            major_faults=self.major_faults + usage.major_faults,
            gc_runs=self.gc_runs + usage.gc_runs,
            tally={name: count + counts.tally[name] for name, count in self.tally.items()},
            primary=self.primary + counts.primary.sum(axis=0),
            histograms={
                name: total + counts.histograms[name] if name in counts.histograms else total
                for name, total in self.histograms.items()
            },
        )


def credited_replies(tally: dict[str, int]) -> float:
    """Return the number of correct replies, each counted by its share inside the window."""
    return tally["credit"] / WHOLE_CREDIT


def replies_per_s(tally: dict[str, int], duration_s: float) -> float | None:
    """Return the rate of correct replies; None for an empty window."""
    return credited_replies(tally) / duration_s if duration_s > 0 else None


def lost_of(tally: dict[str, int]) -> int:
    """Return the number of requests that never got their reply.

    They were given up and not answered late, or broken.
    """
    return tally["timed_out"] - tally["late"] + tally["broken"]


def errors_of(tally: dict[str, int]) -> dict[str, int]:
    """Return the errors that occurred, by kind."""
    return {kind: tally[kind] for kind in ERRORS if tally[kind]}
