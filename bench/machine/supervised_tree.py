"""Resources of an external server, whose processes are below a supervisor (servers/run_command.py)."""

import contextlib
import math

from bench.machine.cgroup import Cgroup
from bench.machine.process_list import has_ended, settled_descendants
from bench.machine.process_usage import CGROUP, UNKNOWN, ProcessTree, cpu_ns_of, ended_children_ns


class SupervisedTree(ProcessTree):
    """All processes below a supervisor, without the supervisor itself.

    CPU time comes from the cgroup if all of them are in it. Otherwise it is the sum of the clocks, and the supervisor
    counts the ended processes that it had adopted.
    """

    def __init__(self, supervisor_pid: int, cgroup: Cgroup | None) -> None:
        super().__init__(supervisor_pid)
        self._cgroup = cgroup
        self._decided = False

    def _read_ns(self, *, grown: bool) -> float:
        if not self._decided:  # the server is up, so it has joined its cgroup if it could
            self._decided = True
            self._source = CGROUP if self._all_in_cgroup() else self._source
        elif grown and self._source == CGROUP and not self._all_in_cgroup():
            self._source = UNKNOWN  # a process has left it, and took some of its time along
        if self._cgroup is None or self._source != CGROUP:
            return super()._read_ns(grown=grown)
        for pid in self._pids:
            cpu_ns_of(pid)  # has the kernel add the time of running threads
        try:
            return self._cgroup.cpu_ns()
        except OSError:  # it is gone, and the server as well
            return math.nan

    def _find_settled(self) -> tuple[list[int], bool]:
        return settled_descendants(self.pid)

    def _ended_outside_ns(self) -> int:
        with contextlib.suppress(OSError):  # it has ended
            return ended_children_ns(self.pid)
        return 0

    def _all_in_cgroup(self) -> bool:
        if self._cgroup is None:
            return False
        try:
            members = set(self._cgroup.pids())
        except OSError:
            return False
        return all(pid in members or has_ended(pid) for pid in self._find())
