"""The chart of CPU time against latency: which marks it has, what it leaves out, and what its notes conclude."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from bench.report.charts.builders import build_chart
from bench.report.charts.catalogue import ChartRequest, ChartTables, chart_requests
from bench.report.charts.points import Point
from bench.report.charts.style import styles
from bench.report.charts.ticks import round_numbers
from bench.report.charts.trades import Trade, describe_trade
from bench.schema.arms import Arm
from tests.support import synthetic
from tests.support.languages import spanish_texts
from tests.unit.report.chart_texts import assert_legible, find_name_markers, visible_texts

Figures = dict[str, tuple[float, float, str]]  # CPU time and p99 in microseconds and the verdict of the p99, by arm
FEW: Figures = {
    "asyncio/tcp": (13.0, 200.0, "valid"),
    "select/tcp": (10.0, 900.0, "valid"),
    "thread_per_client/tcp": (20.0, 150.0, "suspect"),
    "iterative/tcp": (5.0, 50.0, "invalid"),
    "asyncio/udp": (11.0, 100.0, "valid"),
}


THREE_TRADES = (
    "TCP: a spends 0.50 times the CPU time of b, and has 4.00 times its p99 (3 pairs with such a trade; this one has "
    "the largest difference of the p99)."
)
INCONCLUSIVE = (
    "TCP: no two servers differ in both figures by more than their intervals, so this run does not show whether "
    "cheaper ones are slower."
)


def make_tables(figures: Figures) -> ChartTables:
    """Return the tables of an open loop at 9,000 requests per second. Intervals are 10% wide."""
    load = {"scenario": "latency", "connections": 16, "message_bytes": 64, "population": "", "phase": ""}
    load |= {"rate_rps": 9000.0, "scenario_kind": "latency"}
    rows = [
        load
        | {"arm": arm, "metric": metric, "median": median, "low": 0.95 * median, "high": 1.05 * median}
        | {"verdict": quality, "codes": "" if quality == "valid" else "LATE_SENDS@p99=9.0%", "findings": ""}
        | {"status": "ok", "reason": "", "blocks": 6}
        for arm, (cpu_us, p99_us, verdict) in figures.items()
        for metric, median, quality in (("cpu_us_per_request", cpu_us, "valid"), ("latency_p99_us", p99_us, verdict))
    ]
    trials = [
        load
        | {"arm": arm, "block": 0, "protocol": "echo", "loop": "open", "lifecycle": "persistent"}
        | {"server_cpus": "0,1", "status": "ok", "workers": 1, "model": arm.partition("/")[0]}
        for arm in figures
    ]
    empty = pd.DataFrame()
    return ChartTables(pd.DataFrame(rows), synthetic.no_comparisons(), empty, pd.DataFrame(trials), empty)


def request_of(tables: ChartTables) -> ChartRequest:
    """Return the request of the chart."""
    return next(each for each in chart_requests(tables.summary, tables.trials) if each.topic == "cost_latency")


def drawn(figures: Figures) -> Figure:
    tables = make_tables(figures)
    figure = build_chart(request_of(tables), tables)
    assert figure is not None
    return figure


def marks_of(figure: Figure, panel: int) -> dict[tuple[float, ...], str]:
    """Return the markers of a panel: colour by place."""
    places = [(line, np.asarray(line.get_data(), float)) for line in figure.axes[panel].get_lines()]
    return {
        tuple(place[:, 0].tolist()): str(line.get_markerfacecolor()) for line, place in places if place.shape == (2, 1)
    }


def test_each_server_is_a_mark_at_its_two_figures() -> None:
    looks = styles(["asyncio", "select", "thread_per_client", "iterative"])
    figure = drawn(FEW)
    assert marks_of(figure, 0) == {
        (13.0, 200.0): looks["asyncio"].colour,
        (10.0, 900.0): looks["select"].colour,
        (20.0, 150.0): "white",  # suspect, with the edge in the colour of its model
    }
    assert marks_of(figure, 1) == {(11.0, 100.0): looks["asyncio"].colour}
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_invalid_figure_is_left_out_and_named() -> None:
    texts = [text for text, _ in visible_texts(drawn(FEW))]
    assert "iterative" not in texts
    assert "Left out (invalid): iterative/tcp at 16 connections: 9.00% of requests sent late (LATE_SENDS@p99)" in texts


def test_missing_percentile_is_named() -> None:
    figure = drawn(FEW | {"epoll/tcp": (9.0, math.nan, "suspect")})
    line = "Left out, because too few requests were measured for both figures: epoll/tcp."
    assert line in [text for text, _ in visible_texts(figure)]
    assert len(marks_of(figure, 0)) == 3


def test_chart_without_drawable_server_is_not_drawn() -> None:
    tables = make_tables({"asyncio/tcp": (9.0, math.inf, "valid"), "select/tcp": (9.0, 5.0, "invalid")})
    assert build_chart(request_of(tables), tables) is None


def test_names_of_few_servers_are_beside_their_marks_and_legible() -> None:
    figure = drawn(FEW)
    assert_legible(figure)
    assert find_name_markers(figure) == []


def test_names_of_thirty_servers_show_their_markers() -> None:
    figures = {
        f"model_{number}/{over}": (10.0 + number % 7, 100.0 + 9 * number, "valid")
        for number in range(30)
        for over in ("tcp", "udp")
    }
    figure = drawn(figures)
    assert_legible(figure)
    keys = {(line.get_color(), line.get_marker()) for line in find_name_markers(figure)}
    assert len(keys) == 30


def make_trade(label: str, cpu_us: float, p99_us: float, *, width: float = 0.01) -> Trade:
    """Return a valid trade. width: of both intervals, to each side."""
    ends = ((median, (1 - width) * median, (1 + width) * median) for median in (cpu_us, p99_us))
    return Trade(*(Point(Arm(label, "tcp"), 16, *each, "valid", "", 6) for each in ends))


@pytest.mark.parametrize(
    ("trades", "line"),
    [
        ([], "TCP: fewer than two servers have two valid figures, so this run compares none."),
        (
            [make_trade("a", 10.0, 400.0), make_trade("b", 20.0, 100.0)],
            "TCP: a spends 0.50 times the CPU time of b, and has 4.00 times its p99.",
        ),
        (
            [make_trade("a", 10.0, 400.0), make_trade("b", 20.0, 100.0), make_trade("c", 15.0, 200.0)],
            THREE_TRADES,
        ),
        (
            [make_trade("a", 10.0, 100.0), make_trade("b", 20.0, 400.0)],
            "TCP: a spends less CPU time than each other server, and has a shorter p99.",
        ),
        (
            [make_trade("a", 10.0, 100.0), make_trade("b", 10.1, 101.0), make_trade("c", 20.0, 400.0)],
            "TCP: no server is cheaper and slower than another; 2 pairs in which one is better in both.",
        ),
        ([make_trade("a", 10.0, 100.0), make_trade("b", 20.0, 101.0)], INCONCLUSIVE),
        ([make_trade("a", 10.0, 400.0, width=0.9), make_trade("b", 20.0, 100.0)], INCONCLUSIVE),
    ],
)
def test_trade_is_stated_only_if_both_intervals_are_apart(trades: list[Trade], line: str) -> None:
    assert describe_trade(trades, "tcp") == line


@pytest.mark.parametrize(("low", "high"), [(12.0, 17.0), (75.0, 165.0), (50.0, 3e6), (0.3, 0.9)])
def test_logarithmic_axis_has_ticks_between_its_ends(low: float, high: float) -> None:
    assert 3 <= sum(low <= number <= high for number in round_numbers(low, high)) <= 12


def test_spanish_chart_is_legible() -> None:
    with spanish_texts():
        tables = make_tables(FEW)
        (request,) = [each for each in chart_requests(tables.summary, tables.trials) if each.topic == "cost_latency"]
        figure = build_chart(request, tables)
        assert figure is not None
        assert_legible(figure)
