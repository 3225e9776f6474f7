import math
from dataclasses import asdict

import pandas as pd

from bench.export.figures import left_out_lines, split_medians
from bench.schema.metrics import ScenarioKind
from tests.support import synthetic
from tests.unit.analysis.test_search_results import make_trials
from tests.unit.export import builders
from tests.unit.export.builders import ASYNCIO, SELECT, find, make_figures


def test_names_are_unique_and_the_same_in_another_run() -> None:
    names = [(figure.case_name, figure.metric.name) for figure in make_figures(seed=1)]
    assert len(set(names)) == len(names)
    assert names == [(figure.case_name, figure.metric.name) for figure in make_figures(seed=2)]


def test_name_does_not_contain_the_calibrated_rate() -> None:
    names = set()
    for rate_rps in (1000.0, 1234.5):
        rows = synthetic.make_run(builders.RATES, blocks=1, rounds=2)
        figures = builders.figures_of(rows.trials.assign(rate_rps=rate_rps), rows.slices.assign(rate_rps=rate_rps))
        names.add(find(figures, ASYNCIO, "service_p50_us").case_name)
        assert find(figures, ASYNCIO, "service_p50_us").rate_rps == rate_rps
    assert names == {ASYNCIO}


def test_median_is_that_of_the_block_values() -> None:
    figure = find(make_figures(), SELECT, "throughput_rps")
    assert figure.median == pd.Series([value.value for value in figure.block_values]).median()
    assert [value.block for value in figure.block_values] == list(range(8))


def test_fewer_than_six_blocks_have_no_interval() -> None:
    assert find(make_figures(blocks=6), SELECT, "throughput_rps").has_interval
    assert not find(make_figures(blocks=5), SELECT, "throughput_rps").has_interval


def test_invalid_figure_is_left_out_with_its_codes() -> None:
    figures = make_figures(select_codes=builders.INVALID_CODES)
    assert find(figures, SELECT, "throughput_rps").left_out == "invalid: CORRUPT_REPLIES=9"
    assert find(figures, ASYNCIO, "throughput_rps").left_out == ""


def test_one_line_lists_all_metrics_that_are_left_out_for_one_reason() -> None:
    case = "iterative/tcp, capacity, 16 connections, 64 bytes"
    (skipped,) = (line for line in left_out_lines(make_figures()) if line.startswith(case))
    metrics = "throughput_rps, service_p50_us, service_p99_us, service_p99_9_us, cpu_us_per_request, rss_mb, memory_mb"
    assert skipped == f"{case}: {metrics} (skipped: serves one connection at a time)"


def test_infinite_figure_is_left_out() -> None:
    figures = builders.make_run_with_infinite_tail()
    assert find(figures, SELECT, "service_p99_us").left_out == "infinite: too many losses"
    assert find(figures, SELECT, "service_p50_us").left_out == ""


def test_verdict_of_a_block_is_about_its_metric() -> None:
    figures = builders.make_run_with_one_bad_block("LATE_SENDS@p99=50%")
    of_tail = find(figures, SELECT, "service_p99_us").block_values
    assert [value.verdict for value in of_tail] == ["valid"] * 3 + ["invalid"] + ["valid"] * 4
    assert of_tail[3].codes
    memory = find(figures, SELECT, "memory_mb").block_values
    assert {(value.verdict, value.codes) for value in memory} == {("valid", "")}


def test_throughput_that_the_plan_decides_is_no_median_for_a_dashboard() -> None:
    rows = synthetic.make_run(builders.RATES, blocks=6, rounds=4)
    open_loop = rows.trials.assign(loop="open", scenario_kind=ScenarioKind.LATENCY.value)
    medians, lines = split_medians(builders.figures_of(open_loop, rows.slices))
    assert "throughput_rps" not in {figure.metric.name for figure in medians}
    assert "left out: throughput_rps of 3 cases in an open loop (the plan decides it)" in lines


def test_throughput_of_phases_is_measured_though_the_loop_is_open() -> None:
    rows = synthetic.make_run(builders.RATES, blocks=6, rounds=4)
    phases = rows.trials.assign(loop="open", scenario_kind=ScenarioKind.PHASES.value)
    medians, _ = split_medians(builders.figures_of(phases, rows.slices))
    assert "throughput_rps" in {figure.metric.name for figure in medians}


def test_search_has_a_figure_without_interval() -> None:
    searches = pd.DataFrame([asdict(trial) for trial in (*make_trials(0, 7, 0), *make_trials(1, 0, 7))])
    rows = synthetic.make_run({}, blocks=1)
    (figure,) = builders.figures_of(rows.trials, rows.slices, searches)
    assert (figure.metric.name, figure.median, figure.low, figure.blocks) == ("max_rate_rps", 99.0, 100.0, 7)
    assert not figure.has_interval
    assert not figure.left_out
    assert math.isnan(figure.rate_rps)
