import math

import pytest

from bench.experiment.calibration import (
    RateTrial,
    judge_rate_trial,
    lower_until,
    rates_by_load,
    round_down,
    suits,
)
from bench.experiment.solo_load import LoadResult
from bench.plan.schedule import Schedule, resolve
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios


def make_schedule(**rate: object) -> Schedule:
    scenarios = make_scenarios(name="latency", connections=[16], seconds=0.2, **rate)
    plan = make_plan(transports=["tcp"], models=["select", "epoll"], seed=1, scenarios=scenarios)
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))


@pytest.mark.parametrize(
    ("rate_rps", "expected"),
    [(13_210.4, 13_000), (99_999, 99_000), (100_000, 100_000), (57.9, 57), (7.3, 7), (0.4, 1)],
)
def test_round_down_keeps_two_digits(rate_rps: float, expected: float) -> None:
    assert round_down(rate_rps) == expected


def judge_trial(*flags: tuple[str, str], replies: int = 2_000, **counts: int) -> RateTrial:
    """Judge a trial in which 2,000 requests were due. flags: code and percentile."""
    raised = [{"code": code, "value": 1.0, "percentile": percentile} for code, percentile in flags]
    latency_us = {"count": 2_000, "mean": 50.0}
    document = {"verdict": {"flags": raised}, "latency_us": latency_us, "duration_s": 0.2, "replies": replies}
    return judge_rate_trial(LoadResult([{"unsent": 0, "given_up": 0} | counts], document, {}), DEFAULT_THRESHOLDS)


@pytest.mark.parametrize(
    ("counts", "is_sustained"),
    [
        ({}, True),
        ({"replies": 1_980}, True),
        ({"replies": 1_934}, False),  # 0.967 of what was due
        ({"given_up": 1}, False),
        ({"unsent": 1}, False),
    ],
)
def test_rate_is_sustained_if_99_percent_is_answered(counts: dict[str, int], is_sustained: bool) -> None:
    assert judge_trial(**counts) == RateTrial(is_sustained, is_punctual=True)


def test_generator_is_punctual_if_no_code_concerns_the_median() -> None:
    assert judge_trial(("LATENESS_IN_LATENCY", "p99"), ("RUN_DELAY", "")).is_punctual
    assert not judge_trial(("LATENESS_IN_LATENCY", "p50")).is_punctual


def test_rate_suits_if_all_arms_sustain_it_and_most_are_loaded_punctually() -> None:
    good, late, slow = RateTrial(True, True), RateTrial(True, False), RateTrial(False, True)
    assert suits([good, good, late])
    assert not suits([good, late, late])
    assert not suits([good, good, slow])


def test_rate_is_lowered_until_it_is_suitable() -> None:
    assert lower_until(11_000.0, lambda rate_rps: rate_rps < 6_000) == 5_300
    assert lower_until(11_000.0, bool) == 11_000
    assert lower_until(11_000.0, math.isnan) < 2_000


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
