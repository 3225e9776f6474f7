import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bench.analysis.comparisons import compare_arms
from bench.analysis.summary import SUMMARY_COLUMNS, summarise
from bench.report.charts.builders import Tables, figure_of
from bench.report.charts.catalogue import QUESTIONS, Wanted, names, wanted
from bench.report.charts.distribution import curve, quantile
from bench.report.charts.latency_by_rate import RING, Knee, draw_load, find_knee
from bench.report.charts.layout import spread
from bench.report.charts.points import Load
from bench.report.charts.style import FIXED, styles
from tests.support import synthetic

REFERENCE = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}
DOUBTS = {
    ("thread_per_client/tcp", 64): ("suspect", "UNFAIR_SERVICE=0.9"),
    ("iterative/udp", 64): ("invalid", "GENERATOR_SATURATED=0.93"),
}


def charts_of(rows: synthetic.Rows) -> dict[str, Figure]:
    """Every chart of made-up rows, by the name of its files."""
    summary = summarise(rows.trials, rows.slices)
    comparisons = compare_arms(rows.trials, rows.slices, REFERENCE)
    tables = Tables(summary, comparisons, rows.histograms, rows.trials, rows.slices)
    drawn = {one: figure for one in wanted(summary, rows.trials) if (figure := figure_of(one, tables))}
    return dict(zip(names(list(drawn)), drawn.values(), strict=True))


@pytest.fixture(scope="module")
def charts() -> dict[str, Figure]:
    capacity = synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=4, judged=DOUBTS, histograms=True)
    return charts_of(
        synthetic.concat_runs(capacity, synthetic.make_run(synthetic.SESSIONS, scenario="sessions", blocks=6, rounds=4))
    )


def panel_titles(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text().partition(" (")[0] in ("TCP", "UDP")]


def written(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Every text that a reader sees, with its place in pixels."""
    figure.draw_without_rendering()
    seen: list[Text] = [*figure.texts, *panel_titles(figure)]
    for ax in figure.axes:
        seen += [
            *ax.texts,
            ax.xaxis.label,
            ax.yaxis.label,
            ax.title,
        ]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            seen += [tick.label1 for tick in ticks if tick.label1.get_visible() and low <= tick.get_loc() <= high]
    for text in seen:
        if text.get_text().strip() and text.get_visible():
            box = Text.get_window_extent(text)  # of the words alone: an annotation's own extent holds its arrow too
            yield text.get_text(), box


def assert_legible(figure: Figure) -> None:
    page = figure.bbox
    texts = list(written(figure))
    for text, box in texts:
        assert page.x0 <= box.x0, f"{text!r} is cut off"
        assert box.x1 <= page.x1, f"{text!r} is cut off"
        assert page.y0 <= box.y0, f"{text!r} is cut off"
        assert box.y1 <= page.y1, f"{text!r} is cut off"
    for (one, box), (other, second) in itertools.combinations(texts, 2):
        shared = Bbox.intersection(box, second)
        assert shared is None or min(shared.width, shared.height) < 1.0, f"{one!r} covers {other!r}"


def test_a_run_has_a_chart_for_every_question(charts: dict[str, Figure]) -> None:
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


@pytest.mark.parametrize("name", ["throughput", "service", "sessions", "cpu", "memory"])
def test_no_text_covers_another_or_leaves_the_page(charts: dict[str, Figure], name: str) -> None:
    assert_legible(charts[name])


@pytest.mark.parametrize("name", ["throughput", "service", "sessions", "cpu", "memory"])
def test_every_chart_saves_as_png_and_svg(charts: dict[str, Figure], name: str, tmp_path: Path) -> None:
    for kind in ("png", "svg"):
        charts[name].savefig(tmp_path / f"{name}.{kind}", dpi=150)
        assert (tmp_path / f"{name}.{kind}").stat().st_size > 10_000


def test_each_chart_states_its_question_and_its_doubts(charts: dict[str, Figure]) -> None:
    texts = [text for text, _ in written(charts["throughput"])]
    assert texts[0] == "How many requests per second can each model answer?"
    assert "median of 6 blocks, bars: 97 % interval" in texts[1]
    notes = "\n".join(texts)
    assert "Not measured: iterative/tcp at 16 and 64 connections (skipped: serves one connection at a time)" in notes
    assert "Crossed out, invalid: iterative/udp at 64 connections (GENERATOR_SATURATED=0.93)" in notes
    assert "Grey, suspect: thread_per_client/tcp at 64 connections (UNFAIR_SERVICE=0.9)" in notes
    assert "asyncio measured a second time, the noise floor" in notes
    assert "Not ranked, as it needs several cores and the servers had one CPU: multiprocessing" in notes


def test_tcp_and_udp_share_the_scale_of_throughput(charts: dict[str, Figure]) -> None:
    tcp, udp = charts["throughput"].axes
    assert tcp.get_ylim() == udp.get_ylim()
    assert [tick.get_text() for tick in tcp.get_xticklabels()] == ["1", "16", "64"]


def test_equal_models_that_have_the_same_numbers_keep_their_labels_apart() -> None:
    rates = {f"model_number_{number}/tcp": {1: 1e4, 16: 2e4, 64: 2e4} for number in range(9)}
    rates |= {"early/tcp": {1: 1e4}, "also_early/tcp": {1: 1e4}, "asyncio/tcp": {1: 1e4, 16: 2e4, 64: 2e4}}
    for figure in charts_of(synthetic.make_run(rates, blocks=6, rounds=3, histograms=True)).values():
        assert_legible(figure)


def test_a_single_number_of_connections_is_drawn_as_dots() -> None:
    rates = {arm: {16: of_arm[16]} for arm, of_arm in synthetic.TCP.items() if 16 in of_arm}
    figures = charts_of(synthetic.make_run(rates, blocks=6, rounds=3, histograms=True))
    assert list(figures) == ["throughput", "ratios", "service", "cpu", "memory", "steady"]
    assert len(figures["throughput"].axes) == 1
    for figure in figures.values():
        assert_legible(figure)


def test_the_axis_of_ratios_holds_every_mark() -> None:
    figure = charts_of(synthetic.make_run({"asyncio/tcp": {16: 1e5}, "lossy/tcp": {16: 100.0}}, blocks=6, rounds=3))[
        "ratios"
    ]
    (ax,) = figure.axes
    low, high = ax.get_xlim()
    assert low < 0.001 < 1 < high
    assert [tick for tick in ax.get_xticks() if low < tick < high] == pytest.approx([0.001, 0.01, 0.1, 1.0])


def test_sessions_alone_still_tell_cpu_and_memory() -> None:
    rows = synthetic.make_run(synthetic.SESSIONS, scenario="sessions", blocks=6, rounds=3)
    assert list(charts_of(rows)) == ["sessions", "cpu", "memory"]


def test_nothing_measured_draws_nothing() -> None:
    assert wanted(pd.DataFrame(columns=SUMMARY_COLUMNS), pd.DataFrame()) == []
    rows = synthetic.make_run({"a/tcp": {}, "b/tcp": {1: 1e4}}, blocks=1, rounds=1)
    failed = rows.trials.assign(status="failed", reason="did not get ready")
    assert charts_of(replace(rows, trials=failed)) == {}


def test_several_loads_have_charts_of_their_own() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {1: 1e4, 16: 2e4}}, blocks=2, rounds=2)
    large = [frame.assign(message_bytes=1024) for frame in (rows.slices, rows.trials, rows.histograms)]
    figures = charts_of(synthetic.concat_runs(rows, synthetic.Rows(*large)))
    assert [name for name in figures if name.startswith("throughput")] == [
        "throughput-capacity-64B",
        "throughput-capacity-1024B",
    ]


def test_a_model_keeps_its_colour_whoever_else_is_there() -> None:
    few, many = styles(["asyncio", "uvloop"]), styles(["asyncio", "select", "iterative", "uvloop"])
    assert few["asyncio"] == many["asyncio"]
    assert few["uvloop"] == many["uvloop"]


def test_no_two_models_look_alike() -> None:
    found = styles([*FIXED, *(f"other_{number}" for number in range(30))])
    assert len({(style.colour, style.marker) for style in found.values()}) == len(found)


def test_labels_spread_no_further_than_they_must() -> None:
    assert spread([0.5, 0.1, 0.9], 0.2) == pytest.approx([0.5, 0.1, 0.9])
    assert spread([0.5, 0.5], 0.2) == pytest.approx([0.4, 0.6])
    assert spread([0.5, 0.5, 0.5, 0.95], 0.2) == pytest.approx([0.3, 0.5, 0.7, 0.95])
    assert spread([], 0.2) == []


def test_percentiles_of_a_histogram_are_over_all_that_was_sent() -> None:
    upper, counts = np.array([10.0, 20.0, 30.0]), np.array([50.0, 40.0, 8.0])
    found = quantile(upper, counts, 100.0, np.array([0.5, 0.51, 0.9, 0.98, 0.99]))
    assert found.tolist() == [10.0, 20.0, 20.0, 30.0, math.inf]


def test_a_curve_ends_where_ten_replies_are_left() -> None:
    rows = pd.DataFrame(
        {"block": [0, 0, 1, 1], "upper_ns": [1000, 2000, 1000, 2000], "count": [4_000, 1_000, 3_000, 2_000]}
    )
    found = curve(rows, {})
    assert found is not None
    assert found.nines[-1] == pytest.approx(3)
    assert found.band_nines[-1] == pytest.approx(math.log10(500))
    assert (found.us[0], found.us[-1]) == (1.0, 2.0)
    assert curve(rows.assign(count=2), {}) is None


def test_latency_over_the_load_has_a_line_for_each_percentile_and_a_rule_at_the_capacity() -> None:
    cells = [
        {"arm": arm, "metric": metric, "rate_rps": rate, "median": base * rate, "verdict": "valid"}
        for arm in ("asyncio/tcp", "select/tcp", "asyncio/udp")
        for metric, base in (("latency_p50_us", 0.01), ("latency_p99_us", 0.1))
        for rate in (1e3, 5e3, 8e3)
    ]
    figure = draw_load(pd.DataFrame(cells), {"asyncio/tcp": 1e4}, "title", "subtitle", [])
    assert figure is not None
    tcp, udp = figure.axes
    assert len(tcp.lines) == 2 * 2 + 1
    assert len(udp.lines) == 2
    assert {text for text, _ in written(figure)} >= {"asyncio", "select", "TCP", "UDP"}
    alone = pd.DataFrame([cell for cell in cells if cell["rate_rps"] == 1e3])
    assert draw_load(alone, {}, "title", "subtitle", []) is None


def cells_of(arm: str, p99_us: dict[float, float], **more: object) -> list[dict[str, object]]:
    """Rows of the summary: what is asked for is answered."""
    return [
        {"arm": arm, "metric": metric, "rate_rps": rate, "median": median, "verdict": "valid"} | more
        for rate, us in p99_us.items()
        for metric, median in (("latency_p99_us", us), ("throughput_rps", rate))
    ]


def test_the_knee_of_a_queue_is_at_half_of_what_it_can_do() -> None:
    rates = [1e3 * step for step in range(1, 10)]
    waits = {rate: 1e6 * math.log(100) / (1e4 - rate) for rate in rates}  # M/M/1 at 10,000 a second
    found = find_knee("select/tcp", pd.DataFrame(cells_of("select/tcp", waits)))
    assert found == Knee("select/tcp", 5e3, waits[5e3], "inside")


@pytest.mark.parametrize(
    ("p99_us", "where"),
    [
        ({1e3: 100.0, 2e3: 100.0, 3e3: 120.0}, "last"),
        ({1e3: 100.0, 2e3: 300.0, 3e3: 900.0}, "first"),
        ({1e3: 100.0, 2e3: 110.0, 3e3: math.inf}, "inside"),
    ],
)
def test_a_knee_that_the_rates_do_not_hold_is_not_placed_between_them(p99_us: dict[float, float], where: str) -> None:
    found = find_knee("select/tcp", pd.DataFrame(cells_of("select/tcp", p99_us)))
    assert found is not None
    assert found.where == where


def test_two_rates_or_invalid_figures_have_no_knee_which_is_told_and_the_machines_limit_has_none() -> None:
    two, three = {1e3: 100.0, 2e3: 110.0}, {1e3: 100.0, 2e3: 110.0, 3e3: 900.0}
    assert find_knee("select/tcp", pd.DataFrame(cells_of("select/tcp", two))) is None
    assert find_knee("select/tcp", pd.DataFrame(cells_of("select/tcp", three, verdict="invalid"))) is None
    cells = cells_of("select/tcp", two) + cells_of("native/tcp", three) + cells_of("select/tcp~control", three)
    figure = draw_load(pd.DataFrame(cells), {}, "title", "subtitle", [])
    assert figure is not None
    said = [text for text, _ in written(figure) if "knee" in text]
    assert said == ["No knee can be told of fewer than 3 rates with a p99 that is not invalid: select/tcp."]


def test_what_is_answered_counts_for_the_knee_and_not_what_was_asked_for() -> None:
    rows = pd.DataFrame(cells_of("select/tcp", {1e3: 100.0, 2e3: 150.0, 3e3: 200.0}))
    rows.loc[(rows["metric"] == "throughput_rps") & (rows["rate_rps"] == 3e3), "median"] = 2e3
    found = find_knee("select/tcp", rows)
    assert found is not None
    assert found.rate_rps == 2e3


def test_the_knee_has_a_ring_and_one_outside_the_rates_is_told() -> None:
    cells = cells_of("select/tcp", {1e3: 100.0, 2e3: 110.0, 3e3: 900.0})
    cells += cells_of("asyncio/tcp", {1e3: 100.0, 2e3: 110.0, 3e3: 120.0})
    figure = draw_load(pd.DataFrame(cells), {}, "title", "subtitle", [])
    assert figure is not None
    rings = [marks for marks in figure.axes[0].collections if not len(marks.get_facecolor())]
    assert [np.asarray(ring.get_offsets()).tolist() for ring in rings] == [[[2e3, 110.0]]]
    texts = {text for text, _ in written(figure)}
    assert texts >= {RING, "No knee was reached: it is at the highest rate measured, or beyond: asyncio/tcp."}
    assert_legible(figure)


def test_the_rule_of_the_load_chart_is_what_a_closed_loop_of_as_many_connections_reached() -> None:
    cells = cells_of("select/tcp", {1e3: 100.0, 2e3: 110.0, 3e3: 900.0}, scenario="latency", connections=64)
    cells += [
        {"arm": "select/tcp", "metric": "throughput_rps", "rate_rps": math.nan, "median": median, "verdict": "valid"}
        | {"scenario": "capacity", "connections": connections}
        for connections, median in ((1, 1e3), (64, 4e3), (256, 2e3))
    ]
    empty = pd.DataFrame()
    tables = Tables(pd.DataFrame(cells).assign(message_bytes=64), empty, empty, empty, empty)
    figure = figure_of(Wanted("load", Load("latency", 64, 1e3)), tables)
    assert figure is not None
    rules = [line for line in figure.axes[0].lines if line.get_linewidth() == 2.5]
    assert [np.asarray(rule.get_xdata()).tolist() for rule in rules] == [[4e3, 4e3]]


def test_the_machines_limit_is_in_the_rates_and_not_in_the_memory() -> None:
    rates = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 3e4}, "native/tcp": {16: 9e4}}
    found = charts_of(synthetic.make_run(rates, blocks=6, rounds=2))
    shown = {name: {text for text, _ in written(found[name])} for name in ("throughput", "memory")}
    assert any("native" in text for text in shown["throughput"])
    assert not any("native" in text for text in shown["memory"])
    assert any("select" in text for text in shown["memory"])
