"""One server under load: its connections, shared out among the generator's threads, and all that was counted."""

import gc
import os
import resource
import select
import time
from dataclasses import dataclass
from typing import Self

import numpy as np

from clients.engine.buffers import Buffers, Share, bytes_needed, make_buffers, pack_address
from clients.engine.connect_all import open_all
from clients.engine.event_loop import run_load
from clients.engine.histogram_slots import Counts
from clients.engine.raw_memory import Array
from clients.engine.thread_state import (
    BINS,
    DRAINED_NS,
    END,
    HISTOGRAMS,
    IDLE_NS,
    RAW,
    SCHEDULE,
    SIZES_DRAWN,
    TALLY,
    LoadParams,
)
from clients.engine.threads import Threads
from clients.load_spec import LoadSpec, check_duration, compiled_form
from clients.local_ports import sources_needed
from clients.measurement import Slice, Totals

_BEFORE_START_NS = 300_000  # time for every thread to reach its loop
_BIN_NS = 50_000_000  # at least: for warm-up rules means of 50 ms are usual
_FIRST_SOURCE = "127.1.0.1"  # the others count up from 127.1.0.0
_MOST_MEMORY_SHARE = 0.5  # of the machine's, for messages and connections


class LoadGenerator:
    """Connections to one server, open from ``open`` to ``close``.

    Raises NoPorts if the load would run out of them, MemoryError if it would take too much memory.
    """

    def __init__(self, settings: LoadSpec, threads: Threads) -> None:
        self.settings = settings
        self.totals = Totals()
        self._threads = threads
        self._last: Slice | None = None
        self._served: list[Array] = []  # replies of each lane's connections before the last load
        self._stopped = False
        self._loads = 0
        lanes = max(1, min(len(threads), settings.connections))
        self._load = compiled_form(settings, -(-settings.raw_rows // lanes))
        _check_memory(settings, self._load)
        sources = sources_needed(settings)
        self._pollers = [select.epoll() for _ in range(lanes)]
        random = np.random.default_rng(settings.seed)
        sizes, weights = zip(*(settings.mix or ((settings.message_bytes, 1.0),)), strict=True)
        drawn = random.choice(np.asarray(sizes), SIZES_DRAWN, p=np.asarray(weights) / sum(weights))
        self._buffers = [
            make_buffers(
                Share(
                    poller=poller.fileno(),
                    numbers=range(k, settings.connections, lanes),
                    address=pack_address(settings.host, settings.port),
                    source=pack_address(_FIRST_SOURCE, 0),
                    sources=sources,
                    parts=settings.parts,
                    sizes=drawn.astype(np.int64),
                ),
                self._load,
                random,
            )
            for k, poller in enumerate(self._pollers)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> int:
        """Open the connections that are to stand during the load; sessions open their own. Returns how many stand."""
        if self.settings.in_sessions:
            return 0
        deadline_ns = time.monotonic_ns() + int(self.settings.timeout_s * 1e9) + 1_000_000_000
        before = self._counts()
        standing = self._threads.each(lambda buffers: open_all(buffers.lane, self._load, deadline_ns), self._buffers)
        for kind, count in zip(TALLY, (self._counts() - before).tolist(), strict=True):
            self.totals.tally[kind] += count
        for buffers in self._buffers:
            self.totals.histograms["connect"] += buffers.histograms["connect"]
        return sum(standing)

    def load(self, seconds: float, warmup_s: float = 0.0, *, counted: bool = True, seed: int | None = None) -> Slice:
        """Load the server for ``seconds``, of which ``warmup_s`` do not count; added to the totals if ``counted``.

        seed: of the arrivals of an open loop; None: the settings' own, another one for each load. Raises ValueError for
        a length that cannot be.
        """
        check_duration(seconds, warmup_s)
        before = self._counts()
        self._served = [buffers.connections["served"].copy() for buffers in self._buffers]
        collections = _collections()
        start_ns, end_ns = self._set_schedule(seconds, warmup_s, seed)
        window_ns = start_ns + int(warmup_s * 1e9)
        works = self._threads.each(lambda buffers: _work(buffers, self._load, start_ns), self._buffers)
        end_ns = max(window_ns, *(int(buffers.schedule[END]) for buffers in self._buffers))  # sooner if it was stopped
        for buffers in self._buffers:
            buffers.schedule[END] = 0
        changes = self._counts() - before
        used = HISTOGRAMS if self.settings.open_loop else ("connect",)
        slice_ = Slice(
            start_s=window_ns / 1e9,
            duration_s=(end_ns - window_ns) / 1e9,
            tally={kind: int(count) for kind, count in zip(TALLY, changes, strict=True)},
            headline=np.sum([buffers.headline for buffers in self._buffers], axis=0),
            missed=np.sum([buffers.missed for buffers in self._buffers], axis=0),
            histograms={name: np.sum([each.histograms[name] for each in self._buffers], axis=0) for name in used},
            bins=np.sum([buffers.bins for buffers in self._buffers], axis=0),
            bin_s=int(self._buffers[0].schedule[SCHEDULE.index("bin")]) / 1e9,
            elapsed_s=max(work.elapsed_ns for work in works) / 1e9,
            cpu_s=sum(work.cpu_ns for work in works) / 1e9,
            cpu_share=max(work.cpu_ns / work.elapsed_ns for work in works),
            stolen_s=sum(work.stolen_ns for work in works) / 1e9,
            involuntary_switches=sum(work.involuntary_switches for work in works),
            major_faults=sum(work.major_faults for work in works),
        )
        if counted:
            self.totals.add(slice_)
            self._last = slice_
            self.totals.gc_runs += _collections() - collections
        return slice_

    def forget(self) -> None:
        """Take the last load that counted out of the totals: something else spoiled it."""
        if self._last is not None:
            self.totals.add(self._last, -1)
            for buffers, served in zip(self._buffers, self._served, strict=True):
                buffers.connections["served"] = served
            self._last = None

    def _set_schedule(self, seconds: float, warmup_s: float, seed: int | None) -> tuple[int, int]:
        """Tell every lane when the load begins and ends, and clear its histograms. Returns start and end."""
        settings = self.settings
        self._loads += 1
        seeds = np.random.SeedSequence([settings.seed, self._loads] if seed is None else seed)
        of_lanes = seeds.generate_state(len(self._buffers), np.uint32)
        for buffers in self._buffers:
            buffers.headline.fill(0)
            buffers.bins.fill(0)
            buffers.missed.fill(0)
            for name in HISTOGRAMS if settings.open_loop else ("connect",):
                buffers.histograms[name].fill(0)
        start_ns = time.monotonic_ns() + (_BEFORE_START_NS if len(self._buffers) > 1 else 0)
        window_ns, end_ns = start_ns + int(warmup_s * 1e9), start_ns + int(seconds * 1e9)
        for k, buffers in enumerate(self._buffers):
            values = {
                "window": window_ns,
                "end": end_ns,
                "part": (end_ns - window_ns) // settings.parts + 1,
                "bin": max(_BIN_NS, (end_ns - window_ns) // BINS + 1),
                "in_flight": int(buffers.schedule[SCHEDULE.index("in_flight")]),
                "raw": int(buffers.schedule[SCHEDULE.index("raw")]),
                "seed": int(of_lanes[k]),
            }
            buffers.schedule[:] = [values.get(name, 0) for name in SCHEDULE]
            buffers.arrivals[:] = self._arrivals(start_ns, k)
        if self._stopped:
            self._end_now()
        return start_ns, end_ns

    def _arrivals(self, start_ns: int, lane: int) -> tuple[float, ...]:
        """Parameters of the arrivals of one lane, in the order of clients.engine.thread_state.ARRIVALS."""
        settings, lanes = self.settings, len(self._buffers)
        per_s = settings.rate_rps / (settings.messages_per_session if settings.in_sessions else 1) / lanes
        gap_ns = 1e9 / per_s if per_s else 0.0
        on_ns, period_ns = settings.burst_on_s * 1e9, settings.burst_period_s * 1e9
        if settings.arrivals == "burst":
            gap_ns *= on_ns / period_ns
        position_ns = gap_ns * ((lane + 1) / lanes - 1) if settings.arrivals == "constant" else 0.0
        return position_ns, gap_ns, on_ns, period_ns, float(start_ns)

    def stop(self) -> None:
        """End a load that is under way in another thread, as soon as replies are in; and any later one at once."""
        self._stopped = True  # first: a load that is only about to begin looks at it after it has set its schedule
        self._end_now()

    def _end_now(self) -> None:
        now_ns = time.monotonic_ns()
        for buffers in self._buffers:
            buffers.schedule[END] = min(now_ns, buffers.schedule[END])

    def served(self) -> list[int]:
        """Replies that counted, for each connection."""
        return [int(count) for buffers in self._buffers for count in buffers.connections["served"]]

    def raw(self) -> Array:
        """The time stamps of every request so far, as far as there was room: RAW, shape (requests,)."""
        rows = [buffers.raw[: buffers.schedule[SCHEDULE.index("raw")]] for buffers in self._buffers]
        return np.concatenate(rows) if rows else np.zeros(0, RAW)

    def memory_bytes(self) -> int:
        """Memory that grows with the number of connections."""
        return bytes_needed(self.settings.connections, self._load)

    def close(self) -> None:
        """Close every connection."""
        for buffers in self._buffers:
            for column in ("fd", "stale_fd"):
                for fd in buffers.connections[column]:
                    if fd >= 0:
                        os.close(int(fd))
                buffers.connections[column] = -1
        for poller in self._pollers:
            poller.close()

    def _counts(self) -> Counts:
        counts: Counts = np.sum([buffers.tally for buffers in self._buffers], axis=0)
        return counts


def _check_memory(settings: LoadSpec, load: LoadParams) -> None:
    needed = bytes_needed(settings.connections, load) + settings.raw_rows * RAW.itemsize
    most = _MOST_MEMORY_SHARE * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > most:
        raise MemoryError(
            f"{settings.connections} connections with {settings.depth} messages of {load.message_bytes} bytes each and "
            f"{settings.raw_rows} raw rows need {needed / 1e9:.1f} GB, and half of this machine's memory is "
            f"{most / 1e9:.1f} GB: ask for less of one of them"
        )


@dataclass(frozen=True, slots=True)
class _Work:
    elapsed_ns: int
    cpu_ns: int
    stolen_ns: int
    involuntary_switches: int
    major_faults: int


def _work(buffers: Buffers, load: LoadParams, start_ns: int) -> _Work:
    """Run the loop in this thread and read the thread's own clocks around it."""
    idle_ns, drained_ns = (int(buffers.tally[kind]) for kind in (IDLE_NS, DRAINED_NS))
    usage, delay_ns = resource.getrusage(resource.RUSAGE_THREAD), _run_delay_ns()
    while time.monotonic_ns() < start_ns:  # not in the loop: the wait would count as work
        pass
    cpu_ns, began_ns = time.thread_time_ns(), time.monotonic_ns()
    run_load(buffers.lane, load)
    elapsed_ns = max(1, time.monotonic_ns() - began_ns)
    cpu_ns = time.thread_time_ns() - cpu_ns
    idle_ns = int(buffers.tally[IDLE_NS]) - idle_ns
    drained_ns = int(buffers.tally[DRAINED_NS]) - drained_ns
    # Idle polls are timed by the clock on the wall: what they leave of the time is work, or was taken by others.
    busy_ns = min(cpu_ns, elapsed_ns - idle_ns) if idle_ns else cpu_ns
    after = resource.getrusage(resource.RUSAGE_THREAD)
    loaded_ns = max(1, elapsed_ns - drained_ns)  # one lost datagram is waited for longer than many slices last
    return _Work(
        loaded_ns,
        min(loaded_ns, max(0, busy_ns)),
        _run_delay_ns() - delay_ns,
        after.ru_nivcsw - usage.ru_nivcsw,
        after.ru_majflt - usage.ru_majflt,
    )


def _run_delay_ns() -> int:
    """How long this thread has waited for a CPU that others had: the second figure of its schedstat."""
    with open("/proc/thread-self/schedstat", "rb", buffering=0) as file:  # noqa: PTH123 - read in every slice
        return int(file.read(100).split()[1])


def compile_loops() -> float:
    """Compile the loops, or take them from the cache; the seconds it took."""
    began = time.monotonic()
    threads = Threads()
    try:
        with LoadGenerator(LoadSpec("udp", "127.0.0.1", 9, timeout_s=0.001), threads) as target:
            target.open()
            target.load(0.0)
    finally:
        threads.close()
    gc.collect()
    gc.freeze()
    return time.monotonic() - began


def _collections() -> int:
    return sum(int(generation["collections"]) for generation in gc.get_stats())
