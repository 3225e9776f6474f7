from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.analysis.summary import summarise
from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartRequest, ChartTables, chart_requests
from bench.report.charts.families import Work
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.unit.report.chart_texts import assert_legible, visible_texts
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting, with_predictions


def make_tables(rows: synthetic.Rows) -> ChartTables:
    """Return the tables of a run without comparisons, with a prediction for every figure."""
    summary = with_predictions(summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS))
    return ChartTables(summary, synthetic.no_comparisons(), rows.histograms, rows.trials, rows.slices)


def requested(tables: ChartTables) -> dict[str, ChartRequest]:
    """Return the charts of a run by topic; of several charts of a topic, the last."""
    return {request.topic: request for request in chart_requests(tables.summary, tables.trials)}


def drawn(topic: str, tables: ChartTables) -> Figure:
    figure = build_chart(requested(tables)[topic], tables)
    assert figure is not None
    return figure


@pytest.fixture(scope="module")
def waiting() -> ChartTables:
    runs = [make_waiting(wait_us, WAITING, scenario=f"wait_{wait_us:.0f}us") for wait_us in (50_000.0, 0.0, 5_000.0)]
    return make_tables(synthetic.concat_runs(*runs))


@pytest.mark.parametrize(
    ("work", "text"),
    [
        (Work(0.0, 0.0, ""), "replies at once"),
        (Work(5_000.0, 0.0, ""), "waits 5 ms"),
        (Work(0.0, 1_500.0, "release"), "computes about 1.50 ms in a library, while other threads run"),
        (Work(1_000.0, 10_000.0, "lock"), "waits 1 ms, computes about 10 ms in Python code, one thread at a time"),
    ],
)
def test_work_of_a_request_is_put_into_words(work: Work, text: str) -> None:
    assert str(work) == text


def test_scenarios_that_differ_in_their_wait_share_a_chart(waiting: ChartTables) -> None:
    request = requested(waiting)["waiting"]
    assert [sweep.scenario for sweep in request.sweeps] == ["wait_0us", "wait_5000us", "wait_50000us"]
    assert not {"throughput", "tail", "steady", "service", "computing"} & set(requested(waiting))


def test_waiting_chart_has_a_row_each_for_rate_time_and_cpu(waiting: ChartTables) -> None:
    figure = drawn("waiting", waiting)
    assert [ax.get_title(loc="left") for ax in figure.axes[:3]] == ["replies at once", "waits 5 ms", "waits 50 ms"]
    labels = [ax.get_ylabel() for ax in figure.axes[::3]]
    assert labels == ["requests per second", "99th percentile of the\nservice time (ms)", "CPU in use (%)"]
    assert_legible(figure)


def test_prediction_is_a_level_tick_at_its_value(waiting: ChartTables) -> None:
    figure = drawn("waiting", waiting)
    ticks = [line for line in figure.axes[1].get_lines() if line.get_marker() == "_" and line.get_color() != "white"]
    predicted = waiting.summary.query("scenario == 'wait_5000us' and metric == 'throughput_rps'")["predicted"].dropna()
    competing = len(predicted) - 2  # the control has no tick
    heights = sorted(float(np.asarray(line.get_ydata())[0]) for line in ticks)
    assert len(heights) == competing
    assert heights[-1] == pytest.approx(predicted.max())
    assert any(text.startswith("Ticks: calculated from figures") for text, _ in visible_texts(figure))


def test_requests_that_compute_get_a_chart_of_their_own() -> None:
    runs = [
        make_waiting(0.0, WAITING, scenario="at_once"),
        make_waiting(0.0, WAITING, scenario="computes", units=1e3, kind="lock"),
    ]
    figure = drawn("computing", make_tables(synthetic.concat_runs(*runs)))
    titles = [ax.get_title(loc="left") for ax in figure.axes[:2]]
    assert titles == ["replies at once", "computes about 1 ms in Python code, one thread at a time"]


def test_waiting_at_one_load_is_drawn_as_dots_with_predictions() -> None:
    tables = make_tables(make_waiting(5_000.0, {arm: {64: of[64]} for arm, of in WAITING.items() if 64 in of}))
    figure = drawn("waiting", tables)
    assert "each request waits 5 ms" in [text for text, _ in visible_texts(figure)][1]
    assert len([line for line in figure.axes[0].get_lines() if line.get_marker() == "|"]) == 2 * 3  # each with an edge
    assert_legible(figure)


def test_mixed_chart_spans_from_the_median_to_the_tail() -> None:
    tables = make_tables(make_mixed())
    request = requested(tables)["mixed"]
    assert [sweep.population for sweep in request.sweeps] == ["light"]
    figure = drawn("mixed", tables)
    texts = [text for text, _ in visible_texts(figure)]
    assert {"0.06 to 5.01", "0.06 to 12.0", "0.06 to 30.1"} <= set(texts)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["thread_per_client", "asyncio", "select"]
    assert_legible(figure)


def test_mixed_chart_shows_an_arm_without_a_tail() -> None:
    rows = make_mixed()
    trials = rows.trials
    without = trials["latency_p99_us"].mask(trials["model"] == "select")
    figure = drawn("mixed", make_tables(replace(rows, trials=trials.assign(latency_p99_us=without))))
    texts = [text for text, _ in visible_texts(figure)]
    assert "0.06" in texts
    assert not any(text.endswith("to 30.1") for text in texts)


def test_mixed_chart_names_an_arm_that_was_skipped() -> None:
    rows = make_mixed()
    iterative = rows.trials[rows.trials["model"] == "select"].assign(
        arm="iterative/tcp", model="iterative", status="skipped", reason="serves one client", verdict=""
    )
    trials = pd.concat([rows.trials, iterative], ignore_index=True)
    texts = [text for text, _ in visible_texts(drawn("mixed", make_tables(replace(rows, trials=trials))))]
    assert {"iterative", "skipped"} <= set(texts)
    assert "Not measured: iterative/tcp at 72 connections (skipped: serves one client)" in texts
    assert "beside heavy requests (each computes about 10 ms in Python code, one thread at a time)" in texts[1].replace(
        "\n", " "
    )


def test_mixed_chart_explains_a_doubtful_tail() -> None:
    tables = make_tables(make_mixed())
    rows = tables.summary
    tail = (rows["arm"] == "select/tcp") & (rows["metric"] == "latency_p99_us")
    doubtful = rows.assign(
        verdict=rows["verdict"].mask(tail, "suspect"), codes=rows["codes"].mask(tail, "LATE_SENDS@p99=2.0%")
    )
    texts = [text for text, _ in visible_texts(drawn("mixed", replace(tables, summary=doubtful)))]
    assert any(text.startswith("Grey (suspect): select/tcp at 72 connections: ") for text in texts)


def test_swept_neighbours_are_the_axis_of_a_mixed_chart() -> None:
    few, many = make_mixed(), make_mixed()
    more = [frame.assign(connections=1_000) for frame in (many.slices, many.trials, many.histograms)]
    figure = drawn("mixed", make_tables(synthetic.concat_runs(few, synthetic.Rows(*more))))
    assert [ax.get_ylabel() for ax in figure.axes] == ["median latency (ms)", "99th percentile\nof the latency (ms)"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["72", "1000"]
