"""Servers under load: connections, and everything counted.

The connections of each population of clients are divided among the generator's threads.
"""

import gc
import os
import select
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

from clients.allocation import allocate, check_memory
from clients.engine import syscalls
from clients.engine.raw_memory import Array
from clients.engine.threads import Threads
from clients.load_spec import LoadSpec, check_duration, check_phases_fill
from clients.local_ports import sources_needed
from clients.measurement import Slice, Totals
from clients.phase_alignment import align_phases
from clients.population import LoadTimes, Population, close_connections
from clients.thread_load import ThreadLoad
from clients.thread_usage import combine, gc_runs_so_far, run_and_measure

_BEFORE_START_NS = 300_000  # time for every thread to reach its loop
_AFTER_TIMEOUT_NS = 1_000_000_000  # for opening connections


class PopulationsGenerator:
    """Populations of clients of one server, by name. Their connections are open from ``open`` to ``close``.

    Raises ValueError for populations that do not go together, PortsExhaustedError or MemoryError if they need too many
    ports or too much memory.
    """

    def __init__(self, specs: Mapping[str, LoadSpec], threads: Threads) -> None:
        self.specs = align_phases(specs)
        self._threads = threads
        self._stopped = False
        thread_count = max(1, min(len(threads), sum(spec.connections for spec in self.specs.values())))
        loads = list(self.specs.values())
        check_memory(loads, thread_count)
        sources = sources_needed(*loads)
        self._pollers = threads.each(_open_poller, range(thread_count))
        try:
            allocated = allocate(loads, self._pollers, sources)
        except MemoryError:
            self._close_pollers()
            raise
        self.populations = {
            name: Population(spec, params, [own for own in buffers if own is not None])
            for (name, spec), (params, buffers) in zip(self.specs.items(), allocated, strict=True)
        }
        self._thread_loads = [ThreadLoad.make(allocated, k) for k in range(thread_count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> dict[str, int]:
        """Open persistent connections; sessions open their own.

        Returns the number of open connections of each population.
        """
        opened = {}
        for population in self.populations.values():
            population.begin_opening()
        for number, (name, spec) in enumerate(self.specs.items()):
            opened[name] = 0 if spec.in_sessions else self._open_population(number, spec)
        for population in self.populations.values():
            population.end_opening()
        return opened

    def _open_population(self, number: int, spec: LoadSpec) -> int:
        now_ns, patience_ns = time.monotonic_ns(), int(spec.timeout_s * 1e9) + _AFTER_TIMEOUT_NS
        return sum(self._threads.each(lambda load: load.connect(number, now_ns, patience_ns), self._thread_loads))

    def load(
        self,
        seconds: float,
        warmup_s: float = 0.0,
        *,
        counted: bool = True,
        seed: int | None = None,
        start_ns: int | None = None,
        tail_s: float = 0.0,
    ) -> dict[str, Slice]:
        """Load the server for ``seconds``, of which ``warmup_s`` do not count. Returns a slice of each population.

        The slices are added to the totals if ``counted``. seed: of the arrivals of an open loop; None: derived from
        each spec's seed, different for each load. start_ns: of CLOCK_MONOTONIC; None: as soon as possible. If it has
        passed, the load begins late, and its window stays where it was. tail_s: how long persistent connections of a
        closed loop still send after the window, without being counted. Raises ValueError for an invalid length.
        """
        check_duration(seconds, warmup_s)
        check_phases_fill(next(iter(self.specs.values())), seconds - warmup_s)
        for population in self.populations.values():
            population.clear_histograms()
        gc_runs_before = gc_runs_so_far()
        if start_ns is None:
            start_ns = time.monotonic_ns() + (_BEFORE_START_NS if len(self._thread_loads) > 1 else 0)
        times = LoadTimes(start_ns, start_ns + int(warmup_s * 1e9), start_ns + int(seconds * 1e9))
        for population in self.populations.values():
            population.begin_load(times, seed, round(1e9 * tail_s))
        if self._stopped:
            self._end_now()
        runs = self._threads.each(lambda load: run_and_measure(load, times.start_ns), self._thread_loads)
        usage = combine(runs, gc_runs_so_far() - gc_runs_before)
        ends_ns = [
            int(buffers.schedule["end_ns"])
            for population in self.populations.values()
            for buffers in population.buffers
        ]
        times = replace(times, end_ns=max(times.window_ns, *ends_ns))  # sooner if stopped
        return {
            name: population.end_load(times, usage, counted=counted) for name, population in self.populations.items()
        }

    def discard_last(self) -> None:
        """Drop the last counted load from the totals, because something else disturbed it."""
        for population in self.populations.values():
            population.discard_last()

    def stop(self) -> None:
        """End a load that another thread runs, as soon as its replies are in.

        Later loads end at once.
        """
        self._stopped = True  # first: a load that is about to begin checks it after it has set its schedule
        self._end_now()

    def close(self) -> None:
        """Close every connection."""
        self._threads.each(close_connections, [load.buffers for load in self._thread_loads])
        self._close_pollers()

    def _close_pollers(self) -> None:
        self._threads.each(os.close, self._pollers)
        self._pollers = []

    def _end_now(self) -> None:
        now_ns = time.monotonic_ns()
        for population in self.populations.values():
            population.end_now(now_ns)


class LoadGenerator:
    """One population of clients of a server: a ``PopulationsGenerator`` without names."""

    def __init__(self, spec: LoadSpec, threads: Threads) -> None:
        self.spec = spec
        self.generator = PopulationsGenerator({"": spec}, threads)
        self.population = self.generator.populations[""]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def totals(self) -> Totals:
        """The sum of all counted loads so far."""
        return self.population.totals

    def open(self) -> int:
        """Open persistent connections, and return the number of open ones."""
        return self.generator.open()[""]

    def load(self, seconds: float, warmup_s: float = 0.0, *, counted: bool = True, seed: int | None = None) -> Slice:
        """Load the server as ``PopulationsGenerator.load`` does."""
        return self.generator.load(seconds, warmup_s, counted=counted, seed=seed)[""]

    def discard_last(self) -> None:
        """Drop the last counted load from the totals."""
        self.generator.discard_last()

    def stop(self) -> None:
        """End a load that another thread runs, and later ones."""
        self.generator.stop()

    def served(self) -> list[int]:
        """Return the replies inside the windows, for each connection."""
        return self.population.served()

    def raw(self) -> Array:
        """Return the time stamps of every request so far: RAW, shape (requests,).

        Requests beyond the room for raw rows are missing.
        """
        return self.population.raw()

    def close(self) -> None:
        """Close every connection."""
        self.generator.close()


def _open_poller(_: int) -> int:
    """Return epoll's descriptor, for the thread that calls this: the threads share no descriptors."""
    poller = syscalls.epoll_create(select.EPOLL_CLOEXEC)
    if poller < 0:
        raise OSError(-poller, os.strerror(-poller))
    return poller


def compile_loops() -> float:
    """Compile the loop for one population, or load it from the cache. Returns the seconds that took."""
    return _compile([LoadSpec("udp", "127.0.0.1", 9, timeout_s=0.001)])


def compile_populations() -> float:
    """Compile the loop for several populations, or load it from the cache. Returns the seconds that took."""
    return _compile([LoadSpec("udp", "127.0.0.1", 9, timeout_s=0.001)] * 2)


def _compile(specs: list[LoadSpec]) -> float:
    began = time.monotonic()
    threads = Threads()
    try:
        with PopulationsGenerator({str(k): spec for k, spec in enumerate(specs)}, threads) as generator:
            generator.open()
            generator.load(0.0)
    finally:
        threads.close()
    gc.collect()
    gc.freeze()
    return time.monotonic() - began
