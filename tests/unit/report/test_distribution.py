import math

import numpy as np
import pandas as pd
import pytest

from bench.report.charts.distribution import common_connections, curve, format_time, quantile
from bench.report.charts.sweeps import Sweep


def test_quantile_counts_unanswered_requests() -> None:
    upper, counts = np.array([10.0, 20.0, 30.0]), np.array([50.0, 40.0, 8.0])
    times = quantile(upper, counts, 100.0, np.array([0.5, 0.51, 0.9, 0.98, 0.99]))
    assert times.tolist() == [10.0, 20.0, 20.0, 30.0, math.inf]


def test_curve_ends_where_ten_replies_are_left() -> None:
    rows = pd.DataFrame(
        {"block": [0, 0, 1, 1], "upper_ns": [1000, 2000, 1000, 2000], "count": [4_000, 1_000, 3_000, 2_000]}
    )
    line = curve(rows, {})
    assert line is not None
    assert line.nines[-1] == pytest.approx(3)
    assert line.band_nines[-1] == pytest.approx(math.log10(500))
    assert (line.us[0], line.us[-1]) == (1.0, 2.0)
    assert curve(rows.assign(count=2), {}) is None


def test_curve_does_not_depend_on_the_order_of_rows() -> None:
    rows = pd.DataFrame(
        {"block": [0, 0, 2, 2], "upper_ns": [1000, 2000, 1000, 4000], "count": [4_000, 1_000, 3_000, 2_000]}
    )
    line, shuffled = curve(rows, {2: 5.0}), curve(rows.iloc[[3, 1, 0, 2]], {2: 5.0})
    assert line is not None
    assert shuffled is not None
    assert set(line.us) == {1.0, 2.0, 4.0}
    assert (set(line.low_us), set(line.high_us)) == ({1.0, 2.0}, {1.0, 4.0})
    for name in ("nines", "us", "band_nines", "low_us", "high_us"):
        assert np.array_equal(getattr(line, name), getattr(shuffled, name))


def test_curve_of_no_replies_is_missing() -> None:
    assert curve(pd.DataFrame({"block": [], "upper_ns": [], "count": []}), {}) is None


def test_common_connections_need_two_arms_on_each_transport() -> None:
    cases = [("a/tcp", 1), ("b/tcp", 1), ("a/udp", 1), ("b/udp", 1), ("a/tcp", 64), ("a/udp", 64), ("b/udp", 64)]
    rows = [
        {"arm": arm, "connections": count, "quantity": "service", "scenario": "capacity", "message_bytes": 64}
        for arm, count in cases
    ]
    histograms = pd.DataFrame(rows).assign(population="", phase="", rate_rps=math.nan)
    sweep = Sweep("capacity", 64, None)
    assert common_connections(histograms, sweep, "service") == 1
    assert common_connections(histograms[histograms["connections"] == 64], sweep, "service") == 64
    assert common_connections(histograms, sweep, "latency") is None


def test_format_time_chooses_readable_unit() -> None:
    assert [format_time(us) for us in (200, 5e3, 2e6)] == ["200 µs", "5 ms", "2 s"]
