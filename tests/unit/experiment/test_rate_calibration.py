import math

import pytest

from bench.experiment.rate_calibration import lower_until, rates_by_load, round_down
from bench.plan.schedule import Schedule, resolve
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios


def make_schedule(**rate: object) -> Schedule:
    scenarios = make_scenarios(name="latency", connections=[16], seconds=0.2, **rate)
    plan = make_plan(transports=["tcp"], models=["select", "epoll"], seed=1, scenarios=scenarios)
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))


@pytest.mark.parametrize(
    ("rate_rps", "expected"),
    [(13_210.4, 13_000), (99_999, 99_000), (100_000, 100_000), (57.9, 57), (7.34, 7.3), (0.29, 0.29), (0.0456, 0.045)],
)
def test_round_down_keeps_two_digits(rate_rps: float, expected: float) -> None:
    assert round_down(rate_rps) == expected


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


def test_rate_is_lowered_until_it_is_suitable() -> None:
    assert lower_until(11_000.0, lambda rate_rps: rate_rps < 6_000) == 5_300
    assert lower_until(11_000.0, bool) == 11_000
    assert lower_until(11_000.0, math.isnan) < 2_000
