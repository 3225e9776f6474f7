"""CPU time of unrelated processes on the servers' CPUs.

It is read from each process's own CPU clock, which counts nanoseconds. The CPU lines of /proc/stat count ticks, and are
off by a seventh where a server sleeps and wakes between two ticks. A process counts if its main thread was on one of
the CPUs at a reading. A process that starts and ends between two readings is not seen.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.machine.process_usage import cpu_ns_of

_KTHREADD = 2  # process id of kthreadd, the parent of the kernel's threads
_PARENT, _CPU = 1, 36  # fields of /proc/PID/stat after the name, from 0 (proc_pid_stat(5): 4 and 39)


class BackgroundLoad:
    """Unrelated processes, observed from now on."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._cpus = sorted(cpus)
        self._start_s = time.monotonic()
        self._before = background_clocks_ns(cpus)

    def share(self) -> float:
        """Return the share of the CPUs' time that these processes took since the start."""
        elapsed_s = time.monotonic() - self._start_s
        clocks_ns = background_clocks_ns(self._cpus)
        used_ns = sum(_used_ns(self._before.get(pid, now_ns), now_ns) for pid, now_ns in clocks_ns.items())
        return used_ns / 1e9 / elapsed_s / len(self._cpus)


def _used_ns(before_ns: int, now_ns: int) -> int:
    """Return the difference of two readings. A clock that went back belongs to a new process with an old id."""
    return now_ns - before_ns if now_ns >= before_ns else now_ns


def background_clocks_ns(cpus: Sequence[int]) -> dict[int, int]:
    """Return the CPU time so far of each process on some CPUs, by process id.

    This process, its descendants and the kernel's threads are left out.
    """
    parents, current_cpus = {}, {}
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        fields = _stat_fields(pid)
        if fields:
            parents[pid], current_cpus[pid] = int(fields[_PARENT]), int(fields[_CPU])
    unrelated = [pid for pid, cpu in current_cpus.items() if cpu in cpus and not _is_related(pid, parents)]
    clocks_ns = {pid: cpu_ns_of(pid) for pid in unrelated}
    return {pid: used_ns for pid, used_ns in clocks_ns.items() if used_ns is not None}


def _is_related(pid: int, parents: Mapping[int, int]) -> bool:
    """Return whether a process belongs to this run or to the kernel.

    The kernel's threads mostly work for the run.
    """
    while pid not in (0, _KTHREADD, os.getpid()):
        pid = parents.get(pid, 0)
    return pid != 0


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the name.

    The name may contain anything. There are no fields if the process has ended.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
