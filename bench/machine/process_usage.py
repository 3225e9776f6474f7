"""Resources of a process tree, read while it is idle.

They are CPU time, memory, threads, context switches and descriptors. CPU time comes from each process's own CPU clock:
clock_gettime with the id (~pid << 3) | 2 (linux/posix-timers.h, CPUCLOCK_SCHED). It counts nanoseconds, includes ended
threads, and takes half a microsecond. ``schedstat`` of a process counts only its main thread; ``stat`` and psutil count
hundredths of a second.

The clock of a process ends with it. Its parent then has its time (cutime and cstime of ``stat``), in ticks. So where
processes come and go the sum is exact to two ticks, whatever their number; elsewhere it is exact to the nanosecond.
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
    """Resources of a process tree at one moment.

    CPU time and switches count from its start.
    """

    cpu_ns: float  # a whole number; nan if unknown, as rss_mb
    rss_mb: float
    threads: int
    processes: int
    descriptors: int
    runs: dict[tuple[int, int], int]  # (pid, thread id) -> how often the thread was put on a CPU


class ProcessTree:
    """A process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._pids = [pid]

    def cpu_ns(self) -> int:
        """Return the CPU time of all processes, including those waited for."""
        self._pids = [self.pid, *_descendants(self.pid)]
        total_ns = 0
        for pid in self._pids:
            process_ns = cpu_ns_of(pid)
            with contextlib.suppress(OSError):  # it has ended
                total_ns += process_ns + _ended_children_ns(pid) if process_ns is not None else 0
        return total_ns

    def settled_usage(self) -> Usage:
        """Read everything once the CPU time no longer changes.

        A thread ends a moment after its last reply.
        """
        cpu_ns = self.cpu_ns()
        for _ in range(_SETTLE_TRIES):
            time.sleep(_SETTLE_S)
            before, cpu_ns = cpu_ns, self.cpu_ns()
            if cpu_ns == before:
                break
        return self._usage(cpu_ns)

    def usage(self) -> Usage:
        """Read everything now."""
        return self._usage(self.cpu_ns())

    def memory_mb(self) -> float | None:
        """Return the memory of all processes with shared pages counted once.

        It is the resident memory of the first process plus the private memory of its descendants; None if unknown.
        Pages that forked workers share with their parent count once. The proportional set size (PSS) would do that as
        well, but it also divides the interpreter's pages by the number of all servers that run at the same time.
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

    def _usage(self, cpu_ns: int) -> Usage:
        rss_mb, descriptors, processes = 0.0, 0, 0
        runs: dict[tuple[int, int], int] = {}
        for pid in self._pids:
            folder = f"/proc/{pid}"
            try:
                rss_mb += int(_read(f"{folder}/statm").split()[1]) * _PAGE_MB
                descriptors += len(os.listdir(f"{folder}/fd"))  # noqa: PTH208 - read between slices, where time counts
                threads = os.listdir(f"{folder}/task")  # noqa: PTH208 - as above
            except OSError:  # it has ended
                continue
            processes += 1
            for thread in threads:
                with contextlib.suppress(OSError, IndexError):  # it has ended
                    runs[pid, int(thread)] = int(_read(f"{folder}/task/{thread}/schedstat").split()[2])
        return Usage(cpu_ns, rss_mb, len(runs), processes, descriptors, runs)


class UnknownUsage:
    """Replaces the process tree of a running server.

    The server may be on another machine.
    """

    def usage(self) -> Usage:
        """Return a usage whose values are unknown."""
        return Usage(math.nan, math.nan, 0, 0, 0, {})

    settled_usage = usage

    def memory_mb(self) -> float | None:
        """Return None: the memory is unknown."""
        return None


def cpu_ns_of(pid: int) -> int | None:
    """Return the CPU time of one process; None if it has ended.

    Ended threads are included.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        return None


def switches_between(before: Usage, after: Usage) -> int | None:
    """Return how often threads were put on a CPU between two readings.

    None means that threads started or ended in between.
    """
    if before.runs.keys() != after.runs.keys():
        return None
    return sum(after.runs.values()) - sum(before.runs.values())


def _descendants(pid: int) -> list[int]:
    pids: list[int] = []
    for child in children(pid):
        pids += [child, *_descendants(child)]
    return pids


def _ended_children_ns(pid: int) -> int:
    """Return the CPU time of children that were waited for.

    Fields 16 and 17 of stat (proc_pid_stat(5)) have it in ticks.
    """
    after_name = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(after_name[13]) + int(after_name[14])) * _TICK_NS


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - takes half the time of Path.read_bytes
        return file.read(4096)
