"""What a process tree uses, read from external while it is at rest: CPU time, memory, threads, switches, descriptors.

CPU time comes from each process's own CPU clock: clock_gettime with the id (~pid << 3) | 2 (linux/posix-timers.h,
CPUCLOCK_SCHED), which counts nanoseconds, ended threads included, and takes half a microsecond. ``schedstat`` of a
process counts its main thread alone, and ``stat`` and psutil tick in hundredths of a second.
A process that ended takes its clock with it. Its parent has its time then (cutime and cstime of ``stat``), in ticks: so
where processes come and go the sum is exact to two ticks, whatever their number, and to the nanosecond elsewhere.
"""

import contextlib
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench.machine.affinity import children

_SETTLE_S = 0.0001
_SETTLE_TRIES = 20
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree holds at one moment. CPU time and switches count up from its start."""

    cpu_ns: float  # a whole number, or nan where nothing can be seen, as is the next one
    rss_mb: float
    threads: int
    processes: int
    descriptors: int
    runs: dict[tuple[int, int], int]  # (pid, thread id) -> how often the thread was put on a CPU


class Tree:
    """A process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pids = [pid]

    def cpu_ns(self) -> int:
        """CPU time of all processes that there are, and of those that ended and were waited for."""
        self._pids = [self.pid, *_descendants(self.pid)]
        total = 0
        for pid in self._pids:
            own_ns = cpu_ns_of(pid)
            with contextlib.suppress(OSError):  # it has ended
                total += own_ns + _ended_children_ns(pid) if own_ns is not None else 0
        return total

    def settled_usage(self) -> Usage:
        """Read everything once the CPU time no longer changes: a thread takes a moment to end after its last reply."""
        cpu_ns = self.cpu_ns()
        for _ in range(_SETTLE_TRIES):
            time.sleep(_SETTLE_S)
            before, cpu_ns = cpu_ns, self.cpu_ns()
            if cpu_ns == before:
                break
        return self._usage(cpu_ns)

    def usage(self) -> Usage:
        """Read everything."""
        return self._usage(self.cpu_ns())

    def _usage(self, cpu_ns: int) -> Usage:
        rss_mb, descriptors, processes = 0.0, 0, 0
        runs: dict[tuple[int, int], int] = {}
        for pid in self._pids:
            folder = f"/proc/{pid}"
            try:
                rss_mb += int(_read(f"{folder}/statm").split()[1]) * _PAGE_MB
                descriptors += len(os.listdir(f"{folder}/fd"))  # noqa: PTH208 - read between slices, where time counts
                threads = os.listdir(f"{folder}/task")  # noqa: PTH208
            except OSError:  # it has ended
                continue
            processes += 1
            for thread in threads:
                with contextlib.suppress(OSError, IndexError):  # it has ended
                    runs[pid, int(thread)] = int(_read(f"{folder}/task/{thread}/schedstat").split()[2])
        return Usage(cpu_ns, rss_mb, len(runs), processes, descriptors, runs)

    def memory_mb(self) -> float | None:
        """Resident memory of the first process, and what its descendants have for themselves; None if unreadable.

        Pages that forked workers share with their parent count once. The proportional set size (PSS) would count that
        too, but divides the interpreter's own pages by the number of all servers that stand side by side.
        """
        total_kb = 0
        for pid in self._pids:
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            except OSError:
                return None
            kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in rollup)}
            private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
            total_kb += kilobytes["Rss"] if pid == self.pid else private
        return total_kb * 1024 / 1e6


class UnknownUsage:
    """In place of a tree: processes of somebody else, maybe on another machine."""

    def usage(self) -> Usage:
        """Nothing is known."""
        return Usage(math.nan, math.nan, 0, 0, 0, {})

    settled_usage = usage

    def memory_mb(self) -> float | None:
        """Nothing is known."""
        return None


def cpu_ns_of(pid: int) -> int | None:
    """CPU time of one process, ended threads included; None if it has ended."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return None


def switches_between(before: Usage, after: Usage) -> int | None:
    """How often the tree's threads were put on a CPU between two readings; None if threads came or went."""
    if before.runs.keys() != after.runs.keys():
        return None
    return sum(after.runs.values()) - sum(before.runs.values())


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for child in children(pid):
        found += [child, *_descendants(child)]
    return found


def _ended_children_ns(pid: int) -> int:
    """CPU time of children that ended and were waited for: fields 16 and 17 of stat (proc_pid_stat(5)), in ticks."""
    after_name = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(after_name[13]) + int(after_name[14])) * _TICK_NS


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.read_bytes
        return file.read(4096)
