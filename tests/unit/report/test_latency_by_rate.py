import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.latency_by_rate import RING_LEGEND, Knee, draw_latency_by_rate, find_knee
from bench.report.charts.layout import Texts
from bench.report.charts.sweeps import Sweep
from tests.unit.report.chart_texts import assert_legible, visible_texts

TEXTS = Texts("title", "subtitle")


def make_rows(arm: str, p99_us: dict[float, float], **more: object) -> list[dict[str, object]]:
    """Return summary rows of an arm that answers every requested rate."""
    return [
        {"arm": arm, "metric": metric, "rate_rps": rate, "median": median, "verdict": "valid"} | more
        for rate, us in p99_us.items()
        for metric, median in (("latency_p99_us", us), ("throughput_rps", rate))
    ]


def make_chart(rows: list[dict[str, object]]) -> Figure:
    """Return the chart of summary rows."""
    figure = draw_latency_by_rate(pd.DataFrame(rows), {}, TEXTS)
    assert figure is not None
    return figure


def test_chart_has_line_per_percentile_and_tick_at_capacity() -> None:
    rows = [
        {"arm": arm, "metric": metric, "rate_rps": rate, "median": base * rate, "verdict": "valid"}
        for arm in ("asyncio/tcp", "select/tcp", "asyncio/udp")
        for metric, base in (("latency_p50_us", 0.01), ("latency_p99_us", 0.1))
        for rate in (1e3, 5e3, 8e3)
    ]
    figure = draw_latency_by_rate(pd.DataFrame(rows), {"asyncio/tcp": 1e4}, TEXTS)
    assert figure is not None
    tcp, udp = figure.axes
    assert len(tcp.lines) == 2 * 2 + 1
    assert len(udp.lines) == 2
    assert {text for text, _ in visible_texts(figure)} >= {"asyncio", "select", "TCP", "UDP"}
    single_rate = pd.DataFrame([row for row in rows if row["rate_rps"] == 1e3])
    assert draw_latency_by_rate(single_rate, {}, TEXTS) is None


def test_knee_of_queue_is_at_half_its_capacity() -> None:
    rates = [1e3 * step for step in range(1, 10)]
    waits = {rate: 1e6 * math.log(100) / (1e4 - rate) for rate in rates}  # M/M/1 at 10,000 per second
    knee = find_knee("select/tcp", pd.DataFrame(make_rows("select/tcp", waits)))
    assert knee == Knee("select/tcp", 5e3, waits[5e3], "inside")


@pytest.mark.parametrize(
    ("p99_us", "where"),
    [
        ({1e3: 100.0, 2e3: 100.0, 3e3: 120.0}, "last"),
        ({1e3: 100.0, 2e3: 300.0, 3e3: 900.0}, "first"),
        ({1e3: 100.0, 2e3: 110.0, 3e3: math.inf}, "inside"),
    ],
)
def test_knee_beyond_measured_rates_is_not_placed_inside(p99_us: dict[float, float], where: str) -> None:
    knee = find_knee("select/tcp", pd.DataFrame(make_rows("select/tcp", p99_us)))
    assert knee is not None
    assert knee.where == where


def test_knee_needs_three_rates_and_a_competing_arm() -> None:
    two, three = {1e3: 100.0, 2e3: 110.0}, {1e3: 100.0, 2e3: 110.0, 3e3: 900.0}
    assert find_knee("select/tcp", pd.DataFrame(make_rows("select/tcp", two))) is None
    assert find_knee("select/tcp", pd.DataFrame(make_rows("select/tcp", three, verdict="invalid"))) is None
    rows = make_rows("select/tcp", two) + make_rows("native/tcp", three) + make_rows("select/tcp~control", three)
    texts = [text for text, _ in visible_texts(make_chart(rows)) if "knee" in text]
    assert texts == ["No knee, because fewer than 3 rates have a p99 that is not invalid: select/tcp."]


def test_knee_uses_rate_of_replies_instead_of_requested_rate() -> None:
    rows = pd.DataFrame(make_rows("select/tcp", {1e3: 100.0, 2e3: 150.0, 3e3: 200.0}))
    rows.loc[(rows["metric"] == "throughput_rps") & (rows["rate_rps"] == 3e3), "median"] = 2e3
    knee = find_knee("select/tcp", rows)
    assert knee is not None
    assert knee.rate_rps == 2e3


def test_knee_inside_has_ring_and_knee_outside_has_note() -> None:
    rows = make_rows("select/tcp", {1e3: 100.0, 2e3: 110.0, 3e3: 900.0})
    rows += make_rows("asyncio/tcp", {1e3: 100.0, 2e3: 110.0, 3e3: 120.0})
    figure = make_chart(rows)
    rings = [marks for marks in figure.axes[0].collections if not len(marks.get_facecolor())]
    assert [np.asarray(ring.get_offsets()).tolist() for ring in rings] == [[[2e3, 110.0]]]
    texts = {text for text, _ in visible_texts(figure)}
    assert texts >= {RING_LEGEND, "No knee reached: it is at the highest measured rate or above it: asyncio/tcp."}
    assert_legible(figure)


def test_capacity_tick_uses_the_same_number_of_connections() -> None:
    rows = make_rows("select/tcp", {1e3: 100.0, 2e3: 110.0, 3e3: 900.0}, scenario="latency", connections=64)
    rows += [
        {"arm": "select/tcp", "metric": "throughput_rps", "rate_rps": math.nan, "median": median, "verdict": "valid"}
        | {"scenario": "capacity", "connections": connections}
        for connections, median in ((1, 1e3), (64, 4e3), (256, 2e3))
    ]
    empty = pd.DataFrame()
    tables = ChartTables(pd.DataFrame(rows).assign(message_bytes=64, population=""), empty, empty, empty, empty)
    figure = build_chart(ChartRequest("latency_by_rate", Sweep("latency", 64, 1e3)), tables)
    assert figure is not None
    ticks = [line for line in figure.axes[0].lines if line.get_linewidth() == 2.5]
    assert [np.asarray(tick.get_xdata()).tolist() for tick in ticks] == [[4e3, 4e3]]
