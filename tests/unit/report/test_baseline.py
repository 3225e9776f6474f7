"""Report, charts and terminal describe the baseline by the figures of the run."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bench.cli.tables import render_tables
from bench.report.baseline import Standing, baseline_note, describe_standing, standings
from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.report.tables import result_tables
from bench.schema.arms import Arm
from tests.support import synthetic
from tests.support.reports import make_report
from tests.support.results import results_of
from tests.unit.report.chart_texts import visible_texts

IS_LIMIT, IS_NO_LIMIT = "the limit of this machine with this generator", "a compiled baseline, not a limit"
FASTER = {"native/tcp": {16: 60e3}, "asyncio/tcp": {16: 30e3}, "select/tcp": {16: 40e3}}
SLOWER = FASTER | {"native/tcp": {16: 36e3}}
STANDING = Standing(Arm("native", "tcp"), Arm("select", "tcp"), 16, 1.0, 0.98, 1.02)


def make_tables(rates: synthetic.Rates, **judged: tuple[str, str]) -> ChartTables:
    """Return the tables of a run. judged: verdict and codes of some models."""
    by_case = {(f"{model}/tcp", 16): judgement for model, judgement in judged.items()}
    rows = synthetic.make_run(rates, blocks=6, rounds=4, judged=by_case)
    summary, comparisons = results_of(rows)
    return ChartTables(summary, comparisons, rows.histograms, rows.trials, rows.slices)


def rows_of(tables: ChartTables) -> list[dict[str, object]]:
    """Return the comparisons as rows of comparisons.csv."""
    return [{str(name): value for name, value in row.items()} for row in tables.comparisons.to_dict("records")]


def texts_of(tables: ChartTables) -> dict[str, str]:
    """Return the text of the report, of the chart of rates and of the terminal, each on one line."""
    markdown, page = make_report(tables.summary, tables.comparisons, tables.trials)
    (request,) = [each for each in chart_requests(tables.summary, tables.trials) if each.topic == "throughput"]
    figure = build_chart(request, tables)
    assert figure is not None
    terminal = Console(file=io.StringIO(), width=200)
    for table in render_tables(result_tables(tables.summary, tables.comparisons), 200):
        terminal.print(table)
    assert isinstance(terminal.file, io.StringIO)
    texts = {
        "markdown": markdown,
        "page": page,
        "chart": " ".join(text for text, _ in visible_texts(figure)),
        "terminal": terminal.file.getvalue(),
    }
    return {place: " ".join(text.split()) for place, text in texts.items()}


def test_every_output_calls_a_baseline_the_limit_that_no_server_exceeds() -> None:
    for place, text in texts_of(make_tables(FASTER)).items():
        assert IS_LIMIT in text, place
        assert IS_NO_LIMIT not in text, place


def test_no_output_calls_a_baseline_the_limit_that_a_server_exceeds() -> None:
    texts = texts_of(make_tables(SLOWER))
    for place, text in texts.items():
        assert IS_LIMIT not in text, place
        assert (
            "not known to be a limit over TCP at 16 connections" in text if place == "chart" else IS_NO_LIMIT in text
        ), place
    assert "native reaches 0.9" in texts["terminal"]
    assert "the rate of select, the fastest server" in texts["terminal"]


@pytest.mark.parametrize(
    ("ratio", "low", "high", "end"),
    [
        (1.1, 1.05, 1.15, f"1.10 times (1.05 to 1.15) the rate of select, the fastest server: {IS_LIMIT}."),
        (1.2, 0.61, 2.37, "the interval leaves open whether a server is faster, so this is not known to be a limit."),
        (0.99, 0.97, 1.01, f"0.99 times (0.97 to 1.01) the rate of select, the fastest server: {IS_NO_LIMIT}."),
    ],
)
def test_sentence_follows_from_ratio_and_interval(ratio: float, low: float, high: float, end: str) -> None:
    assert describe_standing(replace(STANDING, ratio=ratio, low=low, high=high)).endswith(end)


def test_fastest_server_that_is_not_ranked_is_named_with_the_reason() -> None:
    sentence = describe_standing(STANDING, ["select"])
    assert "the fastest server (not ranked, because it needs several CPUs):" in sentence


def test_ratio_of_a_single_block_has_no_interval() -> None:
    sentence = describe_standing(replace(STANDING, ratio=1.1, low=float("nan"), high=float("nan")))
    assert "native reaches 1.10 times the rate of select" in sentence


def test_invalid_figures_of_a_server_do_not_count() -> None:
    (standing,) = standings(rows_of(make_tables(SLOWER, select=("invalid", "CORRUPT_REPLIES=3"))))
    assert (standing.fastest.label, standing.is_limit) == ("asyncio", True)


def test_baseline_with_invalid_figures_has_no_standing() -> None:
    tables = make_tables(FASTER, native=("invalid", "GENERATOR_DROPS=3"))
    assert standings(rows_of(tables)) == []
    assert baseline_note(tables.comparisons) == []


def test_chart_of_several_numbers_of_connections_names_those_that_exceed() -> None:
    rates = {"native/tcp": {1: 90e3, 16: 36e3}, "asyncio/tcp": {1: 30e3, 16: 40e3}}
    (note,) = baseline_note(make_tables(rates).comparisons)
    assert note.startswith(
        "native, the compiled baseline, serves this many times the rate of the fastest server at 1 and 16 connections: "
    )
    assert note.endswith(" over TCP. It is not known to be a limit over TCP at 16 connections.")


def test_run_without_a_baseline_describes_none() -> None:
    rates = {arm: of_arm for arm, of_arm in FASTER.items() if arm != "native/tcp"}
    for place, text in texts_of(make_tables(rates)).items():
        assert IS_LIMIT not in text, place
        assert IS_NO_LIMIT not in text, place


def test_baseline_has_no_rank() -> None:
    tables = make_tables(FASTER)
    (table,) = result_tables(tables.summary, tables.comparisons)
    assert {row.arm.label: row.rank for row in table.rows if row.arm.is_baseline} == {"native": None}
