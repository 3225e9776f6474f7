"""One server under load: its connections, and everything counted.

The connections are divided among the generator's threads.
"""

import gc
import os
import select
import time
from dataclasses import replace
from typing import Self

import numpy as np

from clients.allocation import check_memory, make_all_buffers
from clients.engine import syscalls
from clients.engine.buffers import Buffers
from clients.engine.connect_all import connect_all
from clients.engine.histogram_slots import Counts
from clients.engine.raw_memory import Array
from clients.engine.records import RAW
from clients.engine.thread_state import BINS
from clients.engine.threads import Threads
from clients.load_spec import LoadSpec, check_duration, make_params
from clients.local_ports import sources_needed
from clients.measurement import COUNTER_NAMES, HISTOGRAM_NAMES, LoadCounts, Slice, Totals
from clients.thread_usage import combine, gc_runs_so_far, run_and_measure

_BEFORE_START_NS = 300_000  # time for every thread to reach its loop
_MIN_BIN_NS = 50_000_000  # means of 50 ms are usual for warm-up rules


class LoadGenerator:
    """Connections to one server, open from ``open`` to ``close``.

    Raises PortsExhaustedError or MemoryError if the load needs too many ports or too much memory.
    """

    def __init__(self, spec: LoadSpec, threads: Threads) -> None:
        self.spec = spec
        self._threads = threads
        self._kept = Totals()
        self._pending: Slice | None = None  # the last slice; discard_last() can still drop it
        self._served_before: list[Array] = []  # replies of each thread's connections before the last load
        self._stopped = False
        self._loads = 0
        thread_count = max(1, min(len(threads), spec.connections))
        self._params = make_params(spec, -(-spec.raw_rows // thread_count))
        check_memory(spec, self._params)
        sources = sources_needed(spec)
        self._pollers = threads.each(_open_poller, range(thread_count))
        try:
            self._buffers = make_all_buffers(spec, self._params, self._pollers, sources)
        except MemoryError:
            self._close_pollers()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def totals(self) -> Totals:
        """The sum of all counted loads so far."""
        return self._kept if self._pending is None else self._kept.plus(self._pending)

    def open(self) -> int:
        """Open persistent connections; sessions open their own.

        Returns the number of open connections.
        """
        if self.spec.in_sessions:
            return 0
        deadline_ns = time.monotonic_ns() + int(self.spec.timeout_s * 1e9) + 1_000_000_000
        before = self._counters()
        opened = self._threads.each(
            lambda buffers: connect_all(buffers.state, self._params, deadline_ns), self._buffers
        )
        connect = np.sum([buffers.histograms["connect"] for buffers in self._buffers], axis=0)
        tally = _tally(self._counters() - before)
        self._kept = replace(
            self._kept,
            tally={name: count + tally[name] for name, count in self._kept.tally.items()},
            histograms=self._kept.histograms | {"connect": self._kept.histograms["connect"] + connect},
        )
        return sum(opened)

    def load(self, seconds: float, warmup_s: float = 0.0, *, counted: bool = True, seed: int | None = None) -> Slice:
        """Load the server for ``seconds``, of which ``warmup_s`` do not count.

        The slice is added to the totals if ``counted``. seed: of the arrivals of an open loop; None: derived from the
        spec's seed, different for each load. Raises ValueError for an invalid length.
        """
        check_duration(seconds, warmup_s)
        self._kept, self._pending = self.totals, None
        before, gc_runs_before = self._counters(), gc_runs_so_far()
        self._served_before = [buffers.connections["served"].copy() for buffers in self._buffers]
        start_ns = self._set_schedule(seconds, warmup_s, seed)
        window_ns = start_ns + int(warmup_s * 1e9)
        runs = self._threads.each(lambda buffers: run_and_measure(buffers, self._params, start_ns), self._buffers)
        end_ns = max(window_ns, *(int(buffers.schedule["end_ns"]) for buffers in self._buffers))  # sooner if stopped
        for buffers in self._buffers:
            buffers.schedule["end_ns"] = 0
        slice_ = Slice(
            start_s=window_ns / 1e9,
            duration_s=(end_ns - window_ns) / 1e9,
            counts=self._collect(_tally(self._counters() - before)),
            usage=combine(runs, gc_runs_so_far() - gc_runs_before),
        )
        if counted:
            self._pending = slice_
        return slice_

    def discard_last(self) -> None:
        """Drop the last counted load from the totals, because something else disturbed it."""
        if self._pending is not None:
            self._pending = None
            for buffers, served in zip(self._buffers, self._served_before, strict=True):
                buffers.connections["served"] = served

    def stop(self) -> None:
        """End a load that another thread runs, as soon as its replies are in.

        Later loads end at once.
        """
        self._stopped = True  # first: a load that is about to begin checks it after it has set its schedule
        self._end_now()

    def served(self) -> list[int]:
        """Return the replies inside the windows, for each connection."""
        return [int(count) for buffers in self._buffers for count in buffers.connections["served"]]

    def raw(self) -> Array:
        """Return the time stamps of every request so far.

        RAW, shape (requests,). Requests beyond the room for raw rows are missing.
        """
        rows = [buffers.raw[: int(buffers.progress["raw_rows"])] for buffers in self._buffers]
        return np.concatenate(rows) if rows else np.zeros(0, RAW)

    def close(self) -> None:
        """Close every connection."""
        self._threads.each(_close_connections, self._buffers)
        self._close_pollers()

    def _close_pollers(self) -> None:
        self._threads.each(os.close, self._pollers)
        self._pollers = []

    def _counters(self) -> Counts:
        counts: Counts = np.sum([buffers.counters for buffers in self._buffers], axis=0)
        return counts

    def _used_histograms(self) -> tuple[str, ...]:
        return HISTOGRAM_NAMES if self.spec.open_loop else ("connect",)

    def _collect(self, tally: dict[str, int]) -> LoadCounts:
        """Add up what the threads counted in the last load."""
        return LoadCounts(
            tally=tally,
            primary=np.sum([buffers.primary for buffers in self._buffers], axis=0),
            never_answered=np.sum([buffers.never_answered for buffers in self._buffers], axis=0),
            histograms={
                name: np.sum([buffers.histograms[name] for buffers in self._buffers], axis=0)
                for name in self._used_histograms()
            },
            bins=np.sum([buffers.bins for buffers in self._buffers], axis=0),
            bin_s=int(self._buffers[0].schedule["bin_ns"]) / 1e9,
        )

    def _set_schedule(self, seconds: float, warmup_s: float, seed: int | None) -> int:
        """Set every thread's schedule and clear its histograms.

        Returns when the load begins.
        """
        self._loads += 1
        self._clear_histograms()
        seeds = np.random.SeedSequence([self.spec.seed, self._loads] if seed is None else seed)
        thread_seeds = seeds.generate_state(2 * len(self._buffers), np.uint64).view(np.int64).reshape(-1, 2)
        start_ns = time.monotonic_ns() + (_BEFORE_START_NS if len(self._buffers) > 1 else 0)
        window_ns, end_ns = start_ns + int(warmup_s * 1e9), start_ns + int(seconds * 1e9)
        for k, buffers in enumerate(self._buffers):
            buffers.schedule["window_ns"] = window_ns
            buffers.schedule["end_ns"] = end_ns
            buffers.schedule["part_ns"] = (end_ns - window_ns) // self.spec.parts + 1
            buffers.schedule["bin_ns"] = max(_MIN_BIN_NS, (end_ns - window_ns) // BINS + 1)
            buffers.schedule["seed"], buffers.schedule["work_seed"] = thread_seeds[k]
            self._set_arrivals(buffers.arrivals, start_ns, k)
        if self._stopped:
            self._end_now()
        return start_ns

    def _clear_histograms(self) -> None:
        for buffers in self._buffers:
            buffers.primary.fill(0)
            buffers.bins.fill(0)
            buffers.never_answered.fill(0)
            for name in self._used_histograms():
                buffers.histograms[name].fill(0)

    def _set_arrivals(self, arrivals: Array, start_ns: int, thread: int) -> None:
        """Set the parameters of the arrivals of one thread: ARRIVALS, shape ()."""
        spec, threads = self.spec, len(self._buffers)
        per_s = spec.rate_rps / (spec.messages_per_session if spec.in_sessions else 1) / threads
        gap_ns = 1e9 / per_s if per_s else 0.0
        on_ns, period_ns = spec.burst_on_s * 1e9, spec.burst_period_s * 1e9
        if spec.arrivals == "burst":
            gap_ns *= on_ns / period_ns
        arrivals["position_ns"] = gap_ns * ((thread + 1) / threads - 1) if spec.arrivals == "constant" else 0.0
        arrivals["gap_ns"] = gap_ns
        arrivals["on_ns"] = on_ns
        arrivals["period_ns"] = period_ns
        arrivals["start_ns"] = start_ns

    def _end_now(self) -> None:
        now_ns = time.monotonic_ns()
        for buffers in self._buffers:
            buffers.schedule["end_ns"] = min(now_ns, int(buffers.schedule["end_ns"]))


def _open_poller(_: int) -> int:
    """Return epoll's descriptor, for the thread that calls this: the threads share no descriptors."""
    poller = syscalls.epoll_create(select.EPOLL_CLOEXEC)
    if poller < 0:
        raise OSError(-poller, os.strerror(-poller))
    return poller


def _close_connections(buffers: Buffers) -> None:
    for column in ("fd", "stale_fd"):
        for fd in buffers.connections[column]:
            if fd >= 0:
                os.close(int(fd))
        buffers.connections[column] = -1


def _tally(changes: Counts) -> dict[str, int]:
    return dict(zip(COUNTER_NAMES, changes.tolist(), strict=True))


def compile_loops() -> float:
    """Compile the loops, or load them from the cache. Returns the seconds that took."""
    began = time.monotonic()
    threads = Threads()
    try:
        with LoadGenerator(LoadSpec("udp", "127.0.0.1", 9, timeout_s=0.001), threads) as generator:
            generator.open()
            generator.load(0.0)
    finally:
        threads.close()
    gc.collect()
    gc.freeze()
    return time.monotonic() - began
