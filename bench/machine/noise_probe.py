"""What the machine did to a round: the same little work on each CPU before and after, and the time that others took.

A neighbour on the same host, or another program here, is not seen in the figures of the arms: it slows all of them. So
a round is judged by what has nothing to do with any of them, and is run again if it was hit.
"""

import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine.affinity import pinned

SLOW = 1.6  # a probe that takes so many times as long as it does usually ...
MAX_STEAL_SHARE = 0.15  # ... or such a share of the CPUs' time given to others by the host spoils a round
_MOST_CPUS = 8  # that are tried in one round: with more of them, these in turn
_LEAST_TO_KNOW = 5  # canaries on a CPU before one can be called slow
_WORK = range(12_000)  # some 0.2 ms


@dataclass(frozen=True, slots=True)
class RoundConditions:
    """What a round met."""

    probe_us: float  # the slowest of the CPUs, after the round
    probe_ratio: float  # of what it takes there usually
    steal_share: float  # of the CPUs' time, by the host
    pressure_share: float | None  # of the time, in which something waited for a CPU (PSI); None if not known

    @property
    def disturbed(self) -> bool:
        """Whether the round is not to be counted."""
        return self.probe_ratio > SLOW or self.steal_share > MAX_STEAL_SHARE


class NoiseProbe:
    """Watches the CPUs of a run. Call ``begin`` before each round and ``end`` after it."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._cpus = sorted(cpus)
        self._known: dict[int, list[float]] = defaultdict(list)
        self._turn = 0
        self._before = (0.0, 0.0, 0.0, 0.0)

    def begin(self) -> None:
        """Note where the counters stand."""
        self._before = self._counters()

    def end(self) -> RoundConditions:
        """Try the CPUs, and say what the round met."""
        steal, total, pressed_us, now_s = (
            after - before for after, before in zip(self._counters(), self._before, strict=True)
        )
        chosen = [self._cpus[(self._turn + k) % len(self._cpus)] for k in range(min(_MOST_CPUS, len(self._cpus)))]
        self._turn += len(chosen)
        worst_us, worst_share = 0.0, 0.0
        for cpu in chosen:
            took_us = probe_us(cpu)
            known = self._known[cpu]
            share = took_us / statistics.median(known) if len(known) >= _LEAST_TO_KNOW else 1.0
            known.append(took_us)
            worst_us, worst_share = max(worst_us, took_us), max(worst_share, share)
        pressed = pressed_us / 1e6 / now_s if now_s > 0 and 0 <= pressed_us < 1e200 else None
        return RoundConditions(worst_us, worst_share, steal / total if total > 0 else 0.0, pressed)

    def _counters(self) -> tuple[float, float, float, float]:
        return *steal_ticks(self._cpus), pressure_us(), time.monotonic()


def probe_us(cpu: int) -> float:
    """How long a fixed work takes on a CPU: the better of two, as the first finds the caches of others."""
    with pinned([cpu]):
        times = []
        for _ in range(2):
            began_ns = time.perf_counter_ns()
            sum(_WORK)
            times.append(time.perf_counter_ns() - began_ns)
    return min(times) / 1e3


def steal_ticks(cpus: Sequence[int]) -> tuple[float, float]:
    """Time that the host gave to others, and all time, of these CPUs, in ticks (proc_stat(5))."""
    wanted = {f"cpu{cpu}" for cpu in cpus}
    steal, total = 0.0, 0.0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name in wanted:
            times = [float(field) for field in fields[:8]]
            steal += times[7]
            total += sum(times)
    return steal, total


def pressure_us() -> float:
    """For how long something has waited for a CPU so far (PSI, some); below 0 if the kernel does not tell."""
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
        return float(line.rpartition("total=")[2])
    except (OSError, IndexError, ValueError):
        return -1e300
