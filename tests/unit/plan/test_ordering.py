from bench.plan.matrix import arms, load_points
from bench.plan.ordering import arrival_seed, block_order, round_count, round_order, takes_part
from bench.schema.load_points import LoadPoint
from tests.unit.plan.plans import make_plan, make_scenarios

POINT = LoadPoint("capacity", 1, 64)
SMALL = make_plan(
    models=["select", "asyncio"],
    control="select",
    seed=7,
    scenarios=[
        *make_scenarios(connections=[4, 1], seconds=0.1),
        *make_scenarios(name="sessions", protocol="hola", lifecycle="session", connections=[2], seconds=0.1),
        *make_scenarios(name="latency", rate="common", connections=[4], message_bytes=[64, 1024], seconds=0.1),
        *make_scenarios(name="limit", rate="highest", connections=[4], seconds=0.5),
    ],
)
# Orders and seeds of block 1 as the first version of holabench computed them. A seed repeats a run in every version.
PINNED = {
    ("capacity", 1, 64): ([[5, 3, 7, 1, 0, 6, 2, 4], [0, 4, 2, 6, 5, 3, 1, 7]], [2059455385, 852219067]),
    ("capacity", 4, 64): ([[2, 4, 0, 6, 3, 1, 7, 5], [7, 1, 5, 3, 4, 0, 2, 6]], [3097999704, 740365205]),
    ("sessions", 2, 0): ([[6, 2, 4, 0, 7, 1, 3, 5], [1, 7, 5, 3, 0, 6, 4, 2]], [950160180, 2809269744]),
    ("latency", 4, 64): ([[2, 0, 4, 6, 5, 7, 1, 3], [2, 6, 0, 4, 7, 1, 5, 3]], [210964279, 2063943670]),
    ("latency", 4, 1024): ([[5, 1, 3, 7, 6, 2, 4, 0], [7, 1, 5, 3, 0, 6, 4, 2]], [2797870456, 3105687839]),
}


def test_round_order_and_arrival_seed_of_a_seed_are_pinned() -> None:
    transports = [arm.transport for arm in arms(SMALL)]
    names = [scenario.name for scenario in SMALL.scenarios]
    computed = {}
    for point in load_points(SMALL):
        position = names.index(point.scenario)
        orders = [round_order(7, 1, position, point, number, transports) for number in range(2)]
        seeds = [arrival_seed(7, 1, position, point, number) for number in range(2)]
        computed[point.scenario, point.connections, point.message_bytes] = orders, seeds
        assert round_count(SMALL, SMALL.scenarios[position]) == 4
    assert computed == PINNED


def test_search_order_and_arrival_seed_are_pinned() -> None:
    point = LoadPoint("limit", 4, 64)
    orders = [round_order(7, 0, 3, point, number, ["tcp", "udp", "udp", "tcp"]) for number in range(3)]
    assert orders == [[2, 1, 3, 0], [3, 0, 1, 2], [1, 2, 3, 0]]
    assert arrival_seed(7, 0, 3, point, 5) == 410070072


def test_block_order_of_a_seed_is_pinned() -> None:
    orders = [[position for position in block_order(7, block, 4) if position != 3] for block in range(3)]
    assert orders == [[0, 2, 1], [2, 0, 1], [2, 1, 0]]


def test_round_order_changes_with_seed_block_and_round() -> None:
    def orders(seed: int) -> list[list[int]]:
        return [
            round_order(seed, block, 0, POINT, number, ["tcp", "udp"] * 4) for block in range(3) for number in range(5)
        ]

    assert orders(1) == orders(1) != orders(2)
    assert all(sorted(order) == list(range(8)) for order in orders(1))
    assert len({tuple(order) for order in orders(1)}) > 10


def test_round_order_keeps_arms_of_one_transport_together() -> None:
    transports = ["tcp", "udp", "udp", "tcp", "udp"]
    orders = [round_order(1, 0, 0, POINT, number, transports) for number in range(20)]
    assert {"".join(transports[k][0] for k in order) for order in orders} == {"ttuuu", "uuutt"}


def test_baseline_takes_part_in_every_third_round() -> None:
    assert [number for number in range(7) if takes_part(number, 1, is_baseline=True)] == [0, 3, 6]
    assert [number for number in range(9) if takes_part(number, 4, is_baseline=True)] == [0, 4, 8]


def test_slow_arm_takes_part_in_every_interval() -> None:
    assert [number for number in range(4) if takes_part(number, 1, is_baseline=False)] == [0, 1, 2, 3]
    assert [number for number in range(7) if takes_part(number, 2, is_baseline=False)] == [0, 2, 4, 6]


def test_round_count_divides_seconds_by_slice_length() -> None:
    plan = make_plan(slice_s=0.05)
    assert round_count(plan, plan.scenarios[0]) == 4
