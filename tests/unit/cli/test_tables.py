import io

import pandas as pd
import pytest
from rich.console import Console

from bench.cli.tables import render_tables, sample_size_advice
from bench.report.tables import result_tables
from tests.support import synthetic
from tests.support.results import Results, make_run_with_invalid_case, no_results, results_of


@pytest.fixture(scope="module")
def frames() -> Results:
    """Summary and comparisons of a synthetic run with one invalid case."""
    return results_of(make_run_with_invalid_case())


def make_text(frames: Results, width: int = 140) -> str:
    """Return the tables as a terminal of a width shows them."""
    out = io.StringIO()
    console = Console(file=out, width=width)
    for table in render_tables(result_tables(*frames), width):
        console.print(table)
    return out.getvalue()


@pytest.mark.parametrize("width", [140, 106, 80])
def test_tables_fit_terminal_without_truncation(frames: Results, width: int) -> None:
    text = make_text(frames, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width


def test_piped_tables_have_no_control_characters(frames: Results) -> None:
    assert "\x1b" not in make_text(frames)


def test_tables_print_reasons_signs_and_roles(frames: Results) -> None:
    text = make_text(frames)
    assert "iterative/tcp: skipped: serves one connection at a time" in text
    assert "GENERATOR_SATURATED: generator used 93.0% of its CPU: iterative/udp" in text
    assert " ? " in text
    assert "? inconclusive" in text
    assert "asyncio (control)" in text
    assert "reference" in text
    assert "p50, p99: service time" in text
    assert "ratio: median of the ratios inside rounds, not the ratio of the medians" in text


def test_run_without_results_has_no_tables() -> None:
    assert render_tables(result_tables(*no_results()), 80) == []


def test_names_cannot_contain_terminal_markup() -> None:
    rows = synthetic.make_run({"[red]x/tcp": {1: 1e4}}, blocks=1, rounds=1)
    assert "[red]x" in make_text(results_of(rows))


def test_figure_worse_than_its_row_is_marked_and_explained(frames: Results) -> None:
    summary, comparisons = frames
    is_p99 = (summary["arm"] == "select/udp") & (summary["metric"] == "service_p99_us")
    codes = {"verdict": "invalid", "codes": "POLL_BATCH_DELAY@p99=31.0%"}
    marked = summary.assign(**{name: summary[name].mask(is_p99, value) for name, value in codes.items()})
    text = make_text((marked, comparisons))
    (line, *_) = [line for line in text.splitlines() if line.split()[1:2] == ["select"] and " !!" in line]
    assert line.rstrip().endswith("valid")
    assert "POLL_BATCH_DELAY@p99: generator's poll took 31.0% of a latency percentile: select/udp" in text
    assert "!! invalid: only that figure, not its row" in text


def test_finding_is_marked_without_a_doubt_and_explained(frames: Results) -> None:
    summary, comparisons = frames
    is_unfair = summary["arm"] == "multiprocessing/tcp"
    found = summary.assign(findings=summary["findings"].mask(is_unfair, "UNFAIR_SERVICE=80.0%"))
    text = make_text((found, comparisons))
    rows = [line for line in text.splitlines() if line.split()[1:2] == ["multiprocessing"]]
    assert [line.rstrip().endswith(" valid *") for line in rows] == [True, False] * 3
    assert "* UNFAIR_SERVICE: fairness at 80.0% of an even spread: multiprocessing/tcp" in text


def test_latency_table_divides_cpu_time_and_lists_cheapest_first(frames: Results) -> None:
    summary, comparisons = frames
    latency = (
        summary.assign(scenario_kind="latency", rate_rps=1e4),
        comparisons.assign(scenario_kind="latency", rate_rps=1e4),
    )
    text = make_text(latency)
    assert "CPU µs / asyncio" in text
    tables = result_tables(*latency)
    for table in tables:
        costs = [row.values[table.metrics[0]].median for row in table.rows if row.rank is None and row.arm.competes]
        known = [cost for cost in costs if cost == cost]
        assert known == sorted(known)


def test_few_blocks_are_reported_once_below_all_tables() -> None:
    rows = synthetic.make_run(synthetic.TCP, blocks=2, rounds=2)
    frames = results_of(rows)
    assert frames[0]["codes"].str.contains("FEW_BLOCKS").any()
    assert "FEW_BLOCKS" not in make_text(frames)
    assert "--blocks 10" in sample_size_advice(result_tables(*frames))[0]


def test_code_of_many_servers_has_one_line(frames: Results) -> None:
    summary, comparisons = frames
    is_over_udp = (summary["arm"].str.contains("/udp")) & (summary["metric"] == "throughput_rps")
    codes = {"verdict": "invalid", "codes": "RUN_DELAY=62.0%"}
    delayed = summary.assign(**{name: summary[name].mask(is_over_udp, value) for name, value in codes.items()})
    (line, *_) = [line for line in make_text((delayed, comparisons)).splitlines() if "RUN_DELAY" in line]
    assert line.strip() == "RUN_DELAY: generator preempted up to 62.0% of the time: 6 servers"


def test_few_blocks_of_a_hidden_metric_need_no_advice(frames: Results) -> None:
    summary, comparisons = frames
    for metric, is_advised in (("service_p99_9_us", False), ("service_p99_us", True)):
        few = summary.assign(codes=summary["codes"].mask(summary["metric"] == metric, "FEW_BLOCKS=2"))
        advice = [line for line in sample_size_advice(result_tables(few, comparisons)) if "FEW_BLOCKS" in line]
        assert bool(advice) == is_advised
        assert ["comparisons of p99" in line for line in advice] == [True] * is_advised


def test_few_samples_are_not_reported_as_few_blocks(frames: Results) -> None:
    summary, comparisons = frames
    is_p99 = summary["metric"] == "service_p99_us"
    few = summary.assign(codes=summary["codes"].mask(is_p99, "FEW_BLOCKS=2 FEW_SAMPLES=4"))
    (line,) = sample_size_advice(result_tables(few, comparisons))
    assert line.startswith("Few replies per block, so p99")
    assert "--seconds" in line


def test_few_samples_name_the_seconds_that_print_a_percentile(frames: Results) -> None:
    summary, comparisons = frames
    is_p99 = summary["metric"] == "service_p99_us"
    few = summary.assign(codes=summary["codes"].mask(is_p99, "FEW_SAMPLES@p99=4"))
    (line,) = sample_size_advice(result_tables(few, comparisons), {"capacity": 0.3})
    assert "capacity needs 0.8 s to be printed, 1.9 s to be valid" in line
    some = summary.assign(codes=summary["codes"].mask(is_p99, "FEW_SAMPLES@p99=20"))
    (line,) = sample_size_advice(result_tables(some, comparisons), {"capacity": 0.3})
    assert "capacity needs 0.4 s to be valid" in line


def test_table_of_an_open_loop_shows_latency_instead_of_service_time(frames: Results) -> None:
    summary, comparisons = frames
    renamed = summary["metric"].replace({"service_p50_us": "latency_p50_us", "service_p99_us": "latency_p99_us"})
    both = pd.concat([summary, summary.assign(metric=renamed)]).drop_duplicates(["arm", "connections", "metric"])
    text = make_text((both, comparisons))
    assert "p50, p99: latency" in text
    assert "p50, p99: service time" not in text


def test_enough_blocks_and_samples_need_no_advice(frames: Results) -> None:
    summary, comparisons = frames
    assert sample_size_advice(result_tables(summary.assign(codes=""), comparisons)) == []
