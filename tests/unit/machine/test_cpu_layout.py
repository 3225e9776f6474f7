import pytest

from bench.machine.cpu_layout import Placement, place


@pytest.mark.parametrize(
    ("cpus", "core_of", "client", "server"),
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
def test_the_cpus_are_shared_out_by_cores_and_the_server_gets_the_larger_half(
    cpus: range, core_of: dict[int, object], client: tuple[int, ...], server: tuple[int, ...]
) -> None:
    assert place(cpus, core_of) == Placement(client, server)


def test_one_cpu_is_shared_and_says_so() -> None:
    assert not place([3], {}).disjoint
    assert place([3, 4], {}).disjoint
