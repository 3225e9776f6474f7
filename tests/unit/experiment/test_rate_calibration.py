from bench.experiment.rate_calibration import Capacity, rates_by_load
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
