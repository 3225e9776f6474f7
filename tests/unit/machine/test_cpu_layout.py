import pytest

from bench.machine.cpu_layout import Placement, place


@pytest.mark.parametrize(
    ("cpus", "core_of", "generator", "server"),
    [
        ([0], {}, (0,), (0,)),
        ([0, 1], {}, (0,), (1,)),
        ([2, 5, 7], {}, (2,), (5, 7)),
        (range(8), {}, (0, 1, 2, 3), (4, 5, 6, 7)),
        ([0, 1, 2, 3], {0: "a", 1: "b", 2: "a", 3: "b"}, (0, 2), (1, 3)),
        ([0, 1], {0: "a", 1: "a"}, (0,), (1,)),
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
