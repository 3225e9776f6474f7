from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.analysis.summary import SUMMARY_COLUMNS
from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import QUESTIONS, ChartTables, chart_names, chart_requests
from bench.report.charts.style import FIXED, styles
from bench.schema.arms import BASELINE_MODEL, Arm
from tests.support import synthetic
from tests.support.results import results_of
from tests.unit.report.chart_texts import assert_legible, find_name_markers, visible_texts

JUDGED = {
    ("thread_per_client/tcp", 64): ("suspect", "CPU_STEAL=2.0% UNFAIR_SERVICE=90.0%"),
    ("iterative/udp", 64): ("invalid", "GENERATOR_SATURATED=93.0%"),
}


def make_charts(rows: synthetic.Rows) -> dict[str, Figure]:
    """Return every chart of synthetic rows, by the name of its files."""
    summary, comparisons = results_of(rows)
    tables = ChartTables(summary, comparisons, rows.histograms, rows.trials, rows.slices)
    requests = chart_requests(summary, rows.trials)
    drawn = {request: figure for request in requests if (figure := build_chart(request, tables))}
    return dict(zip(chart_names(list(drawn)), drawn.values(), strict=True))


@pytest.fixture(scope="module")
def charts() -> dict[str, Figure]:
    capacity = synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=4, judged=JUDGED, histograms=True)
    sessions = synthetic.make_run(synthetic.SESSIONS, scenario="sessions", blocks=6, rounds=4)
    return make_charts(synthetic.concat_runs(capacity, sessions))


def test_run_has_a_chart_for_every_question(charts: dict[str, Figure]) -> None:
    assert list(charts) == [
        "throughput",
        "ratios",
        "transports",
        "service",
        "tail",
        "sessions",
        "cpu",
        "memory",
        "steady",
    ]
    assert all(question.endswith("?") for question in QUESTIONS.values())


@pytest.mark.parametrize("name", ["throughput", "ratios", "service", "sessions", "cpu", "memory"])
def test_chart_texts_neither_overlap_nor_leave_the_page(charts: dict[str, Figure], name: str) -> None:
    assert_legible(charts[name])


@pytest.mark.parametrize("name", ["throughput", "service", "sessions", "cpu", "memory"])
def test_chart_saves_as_png_and_svg(charts: dict[str, Figure], name: str, tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        charts[name].savefig(tmp_path / f"{name}.{kind}", dpi=150)
        assert (tmp_path / f"{name}.{kind}").stat().st_size > 10_000


def test_chart_prints_question_interval_and_notes(charts: dict[str, Figure]) -> None:
    texts = [text for text, _ in visible_texts(charts["throughput"])]
    assert texts[0] == "How many requests per second can each server answer?"
    assert "median of 6 blocks, bars: 97% interval" in texts[1]
    notes = "\n".join(texts)
    assert "Not measured: iterative/tcp at 16 and 64 connections (skipped: serves one connection at a time)" in notes
    invalid = "iterative/udp at 64 connections: generator used 93.0% of its CPU (GENERATOR_SATURATED)"
    assert f"Crossed out (invalid): {invalid}" in notes
    suspect = "thread_per_client/tcp at 64 connections: hypervisor took 2.0% of the CPU time (CPU_STEAL)"
    finding = "thread_per_client/tcp at 64 connections: fairness at 90.0% of an even spread (UNFAIR_SERVICE)"
    assert f"Grey (suspect): {suspect}" in notes
    assert f"Ring (finding about the server): {finding}" in notes
    assert "Thin grey: asyncio (control); noise floor of ratios within rounds: " in notes
    assert "Not ranked" not in notes, "a chart has no ranks"


def test_throughput_of_tcp_and_udp_share_a_scale(charts: dict[str, Figure]) -> None:
    tcp, udp = charts["throughput"].axes
    assert tcp.get_ylim() == udp.get_ylim()
    assert [tick.get_text() for tick in tcp.get_xticklabels()] == ["1", "16", "64"]


def test_labels_of_equal_arms_do_not_overlap() -> None:
    rates = {f"model_number_{number}/tcp": {1: 1e4, 16: 2e4, 64: 2e4} for number in range(9)}
    rates |= {"early/tcp": {1: 1e4}, "also_early/tcp": {1: 1e4}, "asyncio/tcp": {1: 1e4, 16: 2e4, 64: 2e4}}
    for figure in make_charts(synthetic.make_run(rates, blocks=6, rounds=3, histograms=True)).values():
        assert_legible(figure)


def test_single_number_of_connections_is_drawn_as_dots() -> None:
    rates = {arm: {16: of_arm[16]} for arm, of_arm in synthetic.TCP.items() if 16 in of_arm}
    figures = make_charts(synthetic.make_run(rates, blocks=6, rounds=3, histograms=True))
    assert list(figures) == ["throughput", "ratios", "service", "cpu", "memory", "steady"]
    assert len(figures["throughput"].axes) == 1
    for figure in figures.values():
        assert_legible(figure)


def test_ratio_axis_contains_every_mark() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 1e5}, "lossy/tcp": {16: 100.0}}, blocks=6, rounds=3)
    (ax,) = make_charts(rows)["ratios"].axes
    low, high = ax.get_xlim()
    assert low < 0.001 < 1 < high
    assert [tick for tick in ax.get_xticks() if low < tick < high] == pytest.approx([0.001, 0.01, 0.1, 1.0])


def test_run_of_sessions_has_cpu_and_memory_charts() -> None:
    rows = synthetic.make_run(synthetic.SESSIONS, scenario="sessions", blocks=6, rounds=3)
    assert list(make_charts(rows)) == ["sessions", "cpu", "memory"]


def test_run_without_measurements_has_no_charts() -> None:
    assert chart_requests(pd.DataFrame(columns=SUMMARY_COLUMNS), pd.DataFrame()) == []
    rows = synthetic.make_run({"a/tcp": {}, "b/tcp": {1: 1e4}}, blocks=1, rounds=1)
    failed = rows.trials.assign(status="failed", reason="did not get ready")
    assert make_charts(replace(rows, trials=failed)) == {}


def test_each_message_size_has_charts_of_its_own() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {1: 1e4, 16: 2e4}}, blocks=2, rounds=2)
    large = [frame.assign(message_bytes=1024) for frame in (rows.slices, rows.trials, rows.histograms)]
    figures = make_charts(synthetic.concat_runs(rows, synthetic.Rows(*large)))
    assert [name for name in figures if name.startswith("throughput")] == [
        "throughput-capacity-64B",
        "throughput-capacity-1024B",
    ]


def test_baseline_is_drawn_in_rates_but_not_in_memory() -> None:
    rates = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3e4}, "native/tcp": {16: 9e4}}
    charts = make_charts(synthetic.make_run(rates, blocks=6, rounds=2))
    shown = {name: {text for text, _ in visible_texts(charts[name])} for name in ("throughput", "memory")}
    assert "native (baseline)" in shown["throughput"]
    assert not any("native" in text for text in shown["memory"])
    assert any("select" in text for text in shown["memory"])


def test_style_of_model_does_not_depend_on_other_models() -> None:
    few, many = styles(["asyncio", "uvloop"]), styles(["asyncio", "select", "iterative", "uvloop"])
    assert few["asyncio"] == many["asyncio"]
    assert few["uvloop"] == many["uvloop"]


def test_styles_of_models_are_distinct() -> None:
    looks = styles([*FIXED, *(f"other_{number}" for number in range(30))])
    assert len({(style.colour, style.marker) for style in looks.values()}) == len(looks)


def test_lines_of_thirty_models_are_distinct() -> None:
    looks = styles([*FIXED, *(f"other_{number}" for number in range(25))])
    assert len({(style.colour, style.dashes) for style in looks.values()}) == len(looks)
    assert len({(style.marker, style.dashes) for style in looks.values()}) == len(looks)  # printed in grey


def test_names_of_27_models_show_the_marker_of_their_line() -> None:
    rates = {f"model_{number}/tcp": {1: 1e4 + 300 * number, 16: 2e4 + 100 * number} for number in range(22)}
    rates |= {f"{model}/tcp": {1: 1e4, 16: 2e4} for model in FIXED if model != BASELINE_MODEL}
    looks = {(style.ink, style.marker) for style in styles(Arm.parse(arm).label for arm in rates).values()}
    figures = make_charts(synthetic.make_run(rates, blocks=6, rounds=5, histograms=True))
    for name in ("throughput", "service", "steady"):
        keys = {(line.get_color(), line.get_marker()) for line in find_name_markers(figures[name])}
        assert keys == looks, name
    for name in ("service", "steady"):
        lines = [line for ax in figures[name].axes for line in ax.lines]
        assert len({(line.get_color(), line.get_marker()) for line in lines}) == len(rates), name


def test_charts_of_twenty_models_are_legible() -> None:
    rates = {f"model_number_{number}/tcp": {1: 1e4 + 300 * number, 16: 2e4 + 100 * number} for number in range(19)}
    rates |= {"asyncio/tcp": {1: 1e4, 16: 2e4}}
    figures = make_charts(synthetic.make_run(rates, blocks=6, rounds=3, histograms=True))
    for figure in figures.values():
        assert_legible(figure)
