"""Limits of containers, from trees as the kernel shows them to a process."""

from pathlib import Path

import pytest

from bench.machine.cgroup_limits import Limits, Throttled, Throttling, read_limits, read_throttled

V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNTS = """31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 {root} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"""
NO_LIMIT = "9223372036854771712"


def write_tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def make_v2(root: Path, group: str, **files: str) -> Path:
    """Write a tree of version 2 with one group; files: with ___ for each dot."""
    folder = f"sys/fs/cgroup{group.rstrip('/')}"
    base = {"proc/self/cgroup": f"0::{group}", "proc/self/mountinfo": V2_MOUNT}
    return write_tree(root, base | {f"{folder}/{name.replace('___', '.')}": text for name, text in files.items()})


def test_machine_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == Limits()
    assert read_throttled(tmp_path) is None
    assert Throttling([0, 1], tmp_path).share() == 0.0


def test_limits_of_version_2_are_read(tmp_path: Path) -> None:
    stat = "anon 1000\ninactive_file 100000000"
    root = make_v2(
        tmp_path,
        "/",
        cpu___max="150000 100000",
        memory___max="512000000",
        memory___current="300000000",
        memory___stat=stat,
        cpu___stat="usage_usec 5\nnr_periods 90\nnr_throttled 7\nthrottled_usec 123456",
    )
    assert read_limits(root) == Limits(1.5, 512_000_000, 312_000_000)
    assert read_throttled(root) == Throttled(7, 123_456)


def test_group_without_limits_is_unlimited(tmp_path: Path) -> None:
    root = make_v2(tmp_path, "/", cpu___max="max 100000", memory___max="max", cpu___stat="nr_throttled 0")
    assert read_limits(root) == Limits()
    assert read_throttled(root) is None


def test_tightest_limit_of_all_parents_counts(tmp_path: Path) -> None:
    root = make_v2(tmp_path, "/user.slice/app.scope", cpu___max="400000 100000", memory___max="8000000000")
    write_tree(root, {"sys/fs/cgroup/user.slice/cpu.max": "200000 100000", "sys/fs/cgroup/memory.max": "4000000000"})
    write_tree(root, {"sys/fs/cgroup/user.slice/cpu.stat": "nr_throttled 2\nthrottled_usec 30"})
    assert read_limits(root) == Limits(2.0, 4_000_000_000)
    assert read_throttled(root) == Throttled(2, 30)


@pytest.mark.parametrize(
    ("group", "mount_root", "folder"),
    [
        ("/", "/", ""),  # a namespace of control groups
        ("/docker/abc", "/docker/abc", ""),  # Docker without one: the container's group is mounted as the root
        ("/docker/abc", "/", "/docker/abc"),  # no container
        ("/docker/abc", "/elsewhere", ""),  # a path of the host that is not visible here
    ],
)
def test_limits_of_version_1_are_read(group: str, mount_root: str, folder: str, tmp_path: Path) -> None:
    cpu, memory = (f"sys/fs/cgroup/{name}{folder}" for name in ("cpu,cpuacct", "memory"))
    root = write_tree(
        tmp_path,
        {
            "proc/self/cgroup": f"9:name=systemd:/\n4:memory:{group}\n2:cpu,cpuacct:{group}\n0::/",
            "proc/self/mountinfo": V1_MOUNTS.format(root=mount_root),
            f"{cpu}/cpu.cfs_quota_us": "50000",
            f"{cpu}/cpu.cfs_period_us": "100000",
            f"{cpu}/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 5000000",
            f"{memory}/memory.limit_in_bytes": "256000000",
            f"{memory}/memory.usage_in_bytes": "56000000",
        },
    )
    assert read_limits(root) == Limits(0.5, 256_000_000, 200_000_000)
    assert read_throttled(root) == Throttled(4, 5_000)


def test_version_1_without_limits_is_unlimited(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n2:cpu,cpuacct:/",
            "proc/self/mountinfo": V1_MOUNTS.format(root="/"),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": NO_LIMIT,
        },
    )
    assert read_limits(root) == Limits()


def test_throttling_is_a_share_of_all_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times_s = iter([100.0, 102.0])
    monkeypatch.setattr("bench.machine.cgroup_limits.time.monotonic", lambda: next(times_s))
    root = make_v2(tmp_path, "/", cpu___max="100000 100000", cpu___stat="nr_throttled 1\nthrottled_usec 1000000")
    throttling = Throttling([0, 1], root)
    make_v2(root, "/", cpu___stat="nr_throttled 9\nthrottled_usec 3000000")
    assert throttling.share() == 0.5


def test_limits_of_this_machine_can_be_read() -> None:
    limits = read_limits()
    assert limits.cpus is None or limits.cpus > 0
    assert limits.memory_bytes is None or limits.memory_bytes > 0
