"""Drift, warm-up and precision of processes with a known answer."""

import numpy as np
import pytest
from scipy import stats

from clients.engine.histogram_slots import SLOTS, Counts, slot
from clients.engine.thread_state import BINS
from clients.measurement import COUNTER_NAMES, HISTOGRAM_NAMES, LoadCounts, Slice
from clients.steady_state import drift_share, precision, trend, warmup_share, windows
from clients.thread_usage import ThreadUsage


def make_load(
    values_us: np.ndarray[tuple[int], np.dtype[np.float64]], parts: int = 20, bins: int = 100, lost: int = 0
) -> Slice:
    """Make a load of ten seconds with these latencies in order.

    lost: further requests in each part.
    """
    primary = np.zeros((parts, SLOTS), np.int64)
    for histogram, part in zip(primary, np.array_split(values_us, parts), strict=True):
        np.add.at(histogram, [slot(int(value * 1000)) for value in part], 1)
    sums: Counts = np.zeros((BINS, 2), np.int64)
    for k, part in enumerate(np.array_split(values_us, bins)):
        sums[k] = int(part.sum() * 1000), len(part)
    counts = LoadCounts(
        tally=dict.fromkeys(COUNTER_NAMES, 0),
        primary=primary,
        never_answered=np.full(parts, lost, np.int64),
        histograms=dict.fromkeys(HISTOGRAM_NAMES, np.zeros(SLOTS, np.int64)),
        bins=sums,
        bin_s=10.0 / bins,
        part_s=10.0 / parts,
    )
    usage = ThreadUsage(
        elapsed_s=10.0,
        cpu_s=1.0,
        busiest_cpu_share=0.1,
        run_delay_s=0.0,
        involuntary_switches=0,
        major_faults=0,
        gc_runs=0,
    )
    return Slice(start_s=0.0, duration_s=10.0, counts=counts, usage=usage)


def make_queue_us(seed: int, count: int, busy: float = 0.7) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return times in a queue with one server, by Lindley's recursion.

    The mean service time is 100 us.
    """
    random = np.random.default_rng(seed)
    gaps, service = random.exponential(100 / busy, count), random.exponential(100, count)
    walk = np.concatenate([[0.0], np.cumsum(service[:-1] - gaps[1:])])
    return np.asarray(walk - np.minimum.accumulate(walk) + service)


def test_windows_have_their_own_figures() -> None:
    values = np.repeat([100.0, 200.0], 500)
    figures = windows(make_load(values, parts=2))
    assert [window["start_s"] for window in figures] == [0.0, 5.0]
    assert [window["replies"] for window in figures] == [500, 500]
    assert [window["p50_us"] for window in figures] == [pytest.approx(100, rel=0.001), pytest.approx(200, rel=0.001)]


def test_windows_count_lost_requests_as_infinite() -> None:
    values = np.repeat([100.0, 200.0], 500)
    few, most = windows(make_load(values, parts=2, lost=20))[0], windows(make_load(values, parts=2, lost=501))[0]
    assert (few["p50_us"], few["p99_us"]) == (pytest.approx(100, rel=0.001), "inf")
    assert (most["replies"], most["p50_us"]) == (500, "inf")


def test_precision_includes_lost_requests_or_is_omitted() -> None:
    values = np.random.default_rng(4).uniform(100, 200, 20_000)
    whole, some = precision(make_load(values)), precision(make_load(values, lost=200))
    assert whole["p50"]["high_us"] == pytest.approx(150, rel=0.02)
    assert some["p50"]["low_us"] == pytest.approx(160, rel=0.02), "the median of all requests is at 60% of the replies"
    assert set(some) == {"p50"}, "p99 and p99.9 are infinite"
    assert np.isnan(drift_share(make_load(values, lost=2_000)))


def test_drift_detects_a_slow_rise_only() -> None:
    random = np.random.default_rng(1)
    steady = random.normal(100, 5, 20_000)
    assert drift_share(make_load(steady)) == 0.0
    assert drift_share(make_load(steady * np.linspace(1, 1.3, 20_000))) == pytest.approx(0.26, abs=0.03)


def test_trend_matches_scipy() -> None:
    random = np.random.default_rng(5)
    for rise in (0.0, 0.1, 0.3):
        for values in random.normal(100, 1, (20, 20)) + rise * np.arange(20):
            p, slope = trend(values)
            expected_p = stats.kendalltau(np.arange(20), values).pvalue
            assert p == pytest.approx(expected_p, rel=0.25, abs=0.002)
            assert slope == pytest.approx(stats.theilslopes(values)[0])
    assert trend(np.repeat(5.0, 20))[0] == 1.0


def test_drift_is_rare_in_a_steady_queue() -> None:
    drifting = sum(drift_share(make_load(make_queue_us(seed, 20_000))) > 0.05 for seed in range(30))
    assert drifting <= 2


def test_warmup_share_finds_the_end_of_the_warm_up() -> None:
    random = np.random.default_rng(2)
    values = random.normal(100, 5, 20_000)
    values[:4_000] *= 5
    assert 0.2 <= warmup_share(make_load(values)) <= 0.45  # all of it; chance may add some of the rest
    assert warmup_share(make_load(random.normal(100, 5, 20_000))) <= 0.1


def test_steady_state_needs_enough_windows_and_bins() -> None:
    few = make_load(np.full(100, 50.0), parts=4, bins=10)
    assert np.isnan(drift_share(few))
    assert np.isnan(warmup_share(few))
    assert precision(few) == {}


def test_precision_interval_covers_percentiles_of_a_queue() -> None:
    """The true p50 and p99 of the time in an M/M/1 queue: -s ln(1 - q) / (1 - busy)."""
    true_us = {name: -100 * np.log(1 - q) / (1 - 0.7) for name, q in (("p50", 0.5), ("p99", 0.99))}
    covered = dict.fromkeys(true_us, 0)
    for seed in range(60):
        intervals = precision(make_load(make_queue_us(seed, 20_000)[2_000:]))
        for name, value in true_us.items():
            low, high = intervals[name]["low_us"], intervals[name]["high_us"]
            assert isinstance(low, float)
            covered[name] += low <= value <= (np.inf if high == "inf" else float(high or 0))
            effective = intervals[name]["effective_count"]
            assert isinstance(effective, float)
            assert effective < 18_000 / 3, "requests in a queue are not independent"
    assert min(covered.values()) >= 50, covered


def test_precision_omits_percentile_with_few_requests_beyond() -> None:
    random = np.random.default_rng(3)
    assert set(precision(make_load(random.normal(100, 5, 900)))) == {"p50"}
    assert set(precision(make_load(random.normal(100, 5, 1_100)))) == {"p50", "p99"}
