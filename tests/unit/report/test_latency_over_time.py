"""The heat map of latencies over time, of a made-up overload."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.report.charts.encode import encode_svg
from bench.report.charts.latency_over_time import describe_window
from bench.report.charts.style import look
from bench.schema.arms import Arm
from clients.latency_windows import LatencyWindow
from tests.unit.report.chart_texts import assert_legible, visible_texts
from tests.unit.report.disturbed_runs import make_phases, make_tables

FAST_NS, SLOW_NS = (1 << 20) - 1, (1 << 28) - 1  # 1 ms and 268 ms
PHASES = {"before": 1.0, "overload": 2.0, "after": 4.0}


def make_windows(windows: int = 70) -> pd.DataFrame:
    """Return 10 requests in each window: fast, slow in the overload, and half of them lost in its last second."""
    rows = []
    for arm in ("asyncio/tcp", "thread_per_client/tcp"):
        for block in (0, 1):
            for number in range(windows):
                lost = 5 if 20 <= number < 30 else 0
                upper_ns = SLOW_NS if 10 <= number < 30 else FAST_NS
                common = {"block": block, "arm": arm, "start_s": number / 10, "window_s": 0.1}
                rows.append(common | {"upper_ns": float(upper_ns), "count": 10 - lost})
                rows += [common | {"upper_ns": math.inf, "count": lost}] if lost else []
    return pd.DataFrame(rows).assign(scenario="patient", population="clients", message_bytes=64)


def make_overload(windows: int = 70) -> ChartTables:
    return replace(make_tables(make_phases("patient", PHASES)), latency_windows=make_windows(windows))


def draw(tables: ChartTables) -> Figure | None:
    (request,) = (each for each in chart_requests(tables.summary, tables.trials) if each.topic == "latency_over_time")
    return build_chart(request, tables)


def test_chart_has_a_panel_for_each_server_with_the_phases_marked() -> None:
    figure = draw(make_overload())
    assert figure is not None
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["asyncio", "thread_per_client"]
    texts = [text for text, _ in visible_texts(figure)]
    assert [texts.count(name) for name in PHASES] == [2, 2, 2]
    lines = [line.get_xdata() for line in figure.axes[0].get_lines()]
    assert [np.asarray(ends).tolist() for ends in lines] == [pytest.approx([1.0, 1.0]), pytest.approx([3.0, 3.0])]
    share = f"{100 * 50 / 700:.1f}%"
    note = f"Without a correct reply in time, of all requests: asyncio {share}, thread_per_client {share}."
    assert note in texts
    assert_legible(figure)


def test_chart_has_the_step_and_the_lost_requests_in_their_windows() -> None:
    figure = draw(make_overload())
    assert figure is not None
    ax = figure.axes[0]
    cells = [patch.get_path().get_extents() for patch in ax.patches if patch.get_alpha() is None]
    by_height = sorted((box.y0, box.x0, box.x1) for box in cells)
    lost = by_height[-1]
    assert lost[1:] == pytest.approx((2.0, 3.0))
    assert any(box[1:] == pytest.approx((0.0, 7.0)) for box in by_height)  # fast ones, before and after in one shape


def test_svg_has_the_figures_of_each_window_and_stays_small() -> None:
    with look():
        figure = draw(make_overload())
        assert figure is not None
        svg = encode_svg(figure).decode()
    assert "asyncio, from 2.5 s: 20 requests, p50 up to 270 ms, slowest never, 10 without a reply in time" in svg
    assert len(svg) < 80_000


def test_chart_of_few_windows_is_not_drawn() -> None:
    assert draw(make_overload(windows=9)) is None


def test_run_of_an_older_version_has_no_such_chart() -> None:
    assert draw(replace(make_overload(), latency_windows=None)) is None


@pytest.mark.parametrize(("count", "tail"), [(999, "slowest up to"), (1000, "p99 up to")])
def test_window_has_a_p99_only_if_enough_requests_are_beyond(count: int, tail: str) -> None:
    window = LatencyWindow(0.0, 0.1, {FAST_NS: count}, 0)
    assert f"{tail} 1 ms" in describe_window(Arm.parse("select/tcp"), window)


def test_chart_states_in_words_which_servers_are_invalid() -> None:
    tables = make_overload()
    rows = tables.summary
    of_arm = (rows["arm"] == "asyncio/tcp") & (rows["metric"] == "throughput_rps")
    invalid = rows.assign(
        verdict=rows["verdict"].mask(of_arm, "invalid"), codes=rows["codes"].mask(of_arm, "GENERATOR_SATURATED=93.0%")
    )
    figure = draw(replace(tables, summary=invalid))
    assert figure is not None
    assert any(text.startswith("Invalid: asyncio/tcp at ") for text, _ in visible_texts(figure))
    assert figure.axes[0].get_ylabel() == "latency (log scale)"
    assert_legible(figure)
