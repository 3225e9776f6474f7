from dataclasses import replace

import pytest

from bench.experiment.rate_calibration import rates_by_load
from bench.plan.schedule import Schedule, resolve
from bench.schema.arms import Arm
from tests.unit.plan.plans import MODELS, make_plan


def make_schedule(key: str, value: float) -> Schedule:
    """Return the schedule of one burst of connects. key, value: how its rate is decided."""
    scenario = {
        "name": "burst",
        "populations": [{"name": "clients", "connections": 10, "lifecycle": "per_request"}],
        "phases": [
            {"name": "burst", "seconds": 0.01, key: {"clients": value}},
            {"name": "afterwards", "seconds": 1.0, "off": ["clients"]},
        ],
    }
    plan = make_plan(seed=1, models=["select"], transports=["tcp"], baseline="none", scenarios=[scenario])
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))


def test_rates_of_the_plan_need_no_calibration() -> None:
    schedule = make_schedule("rate_rps", 1000.0)
    (load,) = schedule.block_loads
    assert load.has_planned_rates
    rates = rates_by_load(schedule, [])
    assert rates.arm_rates == {(load.parts[0].point, Arm("select", "tcp")): pytest.approx(1000.0)}


def test_shares_of_the_capacity_need_a_calibration() -> None:
    schedule = make_schedule("capacity_share", 0.5)
    assert not schedule.block_loads[0].has_planned_rates
    assert rates_by_load(schedule, []).arm_rates == {}


def test_calibration_of_phases_has_at_most_64_connections() -> None:
    (load,) = make_schedule("capacity_share", 0.5).block_loads
    (population,) = load.populations
    assert load.as_calibrated(population) == population
    assert load.as_calibrated(replace(population, connections=900)).connections == 64
