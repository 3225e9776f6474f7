"""Populations and phases in the analysis: rows of one never count for another."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.analysis.comparisons import compare_arms
from bench.analysis.rankings import ranks
from bench.analysis.summary import summarise
from bench.report.tables import result_tables
from bench.schema.csv_schema import SliceRow, TrialRow
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import ScenarioKind
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.analysis.builders import REFERENCE_ARMS, only_row

BLOCKS, ROUNDS = 8, 6
LIGHT_US = {"asyncio/tcp": 300.0, "select/tcp": 600.0}  # 99th percentile of the light requests
HEAVY_US = {"asyncio/tcp": 9000.0, "select/tcp": 3000.0}
Tables = tuple[pd.DataFrame, pd.DataFrame]


def make_mixed() -> Tables:
    """Return trials and slices of two populations. In asyncio the light requests are fast and the heavy ones slow."""
    random = np.random.default_rng(3)
    slices, trials = [], []
    for block in range(BLOCKS):
        for arm, light_us in LIGHT_US.items():
            for population, p99_us in (("light", light_us), ("heavy", HEAVY_US[arm])):
                part: dict[str, Any] = {"population": population, "rate_rps": 1000.0}
                rows = [
                    replace(
                        synthetic.make_slice(block, number, arm, 16, "mixed", 1000.0, random),
                        latency_p50_us=p99_us / 3 * random.lognormal(0, 0.02),
                        load_answered=100,
                        server_cpu_us=2000.0,
                        **part,
                    )
                    for number in range(ROUNDS)
                ]
                slices += rows
                trial = synthetic.make_finished_trial(block, arm, 16, "mixed", rows, "valid", "")
                kind = ScenarioKind.MIXED.value
                p99 = p99_us * random.lognormal(0, 0.02)
                trials.append(
                    replace(trial, latency_p99_us=p99, replies=10_000, scenario_kind=kind, loop="open", **part)
                )
    return synthetic.read_back(trials, TrialRow), synthetic.read_back(slices, SliceRow)


def make_phases() -> Tables:
    """Return trials and slices of two phases, which each block has once. asyncio is twice as fast in the overload."""
    random = np.random.default_rng(5)
    slices, trials = [], []
    rates = {("asyncio/tcp", "before"): 500.0, ("select/tcp", "before"): 500.0,
             ("asyncio/tcp", "overload"): 2000.0, ("select/tcp", "overload"): 1000.0}  # fmt: skip
    for block in range(BLOCKS):
        for (arm, phase), rate in rates.items():
            row = synthetic.make_slice(block, 0, arm, 16, "recovery", rate * random.lognormal(0, 0.02), random)
            row = replace(row, population="clients", phase=phase, server_cpu_us=None)
            trial = synthetic.make_finished_trial(block, arm, 16, "recovery", [row], "valid", "")
            slices.append(row)
            kind = ScenarioKind.PHASES.value
            trials.append(replace(trial, population="clients", phase=phase, scenario_kind=kind, loop="open"))
    return synthetic.read_back(trials, TrialRow), synthetic.read_back(slices, SliceRow)


def compare(tables: Tables) -> pd.DataFrame:
    return compare_arms(*tables, REFERENCE_ARMS, DEFAULT_THRESHOLDS)


def test_summary_has_rows_of_its_own_for_each_population() -> None:
    summary = summarise(*make_mixed(), DEFAULT_THRESHOLDS)
    p99 = summary[summary["metric"] == "latency_p99_us"].set_index(["arm", "population"])["median"]
    assert p99["asyncio/tcp", "light"] == pytest.approx(300, rel=0.03)
    assert p99["asyncio/tcp", "heavy"] == pytest.approx(9000, rel=0.03)
    assert (summary["blocks"] == BLOCKS).all()


def test_cpu_time_of_a_request_counts_the_replies_of_all_populations() -> None:
    summary = summarise(*make_mixed(), DEFAULT_THRESHOLDS)
    cost = summary[summary["metric"] == "cpu_us_per_request"]
    assert len(cost) == 4
    assert (cost["median"] == 20.0).all()


def test_percentile_of_mixed_scenario_is_compared_inside_blocks() -> None:
    comparisons = compare(make_mixed())
    for population, conclusion, ratio in (("light", "slower", 2.0), ("heavy", "faster", 1 / 3)):
        row = only_row(comparisons, metric="latency_p99_us", population=population)
        assert (row["conclusion"], row["pairing"], row["blocks"]) == (conclusion, "blocks", BLOCKS)
        assert row["ratio"] == pytest.approx(ratio, rel=0.05)
        assert only_row(comparisons, metric="latency_p50_us", population=population)["pairing"] == "rounds"
    assert "throughput_rps" not in set(comparisons["metric"])  # the plan decides it


def test_populations_are_ranked_apart() -> None:
    comparisons = compare(make_mixed())
    first = {
        population: [arm for arm, (best, _) in ranks(rows.to_dict("records")).items() if best == 1]
        for population, rows in comparisons.groupby("population")
    }
    assert first == {"light": ["asyncio/tcp"], "heavy": ["select/tcp"]}


def test_phases_are_compared_unpaired() -> None:
    comparisons = compare(make_phases())
    overload = only_row(comparisons, metric="throughput_rps", phase="overload")
    assert (overload["conclusion"], overload["pairing"], overload["blocks"]) == ("slower", "unpaired", BLOCKS)
    assert overload["ratio"] == pytest.approx(0.5, rel=0.05)
    assert overload["low"] < overload["ratio"] < overload["high"]
    before = only_row(comparisons, metric="throughput_rps", phase="before")
    assert (before["conclusion"], before["pairing"]) == ("equivalent", "unpaired")


def test_phase_without_cpu_time_has_no_cost_per_request() -> None:
    summary = summarise(*make_phases(), DEFAULT_THRESHOLDS)
    assert summary.loc[summary["metric"] == "cpu_us_per_request", "median"].isna().all()


def test_tables_are_in_the_order_of_the_plan() -> None:
    trials, slices = make_phases()
    tables = result_tables(summarise(trials, slices, DEFAULT_THRESHOLDS), compare((trials, slices)))
    assert [table.load_point.part for table in tables] == ["clients during before", "clients during overload"]
    mixed = make_mixed()
    tables = result_tables(summarise(*mixed, DEFAULT_THRESHOLDS), compare(mixed))
    assert [table.load_point for table in tables] == [
        LoadPoint("mixed", 16, 64, population, rate_rps=1000.0) for population in ("light", "heavy")
    ]
    assert [table.metrics[0] for table in tables] == ["latency_p99_us"] * 2


def test_population_that_gets_no_replies_is_described_by_memory() -> None:
    trials, slices = make_mixed()
    trials = trials.assign(scenario_kind=ScenarioKind.HELD.value, behaviour="silent", latency_p99_us=np.nan)
    slices = slices.assign(throughput_rps=np.nan, latency_p50_us=np.nan, service_p50_us=np.nan)
    summary = summarise(trials, slices, DEFAULT_THRESHOLDS)
    assert (summary.loc[summary["metric"] == "memory_mb", "verdict"] == "valid").all()
    assert summary[summary["verdict"] == "invalid"].empty
    table = result_tables(summary, compare((trials, slices)))[0]
    assert table.metrics == ["memory_mb"]


def test_arms_that_took_turns_are_compared_inside_blocks() -> None:
    trials, slices = make_mixed()
    later = slices["arm"] == "select/tcp"
    in_turns = slices.assign(round=slices["round"] + ROUNDS * later)
    row = only_row(compare((trials, in_turns)), metric="latency_p50_us", population="light")
    assert (row["pairing"], row["conclusion"], row["blocks"]) == ("blocks", "slower", BLOCKS)
    assert row["ratio"] == pytest.approx(2.0, rel=0.05)
