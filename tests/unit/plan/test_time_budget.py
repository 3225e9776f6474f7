import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.plan.calibration_time import calibration_s
from bench.plan.definition import Plan, PlanError
from bench.plan.expected_slices import expected_length
from bench.plan.matrix import arms
from bench.plan.ordering import round_count
from bench.plan.population_loads import populations_at
from bench.plan.slice_lengths import FIRST_WARMUP_S, SliceLength
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
from bench.plan.time_costs import (
    BETWEEN_SLICES_S,
    CAPACITY_SLICE_S,
    CASE_S,
    COMMON_RATE_TRIALS,
    FIRST_LOADS,
    FIRST_REPLIES_S,
    RATE_TRIAL_S,
    SERVER_START_S,
    turned_away_s,
)
from bench.plan.toml import load_plan
from bench.schema.load_points import LoadPoint
from tests.unit.plan.plans import MODELS, make_plan

# Whole runs of the presets on a quiet virtual machine with two CPUs and a limit of 20,000 open files.
MEASURED_S = {
    "waiting": 482,  # 484 with the calibration of its controls, which took 2 s
    "computing": 367,
    "mixed": 327,
    "blocking": 380,
    "slow-clients": 253,
    "idle": 600,
    "standard": 370,
}


def documented_minutes() -> dict[str, int]:
    """Return the minutes of each preset in docs/presets.md."""
    text = (Path(__file__).parents[3] / "docs" / "presets.md").read_text()
    return {name: int(minutes) for name, minutes in re.findall(r"^\| `([\w-]+)` \|.*\| (\d+) \|$", text, re.MULTILINE)}


def round_counts(plan: Plan) -> list[int]:
    return [round_count(plan, scenario) for scenario in plan.scenarios]


def slices_of(plan: Plan) -> int:
    return plan.blocks * slices_per_block(plan, MODELS)


@pytest.mark.parametrize(("preset", "measured_s"), MEASURED_S.items())
def test_duration_of_presets_is_as_measured(preset: str, measured_s: float) -> None:
    assert duration_s(load_plan(preset), MODELS) == pytest.approx(measured_s, rel=0.2)


@pytest.mark.parametrize(("preset", "minutes"), documented_minutes().items())
def test_documented_minutes_are_those_of_the_estimate(preset: str, minutes: int) -> None:
    assert minutes == pytest.approx(duration_s(load_plan(preset), MODELS) / 60, rel=0.25, abs=0.5)


def test_duration_of_quick_and_thorough() -> None:
    assert 60 < duration_s(load_plan("quick"), MODELS) < 100
    assert 30 * 60 < duration_s(load_plan("thorough"), MODELS) < 75 * 60


def one_load(**changes: Any) -> Plan:
    """Return a plan of one block with a single load on ``select`` and ``iterative``."""
    scenario = {"name": "load", "protocol": "work", "connections": [1], "seconds": 0.1} | changes
    return make_plan(scenarios=[scenario], transports=["tcp"], baseline="none", blocks=1)


def block_s(plan: Plan) -> float:
    """Return the seconds of one block: what another one adds."""
    return duration_s(msgspec.structs.replace(plan, blocks=2), MODELS) - duration_s(plan, MODELS)


def test_block_of_short_replies_is_its_slices_and_the_start_of_its_servers() -> None:
    slices_s = REPEAT_FACTOR * 4 * (0.025 + BETWEEN_SLICES_S)
    assert block_s(one_load()) == pytest.approx(2 * (SERVER_START_S + CASE_S + FIRST_WARMUP_S + slices_s), rel=0.01)
    loaded_s = FIRST_WARMUP_S + 4 * 0.025
    assert load_s(one_load(), MODELS) == pytest.approx(2 * loaded_s, rel=0.01)  # without repeated rounds


def test_wait_lengthens_slices_of_a_model_with_one_slot() -> None:
    """Of 8 clients that wait 50 ms, ``iterative`` over UDP serves one after the other, and ``select`` all at once."""
    plan = one_load(wait_ms=50.0, connections=[8])
    point = LoadPoint("load", 8, 64)
    lengths = {
        name: expected_length(plan, plan.scenarios[0], point, MODELS[name], "udp") for name in ("iterative", "select")
    }
    assert lengths["select"].cycle_s == pytest.approx(0.05, rel=0.01)
    assert lengths["iterative"].cycle_s == pytest.approx(8 * 0.05, rel=0.01)
    assert lengths["iterative"].slice_s == pytest.approx((3 + 1) * 8 * 0.05, rel=0.01)


def test_compute_of_all_clients_is_one_cycle() -> None:
    plan = one_load(compute_units=1000, connections=[16])
    length = expected_length(plan, plan.scenarios[0], LoadPoint("load", 16, 64), MODELS["select"], "tcp")
    assert length.cycle_s == pytest.approx(16e-3, rel=0.05)
    assert block_s(plan) > 2 * block_s(one_load(connections=[16]))


def test_ten_thousand_connections_take_seconds_in_each_block_and_slice() -> None:
    """10,000 connections: 1 s for each alone, 3 s because others are open, and 55 ms in each of four slices."""
    beside = [{"name": "active", "connections": 1, "rate_rps": 2000}, {"name": "idle", "behaviour": "silent"}]
    few, many = (
        msgspec.structs.replace(one_load(connections=[count], populations=beside), models=("epoll",))
        for count in (1, 10_000)
    )
    of_connections_s = block_s(many) - block_s(few)
    assert of_connections_s == pytest.approx(1.0 + 3.0 + REPEAT_FACTOR * 4 * 0.055, rel=0.01)


@pytest.mark.parametrize(("backlog", "after_s"), [(1, 5.0), (128, 1.0), (1024, 0.0), (None, 0.0)])
def test_short_listen_queue_takes_until_the_timeout(backlog: int | None, after_s: float) -> None:
    scenario = load_plan("burst").scenarios[0]
    populations = populations_at(scenario, LoadPoint(scenario.name, 1000, 64))
    assert turned_away_s(backlog, populations, timeout_s=5.0) == after_s


def test_calibration_takes_longer_with_rates_and_slow_replies() -> None:
    closed, common = (one_load(connections=[4], **changes) for changes in ({}, {"rate": "common"}))
    assert calibration_s(closed, MODELS) == pytest.approx(2 * SERVER_START_S + FIRST_REPLIES_S, rel=0.05)
    more_s = calibration_s(common, MODELS) - calibration_s(closed, MODELS)
    assert more_s == pytest.approx(CAPACITY_SLICE_S + COMMON_RATE_TRIALS * RATE_TRIAL_S, rel=0.05)
    slow = one_load(connections=[4], wait_ms=30.0)
    three_tries_s = FIRST_LOADS * (FIRST_REPLIES_S + 0.03)
    assert calibration_s(slow, MODELS) == pytest.approx(2 * SERVER_START_S + three_tries_s, rel=0.05)


def test_load_of_standard_leaves_time_for_overhead() -> None:
    assert 0.6 * 360 <= load_s(load_plan("standard"), MODELS) <= 0.9 * 360


@pytest.mark.parametrize("minutes", [4.0, 6.0, 30.0])
def test_fit_uses_the_time_and_no_more(minutes: float) -> None:
    plan = fit(load_plan("standard"), minutes, MODELS)
    assert plan.blocks >= MIN_BLOCKS
    assert 0.7 * 60 * minutes < duration_s(plan, MODELS) <= 60 * minutes


def test_fit_changes_blocks_first_and_rounds_last() -> None:
    plan = load_plan("standard")
    longer, shorter, shortest = (fit(plan, minutes, MODELS) for minutes in (30.0, 5.2, 3.9))
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
    assert slow - fast == pytest.approx(REPEAT_FACTOR * 0.5 * slices_of(plan_at_rate(8000)), rel=0.01)
