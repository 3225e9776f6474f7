from hypothesis import given
from hypothesis import strategies as st

from bench.experiment.rate_calibration import Capacity, rates_by_load, repeat_slowest
from bench.plan.schedule import Schedule, resolve
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios


def make_schedule(**rate: object) -> Schedule:
    scenarios = make_scenarios(name="latency", connections=[16], seconds=0.2, **rate)
    plan = make_plan(transports=["tcp"], models=["select", "epoll"], seed=1, scenarios=scenarios)
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))


def test_common_rate_belongs_to_every_arm_and_baseline_to_transport() -> None:
    schedule = make_schedule(rate="common")
    rows = [RateRow("latency", 16, 64, arm, "common", 40_000.0, 20_000.0) for arm in ("select/tcp", "native/tcp")]
    rates, point = rates_by_load(schedule, rows), schedule.block_loads[0].point
    assert rates.arm_rates == {(point, arm): 20_000.0 for arm in schedule.arms}
    assert rates.baseline_rates == {(point, "tcp"): 40_000.0}


def test_capacity_share_belongs_to_its_own_arm_only() -> None:
    schedule = make_schedule(capacity_share=0.5)
    rates = rates_by_load(
        schedule, [RateRow("latency", 16, 64, "select/tcp", "capacity_share=0.5", 40_000.0, 20_000.0)]
    )
    assert rates.arm_rates == {(schedule.block_loads[0].point, Arm("select", "tcp")): 20_000.0}
    assert rates.baseline_rates == {}


def test_capacity_is_known_if_nearly_everything_was_answered() -> None:
    assert Capacity(1_000.0, answered_share=1.0).is_known
    assert Capacity(1_000.0, answered_share=0.99).is_known
    assert not Capacity(1_000.0, answered_share=0.9).is_known
    assert not Capacity(0.0, answered_share=0.0).is_known


ARMS = [Arm(model, "tcp") for model in ("select", "epoll", "asyncio")]


def repeat(first_rps: list[float], second_rps: list[float]) -> tuple[dict[Arm, float], list[Arm]]:
    """Return the capacities after repetition, and the arms that were repeated."""
    repeated: list[Arm] = []

    def measure(arm: Arm) -> Capacity:
        repeated.append(arm)
        return Capacity(second_rps[ARMS.index(arm)], answered_share=1.0)

    once = {arm: Capacity(rate_rps, answered_share=1.0) for arm, rate_rps in zip(ARMS, first_rps, strict=True)}
    found = repeat_slowest(once, ARMS, measure)
    return {arm: capacity.rate_rps for arm, capacity in found.items()}, repeated


@given(*[st.lists(st.floats(1.0, 1e6), min_size=3, max_size=3)] * 2)
def test_smallest_capacity_is_that_of_two_loads_on_every_arm(first_rps: list[float], second_rps: list[float]) -> None:
    found, repeated = repeat(first_rps, second_rps)
    assert min(found.values()) == min(map(max, zip(first_rps, second_rps, strict=True)))
    assert len(repeated) == len(set(repeated))


def test_only_arms_that_may_be_the_slowest_are_repeated() -> None:
    found, repeated = repeat([100.0, 110.0, 200.0], [130.0, 90.0, 300.0])
    assert repeated == [ARMS[0], ARMS[1]]  # the first was disturbed, so the second may be the slowest
    assert found == {ARMS[0]: 130.0, ARMS[1]: 110.0, ARMS[2]: 200.0}


def test_arm_that_answered_too_little_is_not_repeated() -> None:
    once = {ARMS[0]: Capacity(10.0, answered_share=0.5), ARMS[1]: Capacity(100.0, answered_share=1.0)}
    repeated: list[Arm] = []

    def measure(arm: Arm) -> Capacity:
        repeated.append(arm)
        return once[arm]

    assert repeat_slowest(once, once, measure) == once
    assert repeated == [ARMS[1]]
