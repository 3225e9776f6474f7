from pathlib import Path

import pytest

from bench.machine.cpu_layout import (
    Placement,
    cores,
    cpus_of_one_kind,
    kinds,
    parse_cpu_list,
    place,
    place_here,
    place_servers,
    within_quota,
)


@pytest.mark.parametrize(
    ("cpus", "core_of", "generator", "server"),
    [
        ([0], {}, (0,), (0,)),
        ([0, 1], {}, (0,), (1,)),
        ([2, 5, 7], {}, (2,), (5, 7)),
        (range(8), {}, (0, 1, 2, 3), (4, 5, 6, 7)),
        ([0, 1, 2, 3], {0: "a", 1: "b", 2: "a", 3: "b"}, (0, 2), (1, 3)),
        (range(6), {k: k % 3 for k in range(6)}, (0, 3), (1, 2, 4, 5)),
    ],
)
def test_place_divides_whole_cores_with_larger_half_to_servers(
    cpus: range, core_of: dict[int, object], generator: tuple[int, ...], server: tuple[int, ...]
) -> None:
    assert place(cpus, core_of) == Placement(generator, server)


def test_placement_on_one_cpu_is_not_disjoint() -> None:
    assert not place([3], {}).disjoint
    assert place([3, 4], {}).disjoint


def make_sys(root: Path, siblings: dict[int, str], **files: str) -> Path:
    """Write the kernel's description of CPUs below a folder; files: further ones, with __ for each /."""
    for cpu, text in siblings.items():
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{text}\n")
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def test_threads_of_one_core_are_not_cpus_of_their_own(tmp_path: Path) -> None:
    placement = place_here([0, 1], make_sys(tmp_path, {0: "0-1", 1: "0-1"}))
    assert placement == Placement((0,), (1,), shares_core=True)
    assert not placement.disjoint


def test_cpuset_with_one_thread_of_each_core_is_disjoint(tmp_path: Path) -> None:
    siblings = {cpu: f"{cpu % 4},{cpu % 4 + 4}" for cpu in range(8)}
    assert place_here([1, 3], make_sys(tmp_path, siblings)) == Placement((1,), (3,))


def test_cpu_without_topology_is_a_core_of_its_own(tmp_path: Path) -> None:
    assert cores([0, 1, 6], make_sys(tmp_path, {0: "0-1", 1: "0-1"})) == {0: "0-1", 1: "0-1", 6: 6}


@pytest.mark.parametrize("count", range(1, 65))
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_no_core_serves_both_sides_if_there_are_two(count: int, threads: int, tmp_path: Path) -> None:
    if count % threads:
        count += threads - count % threads
    number_of_cores = count // threads
    groups = [",".join(str(core + k * number_of_cores) for k in range(threads)) for core in range(number_of_cores)]
    siblings = {cpu: groups[cpu % number_of_cores] for cpu in range(count)}
    placement = place_here(range(count), make_sys(tmp_path, siblings))
    assert {*placement.generator, *placement.server} == set(range(count))
    assert placement.disjoint is (number_of_cores > 1)
    sides = [{siblings[cpu] for cpu in side} for side in (placement.generator, placement.server)]
    assert bool(sides[0] & sides[1]) is (number_of_cores == 1)
    assert len(placement.generator) <= len(placement.server)


def test_hybrid_processor_uses_its_performance_cores(tmp_path: Path) -> None:
    siblings = {cpu: f"{cpu - cpu % 2}-{cpu - cpu % 2 + 1}" for cpu in range(8)} | {8: "8", 9: "9"}
    lists = {"sys__devices__cpu_core__cpus": "0-7", "sys__devices__cpu_atom__cpus": "8-9"}
    root = make_sys(tmp_path, siblings, **lists)
    assert kinds(range(10), root) == {**dict.fromkeys(range(8), 0), 8: 1, 9: 1}
    assert place_here(range(10), root) == Placement((0, 1, 2, 3), (4, 5, 6, 7))
    assert place_here([0, 1, 8, 9], root) == Placement((8,), (9,))
    assert place_here([0, 8], root).disjoint, "one core of each kind"


def test_arm_processor_uses_its_largest_cores(tmp_path: Path) -> None:
    capacities = {
        f"sys__devices__system__cpu__cpu{cpu}__cpu_capacity": "446" if cpu < 4 else "1024" for cpu in range(8)
    }
    root = make_sys(tmp_path, {cpu: str(cpu) for cpu in range(8)}, **capacities)
    assert place_here(range(8), root) == Placement((4, 5), (6, 7))
    assert place_here(range(4), root) == Placement((0, 1), (2, 3))


def test_cpus_of_equal_kind_are_all_used() -> None:
    assert cpus_of_one_kind([0, 1, 2], {}, {}) == [0, 1, 2]


@pytest.mark.parametrize(
    ("quota_cpus", "expected"),
    [(None, [0, 1, 2, 3]), (4.0, [0, 1, 2, 3]), (2.5, [0, 1]), (2.0, [0, 1]), (0.5, [0]), (3.0, [0, 1, 2])],
)
def test_quota_limits_the_number_of_cpus(quota_cpus: float | None, expected: list[int]) -> None:
    assert within_quota(range(4), {0: "a", 1: "b", 2: "a", 3: "b"}, quota_cpus) == expected


def test_cpu_list_is_read_as_the_kernel_writes_it() -> None:
    assert parse_cpu_list("0-2,5,8-9") == [0, 1, 2, 5, 8, 9]
    assert parse_cpu_list("") == []


def test_servers_alone_get_all_cores_but_one(tmp_path: Path) -> None:
    for cpu in range(4):
        topology = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text("0,2\n" if cpu % 2 == 0 else "1,3\n")
    assert place_servers(range(4), tmp_path) == Placement((0, 2), (1, 3))
    assert place_servers([0, 1], tmp_path) == Placement((0,), (1,))
    assert place_servers([1], tmp_path) == Placement((1,), (1,))
