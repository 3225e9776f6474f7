"""Resources of a process tree, read while it is idle.

They are CPU time, memory, threads, context switches and descriptors. CPU time comes from each process's own CPU clock:
clock_gettime with the id (~pid << 3) | 2 (linux/posix-timers.h, CPUCLOCK_SCHED). It counts nanoseconds, includes ended
threads, and takes half a microsecond. ``schedstat`` of a process counts only its main thread; ``stat`` and psutil count
hundredths of a second.

The clock of a process ends with it. Its parent then has its time (cutime and cstime of ``stat``), in ticks. So where
processes come and go the sum is exact to two ticks, whatever their number; elsewhere it is exact to the nanosecond.
Where a parent ignores SIGCHLD, nobody has the time of its ended children, and the sum is unknown.
"""

import contextlib
import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine.affinity import pin_processes
from bench.machine.process_list import forgets_children, newest_pid, read_file, settled_descendants, threads

_SETTLE_S = 0.0001
_SETTLE_TRIES = 20
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1e6

# Sources of a CPU time, from the most exact one to none.
CLOCKS = "clocks"
CGROUP = "cgroup"
TICKS = "clocks and ticks"
UNKNOWN = "unknown"
CPU_SOURCES = (CLOCKS, CGROUP, TICKS, UNKNOWN)


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
    cpu_source: str = CLOCKS  # of the CPU time since the reading before this one: one of CPU_SOURCES


class ProcessTree:
    """A process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._newest_pid = -1
        self._settled = False  # whether the list of processes is complete
        self._pids = [pid]
        self._ended_ns = 0  # CPU time of ended processes at the last reading
        self._source = CLOCKS  # of the last reading

    def pids(self) -> Sequence[int]:
        """Return its processes. Some of them may have ended."""
        self._refresh()
        return self._pids

    def pin(self, cpus: Sequence[int]) -> None:
        """Move all its processes to some CPUs. Raises PermissionError."""
        pin_processes(self._find, cpus)

    def cpu_ns(self) -> float:
        """Return the CPU time of all processes, including those waited for; nan if it is unknown."""
        return self._read_ns(grown=self._refresh())

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
        """Return the memory of all processes with shared pages counted once; None if unknown.

        It is the resident memory of the first process of each program, and the private memory of the others. Pages that
        forked workers share with their parent count once. The proportional set size (PSS) would do that as well, but it
        also divides the interpreter's pages by the number of all servers that run at the same time.
        """
        total_kb, programs = 0, set()
        for pid in self._pids:
            try:
                rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
                program = os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - a text, which may be the path of no file
            except ProcessLookupError:  # a zombie
                continue
            except OSError:
                return None
            kilobytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in rollup)}
            private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
            total_kb += private if program in programs else kilobytes["Rss"]
            programs.add(program)
        return total_kb * 1024 / 1e6 if programs else None

    def _find(self) -> list[int]:
        return self._find_settled()[0]

    def _find_settled(self) -> tuple[list[int], bool]:
        found, settled = settled_descendants(self.pid)
        return [self.pid, *found], settled

    def _refresh(self) -> bool:
        """List the processes again if any may be new; return whether one may be, since the last time.

        A list that has not settled may lack a process, so it is read again the next time in any case.
        """
        newest, before = newest_pid(), self._newest_pid
        if newest == before and self._settled:
            return False
        self._pids, self._settled = self._find_settled()
        self._newest_pid = newest
        return before != -1

    def _read_ns(self, *, grown: bool) -> float:
        """Return the sum of all clocks. Ended processes are in it if their parents count them.

        grown: whether a process may have started since the last reading, and ended as well.
        """
        if self._source == UNKNOWN or (grown and any(map(forgets_children, self._pids))):
            self._source = UNKNOWN
            return math.nan
        total_ns = self._ended_outside_ns()
        for pid in self._pids:
            process_ns = cpu_ns_of(pid)
            with contextlib.suppress(OSError):  # it has ended
                total_ns += process_ns + ended_children_ns(pid) if process_ns is not None else 0
        return total_ns

    def _ended_outside_ns(self) -> int:
        """Return the CPU time of ended processes that no process of the tree counts."""
        return 0

    def _usage(self, cpu_ns: float) -> Usage:
        rss_mb, descriptors, processes = 0.0, 0, 0
        runs: dict[tuple[int, int], int] = {}
        for pid in self._pids:
            folder = f"/proc/{pid}"
            try:
                pages = int(read_file(f"{folder}/statm").split()[1])
            except OSError:  # it has ended
                continue
            if not pages:  # a zombie, which has a clock and nothing else
                continue
            rss_mb += pages * _PAGE_MB
            processes += 1
            with contextlib.suppress(OSError):  # hidden, or it has ended
                descriptors += len(os.listdir(f"{folder}/fd"))  # noqa: PTH208 - between slices, where time counts
            for thread in threads(pid):
                with contextlib.suppress(OSError, IndexError):  # it has ended
                    runs[pid, thread] = int(read_file(f"{folder}/task/{thread}/schedstat").split()[2])
        return Usage(cpu_ns, rss_mb, len(runs), processes, descriptors, runs, self._source_since_last())

    def _source_since_last(self) -> str:
        """Return the source of the CPU time between the last two readings."""
        if self._source != CLOCKS:
            return self._source
        before, self._ended_ns = self._ended_ns, self._ended_outside_ns()
        for pid in self._pids:
            with contextlib.suppress(OSError):  # it has ended
                self._ended_ns += ended_children_ns(pid)
        return CLOCKS if self._ended_ns == before else TICKS


class UnknownUsage:
    """Replaces the process tree of a running server.

    The server may be on another machine.
    """

    def pin(self, cpus: Sequence[int]) -> None:
        """Do nothing: the server runs where it runs."""

    def usage(self) -> Usage:
        """Return a usage whose values are unknown."""
        return Usage(math.nan, math.nan, 0, 0, 0, {}, UNKNOWN)

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


def ended_children_ns(pid: int) -> int:
    """Return the CPU time of children that were waited for. Raises OSError if the process has ended.

    Fields 16 and 17 of stat (proc_pid_stat(5)) have it in ticks.
    """
    after_name = read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return (int(after_name[13]) + int(after_name[14])) * TICK_NS
