import math

import pytest

from bench.compare.run_values import MetricValues, planned_cases
from bench.plan.toml import load_plan
from bench.schema.load_points import LoadPoint
from tests.support import synthetic
from tests.unit.compare.builders import judge_values, make_search_values


def test_planned_cases_search_competing_arms_only() -> None:
    planned = planned_cases(load_plan("thorough"))
    searched = {case.arm for case in planned if case.load_point.scenario == "max_rate"}
    assert "select/udp" in searched
    assert not {arm for arm in searched if "~control" in arm or "native" in arm}
    at_capacity = {case.arm for case in planned if case.load_point == LoadPoint("capacity", 1, 64)}
    assert "asyncio/tcp~control" in at_capacity


def test_values_leave_out_planned_throughput_of_open_loop() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}}, blocks=3, rounds=2)
    (closed,) = judge_values(rows.trials, rows.slices).cases.values()
    (opened,) = judge_values(rows.trials.assign(loop="open"), rows.slices).cases.values()
    assert set(closed) - set(opened) == {"throughput_rps"}


def test_values_of_search_have_bounds_and_objective() -> None:
    (values,) = make_search_values(10e3, 11e3).cases.values()
    assert values["max_rate_rps"].bounds == (10e3, 11e3)
    assert values["max_rate_rps"].objective == (5000.0, 0.001)


@pytest.mark.parametrize(("median", "comparable"), [(1.0, True), (0.0, False), (math.inf, False), (math.nan, False)])
def test_values_are_comparable_if_positive_and_finite(median: float, comparable: bool) -> None:
    assert MetricValues(median, "valid").is_comparable == comparable


def test_log_ratios_use_common_blocks_with_finite_baseline() -> None:
    model = MetricValues(1.0, "valid", {0: 1.0, 1: 2.0, 2: 3.0})
    baseline = MetricValues(1.0, "valid", {0: 0.5, 1: -math.inf, 3: 1.0})
    assert model.log_ratios_to(baseline) == [0.5]
