"""One server under load: its connections, shared out among the generator's threads, and all that was counted."""

import gc
import os
import resource
import select
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from clients.buffers import Buffers, make_buffers, pack_address
from clients.closed_loop import closed_loop
from clients.histogram import SLOTS, Counts
from clients.lane import END, ERRORS, HEADER_BYTES, IDLE_NS, TALLY, Load
from clients.opening import open_all

_BEFORE_START_NS = 300_000  # time for every thread to reach its loop
_FOREVER_NS = 1 << 60


@dataclass(frozen=True, slots=True)
class Settings:
    """What load to put on which server."""

    transport: str
    host: str
    port: int
    protocol: str = "echo"
    lifecycle: str = "persistent"
    connections: int = 1
    message_bytes: int = 64
    requests_per_session: int = 10
    timeout_s: float = 1.0
    seed: int = 0
    spin: bool = False  # poll without sleeping: only where the CPU is the generator's alone
    parts: int = 1  # equal parts of a window, each with its own histogram

    @property
    def messages_per_session(self) -> int:
        """Requests of one session; hola says ``adios`` after the others."""
        return self.requests_per_session + (1 if self.protocol == "hola" else 0)


@dataclass(frozen=True, slots=True)
class Slice:
    """What one stretch of load brought, all threads together."""

    start_s: float  # CLOCK_MONOTONIC when the window began
    duration_s: float  # of the window
    tally: dict[str, int]
    service: Counts  # shape (parts, SLOTS)
    connect: Counts  # shape (SLOTS,)
    elapsed_s: float  # from the first request to the last reply
    cpu_s: float  # of all threads, polls that brought nothing left out
    cpu_share: float  # of the elapsed time, in the busiest thread
    involuntary_switches: int


@dataclass(slots=True)
class Totals:
    """All slices so far, added up."""

    duration_s: float = 0.0
    elapsed_s: float = 0.0
    cpu_share_s: float = 0.0
    involuntary_switches: int = 0
    gc_runs: int = 0
    tally: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TALLY, 0))
    service: Counts = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    connect: Counts = field(default_factory=lambda: np.zeros(SLOTS, np.int64))

    def add(self, slice_: Slice) -> None:
        """Add a slice."""
        self.duration_s += slice_.duration_s
        self.elapsed_s += slice_.elapsed_s
        self.cpu_share_s += slice_.cpu_share * slice_.elapsed_s
        self.involuntary_switches += slice_.involuntary_switches
        for kind, count in slice_.tally.items():
            self.tally[kind] += count
        self.service += slice_.service.sum(axis=0)
        self.connect += slice_.connect


class Threads:
    """One thread for each CPU, pinned to it; without CPUs, one thread that the kernel places."""

    def __init__(self, cpus: Sequence[int] = ()) -> None:
        self.cpus = tuple(cpus)
        self._pools = [ThreadPoolExecutor(1, initializer=_pin, initargs=(cpu,)) for cpu in cpus or (None,)]

    def __len__(self) -> int:
        return len(self._pools)

    def each(self, work: Callable[[Any], Any], lanes: Sequence[Any]) -> list[Any]:
        """Do ``work`` on each lane in its own thread; the results in order."""
        futures: list[Future[Any]] = [pool.submit(work, lane) for pool, lane in zip(self._pools, lanes, strict=False)]
        return [future.result() for future in futures]

    def close(self) -> None:
        """End the threads."""
        for pool in self._pools:
            pool.shutdown()


def _pin(cpu: int | None) -> None:
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})


class Target:
    """Connections to one server, open from ``open`` to ``close``."""

    def __init__(self, settings: Settings, threads: Threads) -> None:
        self.settings = settings
        self.totals = Totals()
        self._threads = threads
        self._stopped = False
        self._load = _compiled_form(settings)
        lanes = max(1, min(len(threads), settings.connections))
        self._pollers = [select.epoll() for _ in range(lanes)]
        random = np.random.default_rng(settings.seed)
        address = pack_address(settings.host, settings.port)
        self._buffers = [
            make_buffers(
                poller.fileno(),
                range(k, settings.connections, lanes),
                self._load,
                address,
                settings.parts,
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
        if self.settings.lifecycle == "session":
            return 0
        deadline_ns = time.monotonic_ns() + int(self.settings.timeout_s * 1e9) + 1_000_000_000
        before = self._counts()
        standing = self._threads.each(lambda buffers: open_all(buffers.lane, self._load, deadline_ns), self._buffers)
        for kind, count in zip(TALLY, (self._counts() - before).tolist(), strict=True):
            self.totals.tally[kind] += count
        for buffers in self._buffers:
            self.totals.connect += buffers.connect
        return sum(standing)

    def load(self, seconds: float, warmup_s: float = 0.0, *, counted: bool = True) -> Slice:
        """Load the server for ``seconds``, of which ``warmup_s`` do not count; added to the totals if ``counted``."""
        before = self._counts()
        collections = _collections()
        for buffers in self._buffers:
            buffers.service.fill(0)
            buffers.connect.fill(0)
        start_ns = time.monotonic_ns() + (_BEFORE_START_NS if len(self._buffers) > 1 else 0)
        window_ns = start_ns + int(warmup_s * 1e9)
        end_ns = start_ns + int(seconds * 1e9)
        for buffers in self._buffers:
            buffers.schedule[:] = window_ns, end_ns, (end_ns - window_ns) // self.settings.parts + 1, 0
        if self._stopped:
            self._end_now()
        works = self._threads.each(lambda buffers: _work(buffers, self._load, start_ns), self._buffers)
        end_ns = max(window_ns, *(int(buffers.schedule[END]) for buffers in self._buffers))  # sooner if it was stopped
        for buffers in self._buffers:
            buffers.schedule[END] = 0
        changes = self._counts() - before
        slice_ = Slice(
            start_s=window_ns / 1e9,
            duration_s=(end_ns - window_ns) / 1e9,
            tally={kind: int(count) for kind, count in zip(TALLY, changes, strict=True)},
            service=np.sum([buffers.service for buffers in self._buffers], axis=0),
            connect=np.sum([buffers.connect for buffers in self._buffers], axis=0),
            elapsed_s=max(work.elapsed_ns for work in works) / 1e9,
            cpu_s=sum(work.cpu_ns for work in works) / 1e9,
            cpu_share=max(work.cpu_ns / work.elapsed_ns for work in works),
            involuntary_switches=sum(work.involuntary_switches for work in works),
        )
        if counted:
            self.totals.add(slice_)
            self.totals.gc_runs += _collections() - collections
        return slice_

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

    def close(self) -> None:
        """Close every connection."""
        for buffers in self._buffers:
            for fd in buffers.connections["fd"]:
                if fd >= 0:
                    os.close(int(fd))
            buffers.connections["fd"] = -1
        for poller in self._pollers:
            poller.close()

    def _counts(self) -> Counts:
        counts: Counts = np.sum([buffers.tally for buffers in self._buffers], axis=0)
        return counts


@dataclass(frozen=True, slots=True)
class _Work:
    elapsed_ns: int
    cpu_ns: int
    involuntary_switches: int


def _work(buffers: Buffers, load: Load, start_ns: int) -> _Work:
    """Run the loop in this thread and read the thread's own clocks around it."""
    idle_ns = int(buffers.tally[IDLE_NS])
    switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw
    while time.monotonic_ns() < start_ns:  # not in the loop: the wait would count as work
        pass
    cpu_ns, began_ns = time.thread_time_ns(), time.monotonic_ns()
    closed_loop(buffers.lane, load)
    elapsed_ns = max(1, time.monotonic_ns() - began_ns)
    cpu_ns = time.thread_time_ns() - cpu_ns
    idle_ns = int(buffers.tally[IDLE_NS]) - idle_ns
    # Idle polls are timed by the clock on the wall: what they leave of the time is work, or was taken by others.
    busy_ns = min(cpu_ns, elapsed_ns - idle_ns) if idle_ns else cpu_ns
    switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw - switches
    return _Work(elapsed_ns, max(0, busy_ns), switches)


def _compiled_form(settings: Settings) -> Load:
    echo = settings.protocol == "echo"
    return Load(
        tcp=int(settings.transport == "tcp"),
        echo=int(echo),
        session=int(settings.lifecycle == "session"),
        requests_per_session=settings.messages_per_session,
        message_bytes=settings.message_bytes if echo else 1,
        numbered=int(settings.transport == "udp" and echo and settings.message_bytes >= HEADER_BYTES),
        timeout_ns=int(settings.timeout_s * 1e9),
        spin_ns=_FOREVER_NS if settings.spin else 0,
    )


def compile_loops() -> float:
    """Compile the loops, or take them from the cache; the seconds it took."""
    began = time.monotonic()
    threads = Threads()
    try:
        with Target(Settings("udp", "127.0.0.1", 9, timeout_s=0.001), threads) as target:
            target.open()
            target.load(0.0)
    finally:
        threads.close()
    gc.collect()
    gc.freeze()
    return time.monotonic() - began


def _collections() -> int:
    return sum(int(generation["collections"]) for generation in gc.get_stats())


def errors_of(tally: dict[str, int]) -> dict[str, int]:
    """Return the errors that occurred, by kind."""
    return {kind: tally[kind] for kind in ERRORS if tally[kind]}
