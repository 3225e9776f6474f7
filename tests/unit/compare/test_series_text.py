import math

from bench.compare.series import Point, Series, sort_series
from bench.compare.series_text import describe_point, point_columns, point_rows, point_texts
from bench.schema.load_points import LoadPoint

LOAD_POINT = LoadPoint("capacity", 16, 64)


def make_series(arm: str, median: float, metric: str = "throughput_rps", verdict: str = "valid") -> Series:
    return Series(arm, LOAD_POINT, metric, (Point(0, "monday", median, median, median, verdict),))


def test_asymmetric_interval_has_both_ends() -> None:
    assert point_texts(Point(0, "monday", 10.0, 9.0, 14.0, "valid")) == ("10.0", "9.00 to 14.0")
    assert point_texts(Point(0, "monday", 10.0, math.nan, math.nan, "valid")) == ("10.0", "-")


def test_invalid_figure_is_no_number() -> None:
    series = make_series("select/tcp", 7e9, verdict="invalid")
    assert point_rows(series, []) == [("monday", "-", "-", "invalid", "")]
    assert (
        describe_point(series, series.points[0]) == "select/tcp, capacity, 16 connections, 64 bytes in monday: invalid"
    )


def test_heading_has_the_unit_of_the_figure() -> None:
    assert point_columns("throughput_rps")[1] == "median requests/s"
    assert point_columns("latency_p99_us")[1] == "median µs"


def test_best_series_of_a_transport_is_first() -> None:
    arms = {"asyncio/udp": 9.0, "asyncio/tcp": 1.0, "select/tcp": 2.0}
    rates = [make_series(arm, value) for arm, value in arms.items()]
    assert [series.arm for series in sort_series(rates)] == ["select/tcp", "asyncio/tcp", "asyncio/udp"]
    costs = [make_series(arm, value, "cpu_us_per_request") for arm, value in arms.items()]
    assert [series.arm for series in sort_series(costs)] == ["asyncio/tcp", "select/tcp", "asyncio/udp"]
    unsound = make_series("poll/tcp", 99.0, verdict="invalid")
    assert [series.arm for series in sort_series([unsound, *rates])][:3] == ["select/tcp", "asyncio/tcp", "poll/tcp"]
