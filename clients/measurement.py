"""What one load measured, and the sum of all loads of a generator."""

from dataclasses import dataclass, field

import numpy as np

from clients.engine.histogram_slots import SLOTS, Counts
from clients.engine.thread_state import ERRORS, HISTOGRAMS, TALLY


@dataclass(frozen=True, slots=True)
class Slice:
    """What one stretch of load brought, all threads together. Histograms have the shape (SLOTS,)."""

    start_s: float  # CLOCK_MONOTONIC when the window began
    duration_s: float  # of the window
    tally: dict[str, int]
    headline: Counts  # shape (parts, SLOTS): latency in an open loop, else service time
    missed: Counts  # shape (parts,): requests that began in each and are not in its headline: they took for ever
    histograms: dict[str, Counts]  # see clients.engine.thread_state.HISTOGRAMS; those that did not occur are missing
    bins: Counts  # shape (BINS, 2): sum of the headline in ns, and requests, in each short stretch of the window
    bin_s: float
    elapsed_s: float  # from the first request to the last reply; of those that never came the wait is left out
    cpu_s: float  # of all threads, polls that brought nothing left out
    cpu_share: float  # of the elapsed time, in the busiest thread
    stolen_s: float  # time in which a thread could not run, though it wanted to
    involuntary_switches: int
    major_faults: int


@dataclass(slots=True)
class Totals:
    """All slices so far, added up."""

    duration_s: float = 0.0
    elapsed_s: float = 0.0
    cpu_share_s: float = 0.0
    stolen_s: float = 0.0
    involuntary_switches: int = 0
    major_faults: int = 0
    gc_runs: int = 0
    tally: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TALLY, 0))
    headline: Counts = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    histograms: dict[str, Counts] = field(
        default_factory=lambda: {name: np.zeros(SLOTS, np.int64) for name in HISTOGRAMS}
    )

    def add(self, slice_: Slice, sign: int = 1) -> None:
        """Add a slice; with the sign -1 take it away again."""
        self.duration_s += sign * slice_.duration_s
        self.elapsed_s += sign * slice_.elapsed_s
        self.cpu_share_s += sign * slice_.cpu_share * slice_.elapsed_s
        self.stolen_s += sign * slice_.stolen_s
        self.involuntary_switches += sign * slice_.involuntary_switches
        self.major_faults += sign * slice_.major_faults
        for kind, count in slice_.tally.items():
            self.tally[kind] += sign * count
        self.headline += sign * slice_.headline.sum(axis=0)
        for name, counts in slice_.histograms.items():
            self.histograms[name] += sign * counts


def lost_of(tally: dict[str, int]) -> int:
    """Requests that never got their reply: given up and not answered late, or broken with their connection."""
    return tally["timed_out"] - tally["late"] + tally["broken"]


def errors_of(tally: dict[str, int]) -> dict[str, int]:
    """Return the errors that occurred, by kind."""
    return {kind: tally[kind] for kind in ERRORS if tally[kind]}
