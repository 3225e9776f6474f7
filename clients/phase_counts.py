"""The phases of a load as Python sets them, and what was counted in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clients.engine.buffers import Buffers
from clients.engine.counters import PHASE_REQUESTS
from clients.engine.credit import WHOLE_CREDIT
from clients.engine.histogram_slots import Counts
from clients.engine.raw_memory import Array
from clients.engine.thread_state import BINS
from clients.histogram import add_up
from clients.load_spec import LoadSpec, Phase
from clients.measurement import COUNTER_NAMES, HISTOGRAM_NAMES, LoadCounts, Slice
from clients.thread_usage import ThreadUsage

_MIN_GOODPUT_BIN_NS = 10_000_000


@dataclass(frozen=True, slots=True)
class PhaseSlice:
    """One phase of a load: its own specification, and what was counted."""

    phase: Phase
    spec: LoadSpec  # as if the phase were a load of its own
    slice_: Slice


@dataclass(frozen=True, slots=True)
class Goodput:
    """The ok replies of a load with phases, in short bins by when they arrived, and the requests that failed."""

    bin_s: float
    bins: Counts  # shape (n, 3): sum of latencies in ns, from the intended time in an open loop; replies; failures

    def to_document(self) -> dict[str, Any]:
        """Return the bins as plain values for JSON.

        ``failed`` has the requests that were given up, late, corrupt, or broken with their connection, by when they
        ended.
        """
        return {
            "bin_s": self.bin_s,
            "replies": [int(count) for _, count, _ in self.bins],
            "latency_us": [float(sum_ns / count / 1e3) if count else None for sum_ns, count, _ in self.bins],
            "failed": [int(count) for _, _, count in self.bins],
        }


def set_phases(buffers: Buffers, spec: LoadSpec, window_ns: int, gap_ns: Callable[[float], float]) -> None:
    """Set the phases of one thread, and clear their counts. gap_ns: of a rate."""
    buffers.phases.fill(np.zeros((), buffers.phases.dtype))
    buffers.goodput.fill(0)
    end_ns = window_ns
    first = spec.phases[0]
    for row, phase, seconds in zip(
        buffers.phases, [first, *spec.phases], [0.0, *(phase.seconds for phase in spec.phases)], strict=False
    ):
        end_ns += round(seconds * 1e9)
        row["end_ns"] = end_ns
        row["active"] = phase.active
        row["gap_ns"] = gap_ns(phase.rate_rps) if phase.active else 0.0
    buffers.schedule["goodput_bin_ns"] = max(_MIN_GOODPUT_BIN_NS, (end_ns - window_ns) // BINS + 1)


def collect_phases(
    buffers: Sequence[Buffers], spec: LoadSpec, window_ns: int, end_ns: int, usage: ThreadUsage
) -> list[PhaseSlice]:
    """Return what was counted in each phase. A load that was stopped has shorter phases, and empty ones."""
    begin_ns, found = window_ns, []
    for number, phase in enumerate(spec.phases, 1):
        phase_end_ns = min(end_ns, int(buffers[0].phases[number]["end_ns"]))
        slice_ = Slice(
            start_s=begin_ns / 1e9,
            duration_s=max(0, phase_end_ns - begin_ns) / 1e9,
            counts=_collect_phase(buffers, spec, number),
            usage=usage,
        )
        found.append(PhaseSlice(phase, phase_spec(spec, phase), slice_))
        begin_ns = phase_end_ns
    return found


def phase_spec(spec: LoadSpec, phase: Phase) -> LoadSpec:
    """Return the specification of one phase of a load, as if it were a load of its own."""
    rate_rps = phase.rate_rps if phase.active else 0.0
    return replace(spec, phases=(), rate_rps=rate_rps, parts=1, part_s=0.0, raw_rows=0)


def _collect_phase(buffers: Sequence[Buffers], spec: LoadSpec, number: int) -> LoadCounts:
    rows = [thread.phases[number] for thread in buffers]
    begun = {name: int(sum(row[name] for row in rows)) for name in PHASE_REQUESTS}
    at_ends = [(thread.phases[number]["at_end"], thread.phases[number - 1]["at_end"]) for thread in buffers]
    tally = {name: int(sum(end[name] - begin[name] for end, begin in at_ends)) for name in COUNTER_NAMES}
    tally |= begun | {"timed_out": begun["lost"] + begun["late"], "broken": 0}
    del tally["lost"]
    # Replies inside the phase, whole: a phase is long against a request. Little's law is checked for the whole load.
    tally |= {"credit": tally["replies"] * WHOLE_CREDIT, "flights_ns": 0}
    primary = _sum_of(rows, "primary")
    names = HISTOGRAM_NAMES if spec.open_loop else ("connect",)
    return LoadCounts(
        tally=tally,
        primary=primary.reshape(1, -1),
        never_answered=np.array([tally["counted"] - int(primary.sum())]),
        histograms={name: _sum_of(rows, name) for name in names},
        bins=np.zeros((BINS, 2), np.int64),
        bin_s=0.0,
    )


def _sum_of(rows: Sequence[Array], name: str) -> Counts:
    return add_up([row[name] for row in rows])


def goodput(buffers: Sequence[Buffers], duration_s: float) -> Goodput:
    """Return the bins of the last load. duration_s: of its window."""
    bin_s = int(buffers[0].schedule["goodput_bin_ns"]) / 1e9
    return Goodput(bin_s, add_up([thread.goodput for thread in buffers])[: round(np.ceil(duration_s / bin_s))])
