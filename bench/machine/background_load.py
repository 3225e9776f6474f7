"""What else runs on the servers' CPUs: the CPU time of every process that has nothing to do with the run.

From each process's own CPU clock, to the nanosecond: what /proc/stat says of a CPU is counted in ticks, and off by a
seventh where a server sleeps and wakes between two of them. A process counts whose main thread was on such a CPU when
it was looked at; one that begins and ends between two looks is not seen.
"""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.machine.process_usage import cpu_ns_of

_KERNEL = 2  # kthreadd, the parent of the kernel's threads
_PARENT, _CPU = 1, 36  # fields of /proc/PID/stat after the name, from 0 (proc_pid_stat(5): 4 and 39)


class BackgroundLoad:
    """The processes beside ours, watched from now on."""

    def __init__(self, cpus: Sequence[int]) -> None:
        self._cpus = sorted(cpus)
        self._began_s = time.monotonic()
        self._before = clocks_ns(cpus)

    def share(self) -> float:
        """Share of the CPUs' time that they have had since."""
        elapsed_s = time.monotonic() - self._began_s
        used_ns = sum(now_ns - self._before.get(pid, now_ns) for pid, now_ns in clocks_ns(self._cpus).items())
        return used_ns / 1e9 / elapsed_s / len(self._cpus)


def clocks_ns(cpus: Sequence[int]) -> dict[int, int]:
    """CPU time so far of each process that is on these CPUs, but for this one, its descendants and the kernel's."""
    parents, places = {}, {}
    for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        fields = _stat(pid)
        if fields:
            parents[pid], places[pid] = int(fields[_PARENT]), int(fields[_CPU])
    found = {pid: cpu_ns_of(pid) for pid, cpu in places.items() if cpu in cpus and not _is_ours(pid, parents)}
    return {pid: used_ns for pid, used_ns in found.items() if used_ns is not None}


def _is_ours(pid: int, parents: Mapping[int, int]) -> bool:
    """Whether it is of this run, or one of the kernel's own threads: what these do is mostly the run's doing."""
    while pid not in (0, _KERNEL, os.getpid()):
        pid = parents.get(pid, 0)
    return pid != 0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything; none if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
