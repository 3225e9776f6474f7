"""Limits of a container: its share of the CPUs, its memory, and how long it was throttled.

A control group has them, in version 1 or 2 (cgroups(7)). A limit of a group holds for all groups inside it, so every
group from this process's own up to the root is read. Each function takes the root of the file system, for tests.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine.kernel_files import read_kernel_file

ROOT = Path("/")
_NO_MEMORY_LIMIT = 1 << 60  # bytes; version 1 writes its largest number instead of "max"
_NS_PER_US = 1000


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of this process's control groups. None means no limit."""

    cpus: float | None = None  # CPU seconds per second
    memory_bytes: int | None = None
    free_memory_bytes: int | None = None  # of the tightest limit


@dataclass(frozen=True, slots=True)
class Throttled:
    """Throttling: number of periods, and time in which the kernel kept processes of the group from running."""

    periods: int
    us: int  # the sum over CPUs


def read_limits(root: Path = ROOT) -> Limits:
    """Return the tightest limits of all groups that this process is in."""
    quotas = [quota for group in _groups("cpu", root) if (quota := _quota_cpus(group)) is not None]
    memory = [pair for group in _groups("memory", root) if (pair := _memory_bytes(group)) is not None]
    free = [limit - used for limit, used in memory if used is not None]
    limits = [limit for limit, _ in memory]
    return Limits(min(quotas, default=None), min(limits, default=None), max(0, min(free)) if free else None)


def read_throttled(root: Path = ROOT) -> Throttled | None:
    """Return the throttling so far; None if no group is limited."""
    groups = [group for group in _groups("cpu", root) if _quota_cpus(group) is not None]
    stats = [_numbers(group / "cpu.stat") for group in groups]
    if not any(stats):
        return None
    us = sum(stat.get("throttled_usec", stat.get("throttled_time", 0) // _NS_PER_US) for stat in stats)
    return Throttled(sum(stat.get("nr_throttled", 0) for stat in stats), us)


class Throttling:
    """The throttling of this process and its children from now on."""

    def __init__(self, cpus: Sequence[int], root: Path = ROOT) -> None:
        self._cpus = max(1, len(set(cpus)))
        self._root = root
        self._start_s = time.monotonic()
        self._before = read_throttled(root)

    def share(self) -> float:
        """Return the share of the CPUs' time in which processes were kept from running; 0 without a quota."""
        now, elapsed_s = read_throttled(self._root), time.monotonic() - self._start_s
        if self._before is None or now is None or elapsed_s <= 0:
            return 0.0
        return max(0, now.us - self._before.us) / 1e6 / elapsed_s / self._cpus


def _groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of a controller, from this process's group up to the root of the mount."""
    for path in _paths(controller, root):
        for mount_root, mount_point in _mounts(controller if path[1] else "", root):
            inside = path[0].removeprefix(mount_root.rstrip("/")) if path[0].startswith(mount_root) else ""
            top = root / mount_point.lstrip("/")
            folder = top / inside.lstrip("/")
            if not folder.is_dir():  # a container sees its own group as the root
                folder = top
            while True:
                yield folder
                if folder == top or top not in folder.parents:
                    break
                folder = folder.parent


def _paths(controller: str, root: Path) -> list[tuple[str, bool]]:
    """Return the groups of this process for a controller, and whether each is of version 1."""
    paths = []
    for line in read_kernel_file(root / "proc/self/cgroup").splitlines():
        number, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            paths.append((path, True))
        elif number == "0" and not controllers:
            paths.append((path, False))
    return paths


def _mounts(controller: str, root: Path) -> Iterator[tuple[str, str]]:
    """Yield root and mount point of each mount of a controller; controller: "" means version 2."""
    for line in read_kernel_file(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        fields = before.split()
        is_wanted = controller in options.split(",") if controller else True
        if kind == ("cgroup" if controller else "cgroup2") and is_wanted:
            yield fields[3], fields[4]


def _quota_cpus(group: Path) -> float | None:
    if (quota := read_kernel_file(group / "cpu.max").split()) and quota[0] != "max":
        return int(quota[0]) / int(quota[1])
    with contextlib.suppress(ValueError):
        quota_us, period_us = (int(read_kernel_file(group / f"cpu.cfs_{name}_us")) for name in ("quota", "period"))
        return quota_us / period_us if quota_us > 0 else None
    return None


def _memory_bytes(group: Path) -> tuple[int, int | None] | None:
    """Return limit and usage of a group's memory; None without a limit."""
    for limit_name, usage_name in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        limit, usage = read_kernel_file(group / limit_name), read_kernel_file(group / usage_name)
        if limit.isdigit() and int(limit) < _NO_MEMORY_LIMIT:
            cache = _numbers(group / "memory.stat")
            reclaimable = cache.get("inactive_file", cache.get("total_inactive_file", 0))
            return int(limit), int(usage) - reclaimable if usage.isdigit() else None
    return None


def _numbers(path: Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number in each line."""
    words = (line.split() for line in read_kernel_file(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdigit()}
