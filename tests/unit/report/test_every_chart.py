"""Every kind of chart, in each language: no text is cut, covered or missing."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.analysis.summary import summarise
from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.report.charts.grid import MetricRow, draw_grid
from bench.report.charts.layout import Texts
from bench.report.charts.points import Point
from bench.report.charts.style import look
from bench.schema.arms import Arm
from bench.translation import ENGLISH, LANGUAGES, use_language
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.support.results import results_of
from tests.unit.report.chart_texts import assert_legible
from tests.unit.report.disturbed_runs import make_disturbed, make_idle, make_phases, make_tables, make_timeline
from tests.unit.report.test_latency_over_time import make_overload
from tests.unit.report.test_turns import in_turns
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting, with_predictions

PHASES = {"before": 1.5, "overload": 2.0, "after": 4.0}
pytestmark = pytest.mark.slow
TOPICS = {
    *("throughput", "ratios", "transports", "service", "tail", "sessions", "cpu", "memory", "steady", "turns"),
    *("waiting", "computing", "mixed", "disturbed", "idle", "overload", "latency_over_time", "sizes"),
}


def closed_loops() -> ChartTables:
    """Return both transports and sessions, with doubtful figures and a recording."""
    judged = {("select/tcp", 64): ("suspect", "CPU_STEAL=2.0%"), ("iterative/udp", 64): ("invalid", "RUN_DELAY=9.0%")}
    capacity = synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=3, judged=judged, histograms=True)
    rows = synthetic.concat_runs(capacity, synthetic.make_run(synthetic.SESSIONS, scenario="sessions", blocks=6))
    summary, comparisons = results_of(rows)
    replay = pd.concat([in_turns("select/tcp"), in_turns("asyncio/tcp")])
    return ChartTables(summary, comparisons, rows.histograms, rows.trials, rows.slices, replay=replay)


def of_work(*runs: synthetic.Rows) -> ChartTables:
    """Return the tables of handlers that wait or compute, with predictions."""
    rows = synthetic.concat_runs(*runs)
    summary = with_predictions(summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS))
    return ChartTables(summary, synthetic.no_comparisons(), rows.histograms, rows.trials, rows.slices)


def of_sizes() -> ChartTables:
    """Return messages of three sizes."""
    runs = []
    for size in (16, 4096, 65_536):
        rows = synthetic.make_run({"asyncio/tcp": {4: 1e5}, "select/tcp": {4: 1e5}}, blocks=6, rounds=3)
        tables = (table.assign(message_bytes=size) for table in (rows.slices, rows.trials, rows.histograms))
        runs.append(synthetic.Rows(*tables))
    return make_tables(synthetic.concat_runs(*runs))


def recovering() -> ChartTables:
    """Return an overload, after which both servers recover as predicted."""
    rows = make_phases("patient", PHASES)
    recovery_s = pd.Series(2.1, rows.trials.index).where(rows.trials["phase"] == "after")
    rows = replace(rows, trials=rows.trials.assign(recovery_s=recovery_s))
    return make_tables(rows, timeline=make_timeline("patient", 8))


def single_block() -> ChartTables:
    """Return slow clients in a run of one block, whose intervals are unknown."""
    rows = make_disturbed()
    tables = make_tables(replace(rows, trials=rows.trials.query("block == 0"), slices=rows.slices.query("block == 0")))
    return replace(tables, summary=tables.summary.assign(blocks=1))


@pytest.fixture(scope="module")
def runs() -> list[ChartTables]:
    waits = [make_waiting(wait_us, WAITING, scenario=f"wait_{wait_us:.0f}us") for wait_us in (0.0, 5e3, 50e3)]
    computes = [
        make_waiting(0.0, WAITING, scenario="at_once"),
        make_waiting(0.0, WAITING, scenario="computes", units=1e3, kind="lock"),
    ]
    return [
        closed_loops(),
        of_work(*waits),
        of_work(*computes),
        of_work(make_mixed()),
        make_tables(synthetic.concat_runs(make_disturbed(), make_disturbed("never_reads", "never_reads"))),
        single_block(),
        make_tables(make_idle()),
        recovering(),
        make_overload(),
        of_sizes(),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_is_legible_whole_and_has_a_scale(runs: list[ChartTables], language: str) -> None:
    use_language(language)
    try:
        drawn = dict(chain.from_iterable(charts_of(tables) for tables in runs))
    finally:
        use_language(ENGLISH)
    assert {topic for topic, _ in drawn} >= TOPICS
    for name, figure in drawn.items():
        try:
            assert_legible(figure)
            assert_scales_are_readable(figure)
            assert_marks_are_whole(figure)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_rings_of_six_servers_at_the_most_clients_are_whole() -> None:
    models = ("asyncio", "epoll", "multiprocessing", "select", "thread_per_client", "thread_pool")
    points = [
        Point(Arm.parse(f"{model}/tcp"), count, 5.0, 4.0, 6.0, "valid", "", blocks=6, findings="OVERLOAD=50.0%")
        for model in models
        for count in (0, 16, 64, 256, 1024)
    ]
    figure = draw_grid([MetricRow("latency (ms)", [points] * 3)], ["one", "two", "three"], Texts("title", "subtitle"))
    assert figure is not None
    assert_marks_are_whole(figure)


def charts_of(tables: ChartTables) -> Iterator[tuple[tuple[str, str], Figure]]:
    """Yield the charts of a run, by topic and scenario."""
    with look():
        for request in chart_requests(tables.summary, tables.trials):
            if figure := build_chart(request, tables):
                yield (request.topic, f"{request.sweep.file_name}{len(tables.trials)}"), figure


def assert_scales_are_readable(figure: Figure) -> None:
    """Assert that each upright logarithmic axis has two numbers. A level one may count a single number of clients."""
    for ax in figure.axes:
        label = ax.yaxis.get_label_text()
        if label and ax.yaxis.get_scale() == "log":
            assert len(shown_numbers(ax.yaxis)) >= 2, f"{label!r} has no scale"


def shown_numbers(axis: Axis) -> list[str]:
    """Return the texts beside the ticks of an axis."""
    low, high = sorted(axis.get_view_interval())
    ticks = [tick for tick in axis.get_major_ticks() if tick.label1.get_visible() and low <= tick.get_loc() <= high]
    return [tick.label1.get_text() for tick in ticks if tick.label1.get_text()]


def assert_marks_are_whole(figure: Figure) -> None:
    """Assert that no marker is cut by the left or right edge of its panel."""
    for ax in figure.axes:
        for line in ax.get_lines():
            if line.get_marker() in ("o", "s", "^", "D", "P") and line.get_clip_on() and np.size(line.get_xdata()) == 1:
                assert_inside(ax, line)


def assert_inside(ax: Axes, line: Line2D) -> None:
    (x, _), *_ = ax.transData.transform(np.asarray(line.get_xydata(), float))
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a page"
    radius = line.get_markersize() / 2 * figure.dpi / 72
    assert ax.bbox.x0 - 1 <= x - radius, f"a mark of {ax.get_title(loc='left')!r} is cut"
    assert x + radius <= ax.bbox.x1 + 1, f"a mark of {ax.get_title(loc='left')!r} is cut"
