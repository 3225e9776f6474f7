import math

import numpy as np
import pandas as pd
import pytest

from bench.analysis.cases import CaseKey
from bench.compare.changes import Change, changes
from bench.compare.missing_cases import missing, only_in_one
from bench.compare.run_values import RunValues
from bench.schema.load_points import LoadPoint
from clients.quality_catalogue import CATALOGUE
from clients.quality_codes import Thresholds
from tests.support import synthetic
from tests.unit.compare.builders import (
    RATES,
    judge_values,
    make_failing_values,
    make_rows,
    make_search_values,
    make_values,
    make_values_with_baseline,
)


def changes_by_arm(before: RunValues, after: RunValues, metric: str = "throughput_rps") -> dict[str, Change]:
    return {change.arm: change for change in changes(before, after) if change.metric == metric}


def test_change_is_found_where_it_is_and_nowhere_else() -> None:
    found = changes_by_arm(make_values(1), make_values(2, faster=1.3))
    assert list(found) == ["asyncio/tcp", "select/tcp"]
    assert found["select/tcp"].conclusion == "faster"
    assert found["select/tcp"].low < 1.3 < found["select/tcp"].high
    assert found["asyncio/tcp"].conclusion not in ("faster", "slower")
    assert {change.kind for change in found.values()} == {"unpaired"}
    assert found["select/tcp"].load_point == LoadPoint("capacity", 16, 64)


def test_equal_runs_differ_in_at_most_5_percent() -> None:
    wrong = 0
    for seed in range(40):
        found = changes_by_arm(make_values(seed), make_values(1000 + seed))
        wrong += any(change.conclusion in ("faster", "slower") for change in found.values())
    assert wrong <= 7  # binomial(40, .05) exceeds it in 0.1% of cases


def test_change_explained_by_machine_is_inconclusive() -> None:
    found = changes_by_arm(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.88))
    assert found["native/tcp"].conclusion == "slower"
    assert found["asyncio/tcp"].high < 1
    assert (found["asyncio/tcp"].conclusion, found["asyncio/tcp"].verdict) == ("inconclusive", "suspect")
    assert math.isclose(found["asyncio/tcp"].baseline_ratio, 0.88, rel_tol=0.03)


@pytest.mark.parametrize(("machine", "of_select"), [(0.88, 0.75), (1.0, 0.8)])
def test_change_beyond_machine_drift_is_a_difference(machine: float, of_select: float) -> None:
    found = changes_by_arm(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, machine, of_select))
    assert found["select/tcp"].conclusion == "slower"
    assert found["asyncio/tcp"].conclusion in ("inconclusive", "equivalent")


def make_noisy_values(seed: int, machine: float, of_select: float) -> RunValues:
    """Return a run of few blocks on a machine whose speed differs between blocks. of_select: factor for select."""
    speeds = np.random.default_rng(seed).normal(0, 0.3, 4)
    blocks = []
    for block, speed in enumerate(speeds):
        factor = machine * math.exp(speed)
        loads = {"asyncio/tcp": 3e4, "select/tcp": 4e4 * of_select, "native/tcp": 1e5}
        rates = {arm: {16: rate * factor} for arm, rate in loads.items()}
        rows = synthetic.make_run(rates, blocks=1, rounds=8, block_noise=0.005, noise=0.01, seed=100 * seed + block)
        blocks.append([table.assign(block=block) for table in (rows.trials, rows.slices)])
    trials, slices = (pd.concat(tables, ignore_index=True) for tables in zip(*blocks, strict=True))
    return judge_values(trials, slices)


def test_ratios_inside_rounds_show_what_the_values_hide() -> None:
    found = changes_by_arm(make_noisy_values(1, 1.0, 1.0), make_noisy_values(2, 1.05, 0.9))
    select = found["select/tcp"]
    assert select.low < 0.9 < 1 < select.high, "the values alone show nothing"
    assert select.relative_low < 0.9 < select.relative_high < 1
    assert (select.conclusion, select.judged_ratio) == ("slower", select.relative_ratio)
    assert select.detectable_share < 0.1
    assert found["asyncio/tcp"].conclusion not in ("faster", "slower")


def test_runs_on_a_noisy_machine_differ_in_at_most_5_percent() -> None:
    wrong = 0
    for seed in range(40):
        found = changes_by_arm(make_noisy_values(seed, 1.0, 1.0), make_noisy_values(1000 + seed, 1.1, 1.0))
        wrong += any(found[arm].conclusion in ("faster", "slower") for arm in ("asyncio/tcp", "select/tcp"))
    assert wrong <= 7  # binomial(40, .05) exceeds it in 0.1% of cases


def test_relative_change_is_free_of_machine_drift() -> None:
    before, after = make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.88, of_select=0.75)
    select = changes_by_arm(before, after)["select/tcp"]
    assert select.ratio == pytest.approx(0.88 * 0.75, rel=0.03)
    assert select.relative_low < 0.75 < select.relative_high
    assert select.relative_ratio == pytest.approx(0.75, rel=0.03)


def test_relative_change_without_baseline_is_unknown() -> None:
    select = changes_by_arm(make_values(1), make_values(2))["select/tcp"]
    assert math.isnan(select.relative_ratio)
    assert math.isnan(select.baseline_ratio)


def test_change_is_invalid_where_machine_drifted_far() -> None:
    found = changes_by_arm(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.6, of_select=0.5))
    assert found["select/tcp"].verdict == "invalid"


@pytest.mark.parametrize("strict_run", ["before", "after"])
def test_machine_drift_is_judged_by_the_stricter_run(strict_run: str) -> None:
    strict = Thresholds(CATALOGUE, {"MACHINE_DRIFT": [0.01, 0.05]})
    values = {}
    for name, seed, machine in (("before", 1, 1.0), ("after", 2, 0.88)):
        rates = {"asyncio/tcp": {16: 3e4 * machine}, "native/tcp": {16: 1e5 * machine}}
        rows = synthetic.make_run(rates, blocks=10, rounds=8, block_noise=0.01, seed=seed)
        thresholds = strict if name == strict_run else Thresholds(CATALOGUE)
        values[name] = judge_values(rows.trials, rows.slices, thresholds=thresholds)
    assert changes_by_arm(values["before"], values["after"])["asyncio/tcp"].verdict == "invalid"


def test_memory_does_not_depend_on_machine_drift() -> None:
    found = changes_by_arm(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.6), "memory_mb")
    assert {change.verdict for change in found.values()} == {"valid"}
    assert all(math.isnan(change.baseline_ratio) for change in found.values())


def test_detectable_change_shrinks_with_more_blocks() -> None:
    few = synthetic.make_run(RATES, blocks=4, rounds=4, block_noise=0.02)
    many = synthetic.make_run(RATES, blocks=20, rounds=4, block_noise=0.02)
    shares = []
    for rows in (few, many):
        values = judge_values(rows.trials, rows.slices)
        shares.append(changes_by_arm(values, values)["select/tcp"].detectable_share)
    assert 0 < shares[1] < shares[0] / 2


def test_single_block_is_inconclusive() -> None:
    rows = synthetic.make_run(RATES, blocks=1, rounds=4)
    found = changes(judge_values(rows.trials, rows.slices), make_values(2))
    assert {change.conclusion for change in found} == {"inconclusive"}
    assert all(math.isnan(change.low) and not change.is_judged for change in found)
    assert all(math.isnan(change.detectable_share) for change in found)


def test_block_that_lost_everything_makes_change_inconclusive() -> None:
    rows = make_rows(2)
    lost = rows.trials["arm"].eq("select/tcp") & rows.trials["block"].lt(2)
    trials = rows.trials.assign(service_p99_us=rows.trials["service_p99_us"].mask(lost, math.inf))
    found = changes_by_arm(make_values(1, faster=1.3), judge_values(trials, rows.slices), "service_p99_us")
    assert found["select/tcp"].conclusion == "inconclusive"


def test_costs_are_judged_by_codes_that_concern_costs() -> None:
    rows = make_rows(2, faster=0.5, codes="GENERATOR_SATURATED=95.0%")
    before, after = make_values(1), judge_values(rows.trials, rows.slices)
    assert changes_by_arm(before, after)["select/tcp"].verdict == "invalid"
    cost = changes_by_arm(before, after, "cpu_us_per_request")["select/tcp"]
    assert (cost.verdict, cost.conclusion) == ("valid", "slower")


@pytest.mark.parametrize(
    ("after", "conclusion"),
    [
        (make_search_values(8e3, 9e3), "slower"),
        (make_search_values(12e3, 13e3), "faster"),
        (make_search_values(9.5e3, 10.5e3), "inconclusive"),  # the bounds overlap
        (make_search_values(8e3, 9e3, objective_us=3000), "inconclusive"),  # a stricter objective may explain it
        (make_search_values(8e3, 9e3, objective_us=8000), "slower"),
        (make_search_values(12e3, 13e3, objective_us=8000), "inconclusive"),
    ],
)
def test_searches_differ_where_their_bounds_do_not_overlap(after: RunValues, conclusion: str) -> None:
    (change,) = changes(make_search_values(10e3, 11e3), after)
    assert (change.metric, change.conclusion) == ("max_rate_rps", conclusion)
    assert change.low <= change.ratio <= change.high
    assert change.detectable_share == pytest.approx(change.high / change.low - 1)


def test_only_in_one_lists_arms() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}, "poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    other = judge_values(rows.trials, rows.slices)
    assert only_in_one(make_values(1), other) == (["asyncio/tcp~control", "select/tcp"], ["poll/tcp"])
    assert missing(make_values(1), other) == []


def test_only_in_one_lists_load_points_of_common_arms() -> None:
    rows = synthetic.make_run({arm: {16: 3e4, 64: 3e4} for arm in RATES}, blocks=3, rounds=2)
    other = judge_values(rows.trials, rows.slices)
    assert only_in_one(make_values(1), other) == ([], ["capacity, 64 connections, 64 bytes"])


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_missing_arm_has_status_and_reason(status: str) -> None:
    (found,) = missing(make_values(1), make_failing_values(status=status))
    assert (found.arm, found.connections, found.status, found.reason) == ("select/tcp", 16, status, "no ready line")
    assert "throughput_rps" in found.metrics


def test_missing_needs_values_in_the_first_run_only() -> None:
    assert missing(make_failing_values(), make_failing_values()) == []
    assert missing(make_failing_values(), make_values(1)) == []


def test_missing_includes_planned_case_without_rows() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}}, blocks=3, rounds=2)
    planned = {CaseKey("select/tcp", LoadPoint("capacity", 16, 64))}
    (found,) = missing(make_values(1), judge_values(rows.trials, rows.slices, planned=planned))
    assert (found.arm, found.status) == ("select/tcp", "missing")


def test_missing_includes_metric_of_arm_that_served_nothing() -> None:
    rows = make_rows(2)
    of_select = rows.slices["arm"] == "select/tcp"
    slices = rows.slices.assign(throughput_rps=rows.slices["throughput_rps"].mask(of_select, 0.0))
    (found,) = missing(make_values(1), judge_values(rows.trials, slices))
    assert (found.metrics, found.status, found.reason) == (("throughput_rps",), "ok", "nothing was served")


def test_missing_includes_search_without_passing_rate() -> None:
    before, after = make_search_values(10e3, 11e3), make_search_values(10e3, 11e3, passes=False)
    assert changes(before, after) == []
    assert "no rate" in missing(before, after)[0].reason
