import msgspec
import pytest

from bench.plan.definition import Plan, PlanError
from bench.plan.matrix import arms
from bench.plan.ordering import round_count
from bench.plan.slice_lengths import SliceLength
from bench.plan.time_budget import (
    MIN_BLOCKS,
    MIN_ROUNDS,
    REPEAT_FACTOR,
    backlog_s,
    duration_s,
    fit,
    load_s,
    slices_per_block,
)
from bench.plan.toml import load_plan
from bench.schema.load_points import LoadPoint
from tests.unit.plan.plans import MODELS, make_plan


def round_counts(plan: Plan) -> list[int]:
    return [round_count(plan, scenario) for scenario in plan.scenarios]


def slices_of(plan: Plan) -> int:
    return plan.blocks * slices_per_block(plan, MODELS)


def test_duration_of_presets_is_as_documented() -> None:
    assert 45 < duration_s(load_plan("quick"), MODELS) < 75
    assert 240 < duration_s(load_plan("standard"), MODELS) < 360
    for preset in ("waiting", "computing", "mixed", "blocking"):
        assert 180 < duration_s(load_plan(preset), MODELS) < 480, preset
    assert 30 * 60 < duration_s(load_plan("thorough"), MODELS) < 75 * 60


def test_load_of_standard_leaves_time_for_overhead() -> None:
    assert 0.6 * 360 <= load_s(load_plan("standard"), MODELS) <= 0.9 * 360


@pytest.mark.parametrize("minutes", [3.0, 4.0, 6.0, 30.0])
def test_fit_uses_the_time_and_no_more(minutes: float) -> None:
    plan = fit(load_plan("standard"), minutes, MODELS)
    assert plan.blocks >= MIN_BLOCKS
    assert 0.7 * 60 * minutes < duration_s(plan, MODELS) <= 60 * minutes


def test_fit_changes_blocks_first_and_rounds_last() -> None:
    plan = load_plan("standard")
    longer, shorter, shortest = (fit(plan, minutes, MODELS) for minutes in (30.0, 4.0, 3.0))
    assert longer.blocks > plan.blocks > shorter.blocks > MIN_BLOCKS
    assert round_counts(shorter) == round_counts(plan)
    assert shortest.blocks == MIN_BLOCKS
    for few, usual in zip(round_counts(shortest), round_counts(plan), strict=True):
        assert few < usual if usual > MIN_ROUNDS else few == usual


def test_fit_rejects_too_little_time_with_the_minimum() -> None:
    with pytest.raises(PlanError, match=r"0.5 minutes: too short for this plan, which needs at least \d+"):
        fit(load_plan("standard"), 0.5, MODELS)


def test_fit_keeps_blocks_of_plan_that_only_searches() -> None:
    plan = load_plan("thorough")
    searches = tuple(scenario for scenario in plan.scenarios if scenario.searches)
    searching = msgspec.structs.replace(plan, scenarios=searches)
    assert fit(searching, 60.0, MODELS).blocks == plan.blocks


def plan_at_rate(rate_rps: float) -> Plan:
    scenario = {"name": "latency", "connections": [16], "rate_rps": rate_rps, "seconds": 0.1}
    return make_plan(scenarios=[scenario], timeout_s=0.5)


def test_rate_above_the_capacity_takes_up_to_the_timeout_after_each_slice() -> None:
    point, length = LoadPoint("latency", 16, 64), SliceLength(0.025, 0.003, cycle_s=0.001)  # 16,000 requests/s
    assert backlog_s(plan_at_rate(8000), point, length) == 0
    assert backlog_s(plan_at_rate(32_000), point, length) == pytest.approx(0.025)
    assert backlog_s(plan_at_rate(1e7), point, length) == 0.5
    assert backlog_s(plan_at_rate(1e7), point, SliceLength(0.025, 0.003)) == 0


def test_duration_contains_the_time_after_slices_that_overload_the_server() -> None:
    lengths = {
        (LoadPoint("latency", 16, 64), arm): SliceLength(0.025, 0.003, cycle_s=0.001) for arm in arms(plan_at_rate(1))
    }
    slow, fast = (duration_s(plan_at_rate(rate), MODELS, lengths) for rate in (1e7, 8000))
    assert slow - fast == pytest.approx(REPEAT_FACTOR * 0.5 * slices_of(plan_at_rate(1)), rel=0.01)
