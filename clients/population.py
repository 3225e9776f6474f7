"""The connections of one load specification, on all threads of a generator, and everything counted of them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clients.engine.buffers import Buffers
from clients.engine.histogram_slots import Counts
from clients.engine.load_params import LoadParams
from clients.engine.raw_memory import Array
from clients.engine.records import RAW
from clients.engine.thread_state import BINS
from clients.histogram import add_up
from clients.load_spec import LoadSpec
from clients.measurement import COUNTER_NAMES, HISTOGRAM_NAMES, LoadCounts, Slice, Totals
from clients.phase_counts import PhaseSlice, collect_phases, set_phases
from clients.thread_usage import ThreadUsage

_MIN_BIN_NS = 50_000_000  # means of 50 ms are usual for warm-up rules


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """When a load begins, when its window begins and when both end: CLOCK_MONOTONIC in nanoseconds."""

    start_ns: int
    window_ns: int
    end_ns: int


class Population:
    """Clients that all do the same. ``buffers``: of each thread that has some of them, see ``clients.allocation``."""

    def __init__(self, spec: LoadSpec, params: LoadParams, buffers: Sequence[Buffers]) -> None:
        self.spec = spec
        self.params = params
        self.buffers = buffers
        self.last: Slice | None = None  # the last load
        self.phase_slices: list[PhaseSlice] = []  # of the last load
        self._kept = Totals()
        self._pending: Slice | None = None  # the last slice; discard_last() can still drop it
        self._before: Counts = self._counters()
        self._served_before: list[Array] = []  # replies of each thread's connections before the last load
        self._loads = 0

    @property
    def totals(self) -> Totals:
        """The sum of all counted loads so far."""
        return self._kept if self._pending is None else self._kept.plus(self._pending)

    def begin_opening(self) -> None:
        """Prepare to count what opening connections does."""
        self._before = self._counters()

    def end_opening(self) -> None:
        """Add what was counted since ``begin_opening``."""
        tally = self._tally_since_before()
        connect = add_up([buffers.histograms["connect"] for buffers in self.buffers])
        self._kept = replace(
            self._kept,
            tally={name: count + tally[name] for name, count in self._kept.tally.items()},
            histograms=self._kept.histograms | {"connect": self._kept.histograms["connect"] + connect},
        )

    def clear_histograms(self) -> None:
        """Clear what the last load counted. It takes milliseconds, so the load must not have begun."""
        for buffers in self.buffers:
            buffers.primary.fill(0)
            buffers.bins.fill(0)
            buffers.never_answered.fill(0)
            for name in self._used_histograms():
                buffers.histograms[name].fill(0)

    def begin_load(self, times: LoadTimes, seed: int | None, tail_ns: int = 0) -> None:
        """Set every thread's schedule. The histograms must be clear.

        seed: of arrivals and work; None: derived from the spec's seed, different for each load. tail_ns: see
        ``PopulationsGenerator.load``.
        """
        self._kept, self._pending = self.totals, None
        self._before = self._counters()
        self._served_before = [buffers.connections["served"].copy() for buffers in self.buffers]
        self._loads += 1
        entropy = [self.spec.seed, self._loads] if seed is None else [seed]
        seeds = np.random.SeedSequence([*entropy, *self._own_seed()])
        thread_seeds = seeds.generate_state(2 * len(self.buffers), np.uint64).view(np.int64).reshape(-1, 2)
        for k, buffers in enumerate(self.buffers):
            schedule, length_ns = buffers.schedule, times.end_ns - times.window_ns
            schedule["window_ns"] = times.window_ns
            schedule["end_ns"] = times.end_ns
            schedule["send_until_ns"] = times.end_ns + tail_ns if self.spec.behaviour == "normal" else 0
            schedule["act_until_ns"] = times.end_ns
            schedule["part_ns"] = max(length_ns // self.spec.parts + 1, round(self.spec.part_s * 1e9))
            schedule["bin_ns"] = max(_MIN_BIN_NS, length_ns // BINS + 1)
            schedule["seed"], schedule["work_seed"] = thread_seeds[k]
            self._set_arrivals(buffers.arrivals, times, k)
            if self.spec.phases:
                set_phases(buffers, self.spec, times.window_ns, self._gap_ns)

    def end_load(self, times: LoadTimes, usage: ThreadUsage, *, counted: bool) -> Slice:
        """Return what was counted since ``begin_load``. times: with the true end. counted: add it to the totals."""
        slice_ = Slice(
            start_s=times.window_ns / 1e9,
            duration_s=(times.end_ns - times.window_ns) / 1e9,
            counts=self._collect(self._tally_since_before()),
            usage=usage,
        )
        self.phase_slices = collect_phases(self.buffers, self.spec, times.window_ns, times.end_ns, usage)
        self.last = slice_
        if counted:
            self._pending = slice_
        for buffers in self.buffers:
            for name in ("end_ns", "send_until_ns", "act_until_ns"):
                buffers.schedule[name] = 0
        return slice_

    def discard_last(self) -> None:
        """Drop the last counted load from the totals, because something else disturbed it."""
        if self._pending is not None:
            self._pending = None
            for buffers, served in zip(self.buffers, self._served_before, strict=True):
                buffers.connections["served"] = served

    def end_now(self, now_ns: int) -> None:
        """Move the end of the load forward."""
        for buffers in self.buffers:
            for name in ("end_ns", "send_until_ns", "act_until_ns"):
                buffers.schedule[name] = min(now_ns, int(buffers.schedule[name]))

    def served(self) -> list[int]:
        """Return the replies inside the windows, for each connection."""
        return [int(count) for buffers in self.buffers for count in buffers.connections["served"]]

    def raw(self) -> Array:
        """Return the time stamps of every request so far: RAW, shape (requests,)."""
        rows = [buffers.raw[: int(buffers.progress["raw_rows"])] for buffers in self.buffers]
        return np.concatenate(rows) if rows else np.zeros(0, RAW)

    def _counters(self) -> Counts:
        return add_up([buffers.counters for buffers in self.buffers])

    def _tally_since_before(self) -> dict[str, int]:
        return dict(zip(COUNTER_NAMES, (self._counters() - self._before).tolist(), strict=True))

    def _own_seed(self) -> list[int]:
        """Return what makes the seed of a load different in each population and generator, but not for the first."""
        population, generator = self.buffers[0].population_number, self.spec.generator
        return [population, generator] if generator else [population] if population else []

    def _used_histograms(self) -> tuple[str, ...]:
        return HISTOGRAM_NAMES if self.spec.open_loop else ("connect",)

    def _collect(self, tally: dict[str, int]) -> LoadCounts:
        """Add up what the threads counted in the last load."""
        return LoadCounts(
            tally=tally,
            primary=add_up([buffers.primary for buffers in self.buffers]),
            never_answered=add_up([buffers.never_answered for buffers in self.buffers]),
            histograms={
                name: add_up([buffers.histograms[name] for buffers in self.buffers]) for name in self._used_histograms()
            },
            bins=add_up([buffers.bins for buffers in self.buffers]),
            bin_s=int(self.buffers[0].schedule["bin_ns"]) / 1e9,
            part_s=int(self.buffers[0].schedule["part_ns"]) / 1e9,
        )

    def _gap_ns(self, rate_rps: float) -> float:
        """Return the mean gap between the arrivals of one thread, within bursts if there are any; 0 without a rate."""
        spec = self.spec
        per_s = rate_rps / (spec.messages_per_session if spec.in_sessions else 1) / len(self.buffers)
        gap_ns = 1e9 / per_s if per_s else 0.0
        return gap_ns * spec.burst_on_s / spec.burst_period_s if spec.arrivals == "burst" else gap_ns

    def _set_arrivals(self, arrivals: Array, times: LoadTimes, thread: int) -> None:
        """Set the parameters of the arrivals of one thread: ARRIVALS, shape ().

        At a constant rate the window and each phase begin and end in the middle between two arrivals. So they contain
        rate times length of them. With an arrival at an end, rounding would decide whether it is inside.
        """
        spec, threads = self.spec, len(self.buffers) * self.spec.generators  # all together
        rate_rps = spec.phases[0].rate_rps * spec.phases[0].active if spec.phases else spec.rate_rps
        first_gap_share = (thread * spec.generators + spec.generator + 0.5) / threads
        gap_ns, start_ns = self._gap_ns(rate_rps), float(times.start_ns)
        if spec.arrivals == "constant" and gap_ns:
            start_ns += (times.window_ns - times.start_ns) % (gap_ns / threads)
        arrivals["position_ns"] = gap_ns * (first_gap_share - 1) if spec.arrivals == "constant" else 0.0
        arrivals["first_gap_share"] = first_gap_share
        arrivals["gap_ns"] = gap_ns
        arrivals["on_ns"] = spec.burst_on_s * 1e9
        arrivals["period_ns"] = spec.burst_period_s * 1e9
        arrivals["start_ns"] = start_ns


def close_connections(populations: Iterable[Buffers]) -> None:
    """Close the connections of one thread, of all its populations; must run in that thread."""
    for buffers in populations:
        for column in ("fd", "stale_fd"):
            for fd in buffers.connections[column]:
                if fd >= 0:
                    os.close(int(fd))
            buffers.connections[column] = -1
