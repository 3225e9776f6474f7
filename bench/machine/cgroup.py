"""A cgroup (v2) for the processes of one server.

Its clock counts everything that ever ran in it, including processes that vanished without a trace. No controller is
switched on, so the kernel schedules its processes as it would without it.

A cgroup can be created by root, and in a session that was delegated to its user: e.g. in
``systemd-run --user --scope -p Delegate=yes``. See cgroup-v2.rst in the kernel's documentation.
"""

import contextlib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_PREFIX = "holabench-"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Cgroup:
    """A cgroup below the one of this process. Its processes may have created further ones below it."""

    path: Path

    def pids(self) -> list[int]:
        """Return its processes. Raises OSError if it is gone."""
        folders = [folder for folder, _, _ in os.walk(self.path)]
        return [int(pid) for folder in folders for pid in Path(folder, "cgroup.procs").read_text().split()]

    def cpu_ns(self) -> int:
        """Return the CPU time of all its processes, including those that have ended. Raises OSError.

        The kernel counts microseconds here. It adds the time of a running thread at the next tick, or when somebody
        reads the clock of its process.
        """
        first_line = (self.path / "cpu.stat").read_text().partition("\n")[0]
        return int(first_line.removeprefix("usage_usec ")) * 1000

    def remove(self) -> None:
        """Kill what is left in it, and remove it. May be called again."""
        with contextlib.suppress(OSError):
            (self.path / "cgroup.kill").write_text("1")
        with contextlib.suppress(OSError):  # a killed process may still be ending; the next run removes its cgroup
            self.path.rmdir()


def create_cgroup() -> Cgroup | None:
    """Create a cgroup below the one of this process; return None where that is not possible.

    Where this cgroup hands the CPU controller down, a new cgroup would be scheduled as one unit beside all others. That
    would change what is measured, so there is none.
    """
    parent = _own_cgroup()
    try:
        if parent is None or "cpu" in (parent / "cgroup.subtree_control").read_text().split():
            return None
        _remove_abandoned(parent)
        path = parent / f"{_PREFIX}{os.getpid()}-{next(_numbers)}"
        path.mkdir()
    except OSError:
        return None
    with contextlib.suppress(OSError):  # exists since Linux 6.1
        (path / "cgroup.pressure").write_text("0")  # each level costs time in every switch between threads
    return Cgroup(path)


def _own_cgroup() -> Path | None:
    """Return the folder of this process's cgroup; None if there is no version 2."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
        own = PurePosixPath(next(line.removeprefix("0::") for line in lines if line.startswith("0::")))
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            mount, _, filesystem = line.partition(" - ")
            root, mount_point = mount.split()[3:5]
            if filesystem.startswith("cgroup2 ") and own.is_relative_to(root) and ".." not in own.parts:
                return Path(mount_point) / own.relative_to(root)
    except (OSError, StopIteration):
        pass
    return None


def _remove_abandoned(parent: Path) -> None:
    """Remove the empty cgroups of runs that were killed."""
    for path in parent.glob(f"{_PREFIX}*-*"):
        pid = path.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(OSError):
                path.rmdir()
