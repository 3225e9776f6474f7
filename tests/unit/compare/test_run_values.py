import math

import pytest

from bench.analysis.cases import CaseKey
from bench.compare.run_values import MetricValues, RunValues, planned_cases
from bench.plan.toml import load_plan
from bench.schema.load_points import LoadPoint
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.compare.builders import judge_values, make_search_values

POINT = LoadPoint("capacity", 16, 64)


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


def make_values_of_blocks(**logs_of_arm: dict[int, float]) -> RunValues:
    """Return a run whose rounds do not have the metric, with the logarithms of each arm by block."""
    cases = {
        CaseKey(f"{arm}/tcp", POINT): {"service_p99_us": MetricValues(1.0, "valid", logs)}
        for arm, logs in logs_of_arm.items()
    }
    return RunValues(cases, {}, [], DEFAULT_THRESHOLDS)


def test_log_ratios_use_common_blocks_with_finite_values_of_others() -> None:
    run = make_values_of_blocks(select={0: 1.0, 1: 2.0, 2: 3.0}, native={0: 0.5, 1: -math.inf, 3: 1.0})
    assert run.log_ratios(CaseKey("select/tcp", POINT), "service_p99_us", ["native/tcp"]) == [0.5]


def test_log_ratios_to_several_arms_use_their_geometric_mean() -> None:
    run = make_values_of_blocks(select={0: 1.0}, poll={0: 0.5}, epoll={0: 0.1})
    others = ["poll/tcp", "epoll/tcp"]
    assert run.log_ratios(CaseKey("select/tcp", POINT), "service_p99_us", others) == [pytest.approx(0.7)]


def test_log_ratios_inside_rounds_are_free_of_common_drift() -> None:
    rows = synthetic.make_run(
        {"select/tcp": {16: 4e4}, "poll/tcp": {16: 2e4}}, blocks=4, rounds=8, noise=0, block_noise=0
    )
    run = judge_values(rows.trials, rows.slices)
    case = CaseKey("select/tcp", POINT)
    assert run.log_ratios(case, "throughput_rps", ["poll/tcp"]) == pytest.approx([math.log(2)] * 4)
    assert len(set(run.cases[case]["throughput_rps"].logs)) == 4, "the values contain the drift"
