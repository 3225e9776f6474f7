"""Conditions of the machine during a round: noise probe and steal time.

The noise probe is a fixed piece of work, timed on each CPU after the round. A busy neighbour on the host, or another
program here, slows all arms, so their figures do not show it. A round is therefore judged by something that has nothing
to do with any arm, and is repeated if it was disturbed.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine.affinity import pinned
from clients.kernel_counters import steal_ticks

MAX_PROBE_RATIO = 1.6  # a probe that takes longer than this, relative to its usual time, disturbs the round
MAX_STEAL_SHARE = 0.15  # of the CPUs' time; more steal disturbs the round
_MAX_CPUS = 8  # probed in one round; with more CPUs they take turns
_MIN_PROBES = 5  # on a CPU before its usual time is known
_WORK = range(12_000)  # about 0.2 ms


@dataclass(frozen=True, slots=True)
class RoundConditions:
    """Conditions of the machine during a round."""

    probe_us: float  # of the slowest CPU
    probe_ratio: float  # relative to the usual time on the same CPU; the largest of all CPUs
    steal_share: float  # of the CPUs' time, taken by the hypervisor
    pressure_share: float | None  # of the time in which something waited for a CPU (PSI); None if unknown

    @property
    def disturbed(self) -> bool:
        """True if the round must not be counted."""
        return self.probe_ratio > MAX_PROBE_RATIO or self.steal_share > MAX_STEAL_SHARE


@dataclass(frozen=True, slots=True)
class _Counters:
    steal_ticks: int
    total_ticks: int
    pressure_us: float | None
    time_s: float


class NoiseProbe:
    """Probes the CPUs of a run. Call ``begin`` before each round and ``end`` after it."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._cpus = sorted(cpus)
        self._probes_us: dict[int, list[float]] = defaultdict(list)
        self._turn = 0
        self._before = self._read_counters()

    def begin(self) -> None:
        """Read the counters before a round."""
        self._before = self._read_counters()

    def end(self) -> RoundConditions:
        """Read the counters, probe the CPUs, and return the conditions of the round."""
        before, after = self._before, self._read_counters()
        steal, total = after.steal_ticks - before.steal_ticks, after.total_ticks - before.total_ticks
        worst_us, worst_ratio = self._probe()
        return RoundConditions(worst_us, worst_ratio, steal / total if total > 0 else 0.0, _pressure(before, after))

    def _probe(self) -> tuple[float, float]:
        """Return the longest time of all CPUs, and the largest ratio to the usual time."""
        count = min(_MAX_CPUS, len(self._cpus))
        cpus = [self._cpus[(self._turn + k) % len(self._cpus)] for k in range(count)]
        self._turn += count
        worst_us, worst_ratio = 0.0, 0.0
        for cpu in cpus:
            time_us, known_us = probe_us(cpu), self._probes_us[cpu]
            ratio = time_us / statistics.median(known_us) if len(known_us) >= _MIN_PROBES else 1.0
            known_us.append(time_us)
            worst_us, worst_ratio = max(worst_us, time_us), max(worst_ratio, ratio)
        return worst_us, worst_ratio

    def _read_counters(self) -> _Counters:
        return _Counters(*steal_ticks(self._cpus), pressure_us(), time.monotonic())


def probe_us(cpu: int) -> float:
    """Return the time of a fixed piece of work on a CPU.

    It is the better of two, because the first one finds cold caches.
    """
    with pinned([cpu]):
        times_ns = []
        for _ in range(2):
            start_ns = time.perf_counter_ns()
            sum(_WORK)
            times_ns.append(time.perf_counter_ns() - start_ns)
    return min(times_ns) / 1e3


def pressure_us() -> float | None:
    """Return how long processes have waited for a CPU so far (PSI, some).

    None means that the kernel does not report it.
    """
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
        return float(line.rpartition("total=")[2])
    except (OSError, IndexError, ValueError):
        return None


def _pressure(before: _Counters, after: _Counters) -> float | None:
    elapsed_s = after.time_s - before.time_s
    if before.pressure_us is None or after.pressure_us is None or elapsed_s <= 0:
        return None
    waited_us = after.pressure_us - before.pressure_us
    return waited_us / 1e6 / elapsed_s if waited_us >= 0 else None
