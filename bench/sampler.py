"""What a process tree uses, read from outside while it is at rest: CPU time, memory, threads, switches, descriptors.

CPU time comes from each process's own CPU clock: clock_gettime with the id (~pid << 3) | 2 (linux/posix-timers.h,
CPUCLOCK_SCHED), which counts nanoseconds, ended threads included, and takes half a microsecond. ``schedstat`` of a
process counts its main thread alone, and ``stat`` and psutil tick in hundredths of a second.
A child that ended between two readings is not in the tree any more; no model here ends processes while it serves.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import children

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True, slots=True)
class Usage:
    """What a tree holds at one moment. CPU time and switches count up from its start."""

    cpu_ns: int
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
        """CPU time of the processes known since the last ``usage``: cheap enough for the border of a slice."""
        total = 0
        for pid in self._pids:
            try:
                total += time.clock_gettime_ns((~pid << 3) | 2)
            except OSError:  # it has ended
                continue
        return total

    def usage(self) -> Usage:
        """Read everything; looks for new processes first."""
        self._pids = [self.pid, *_descendants(self.pid)]
        rss_mb, descriptors, processes = 0.0, 0, 0
        runs: dict[tuple[int, int], int] = {}
        for pid in self._pids:
            folder = f"/proc/{pid}"
            try:
                rss_mb += int(_read(f"{folder}/statm").split()[1]) * _PAGE_MB
                descriptors += len(os.listdir(f"{folder}/fd"))  # noqa: PTH208 - read between slices, where time counts
                for thread in os.listdir(f"{folder}/task"):  # noqa: PTH208
                    runs[pid, int(thread)] = int(_read(f"{folder}/task/{thread}/schedstat").split()[2])
                processes += 1
            except (OSError, IndexError):  # it has ended, or a thread of it has
                continue
        return Usage(self.cpu_ns(), rss_mb, len(runs), processes, descriptors, runs)

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


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - half the time of Path.read_bytes
        return file.read(4096)
