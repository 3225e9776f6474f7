"""Drift, warm-up and precision against processes whose answer is known."""

import numpy as np
import pytest
from scipy import stats

from clients.engine.histogram_slots import SLOTS, Counts, slot
from clients.engine.thread_state import BINS, HISTOGRAMS, TALLY
from clients.measurement import Slice
from clients.steady_state import drift_share, precision, trend, warmup_share, windows


def load_of(
    values_us: np.ndarray[tuple[int], np.dtype[np.float64]], parts: int = 20, bins: int = 100, lost: int = 0
) -> Slice:
    """A load of ten seconds that brought these latencies, evenly over its time. lost: further requests of each part."""
    headline = np.zeros((parts, SLOTS), np.int64)
    for counts, part in zip(headline, np.array_split(values_us, parts), strict=True):
        np.add.at(counts, [slot(int(value * 1000)) for value in part], 1)
    sums: Counts = np.zeros((BINS, 2), np.int64)
    for k, part in enumerate(np.array_split(values_us, bins)):
        sums[k] = int(part.sum() * 1000), len(part)
    return Slice(
        start_s=0.0,
        duration_s=10.0,
        tally=dict.fromkeys(TALLY, 0),
        headline=headline,
        missed=np.full(parts, lost, np.int64),
        histograms=dict.fromkeys(HISTOGRAMS, np.zeros(SLOTS, np.int64)),
        bins=sums,
        bin_s=10.0 / bins,
        elapsed_s=10.0,
        cpu_s=1.0,
        cpu_share=0.1,
        stolen_s=0.0,
        involuntary_switches=0,
        major_faults=0,
    )


def queue_us(seed: int, count: int, busy: float = 0.7) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Time in a queue with one server and random service times of 100 us on average, by Lindley's recursion."""
    random = np.random.default_rng(seed)
    gaps, service = random.exponential(100 / busy, count), random.exponential(100, count)
    walk = np.concatenate([[0.0], np.cumsum(service[:-1] - gaps[1:])])
    return np.asarray(walk - np.minimum.accumulate(walk) + service)


def test_each_window_has_its_own_figures() -> None:
    values = np.repeat([100.0, 200.0], 500)
    found = windows(load_of(values, parts=2))
    assert [window["start_s"] for window in found] == [0.0, 5.0]
    assert [window["replies"] for window in found] == [500, 500]
    assert [window["p50_us"] for window in found] == [pytest.approx(100, rel=0.001), pytest.approx(200, rel=0.001)]


def test_requests_that_were_lost_took_for_ever_in_their_window() -> None:
    values = np.repeat([100.0, 200.0], 500)
    few, most = windows(load_of(values, parts=2, lost=20))[0], windows(load_of(values, parts=2, lost=501))[0]
    assert (few["p50_us"], few["p99_us"]) == (pytest.approx(100, rel=0.001), "inf")
    assert (most["replies"], most["p50_us"]) == (500, "inf")


def test_what_was_lost_is_in_the_interval_of_a_percentile_or_there_is_none() -> None:
    values = np.random.default_rng(4).uniform(100, 200, 20_000)
    whole, some = precision(load_of(values)), precision(load_of(values, lost=200))
    assert whole["p50"]["high_us"] == pytest.approx(150, rel=0.02)
    assert some["p50"]["low_us"] == pytest.approx(160, rel=0.02), "the median of all lies where 60 % of the replies do"
    assert set(some) == {"p50"}, "p99 and p99.9 took for ever"
    assert np.isnan(drift_share(load_of(values, lost=2_000)))


def test_a_slow_rise_is_drift_and_a_steady_state_is_none() -> None:
    random = np.random.default_rng(1)
    steady = random.normal(100, 5, 20_000)
    assert drift_share(load_of(steady)) == 0.0
    assert drift_share(load_of(steady * np.linspace(1, 1.3, 20_000))) == pytest.approx(0.26, abs=0.03)


def test_a_trend_is_that_of_scipy() -> None:
    random = np.random.default_rng(5)
    for rise in (0.0, 0.1, 0.3):
        for values in random.normal(100, 1, (20, 20)) + rise * np.arange(20):
            p, slope = trend(values)
            theirs = stats.kendalltau(np.arange(20), values).pvalue
            assert p == pytest.approx(theirs, rel=0.25, abs=0.002)
            assert slope == pytest.approx(stats.theilslopes(values)[0])
    assert trend(np.repeat(5.0, 20))[0] == 1.0


def test_a_steady_queue_is_seldom_called_drifting() -> None:
    called = sum(drift_share(load_of(queue_us(seed, 20_000))) > 0.05 for seed in range(30))
    assert called <= 2


def test_a_warm_up_is_found_where_it_ends() -> None:
    random = np.random.default_rng(2)
    values = random.normal(100, 5, 20_000)
    values[:4_000] *= 5
    assert 0.2 <= warmup_share(load_of(values)) <= 0.45  # all of it; chance may take some of the rest along
    assert warmup_share(load_of(random.normal(100, 5, 20_000))) <= 0.1


def test_too_few_windows_or_bins_tell_nothing() -> None:
    few = load_of(np.full(100, 50.0), parts=4, bins=10)
    assert np.isnan(drift_share(few))
    assert np.isnan(warmup_share(few))
    assert precision(few) == {}


def test_the_interval_of_a_percentile_holds_it_nine_times_of_ten_though_a_queue_remembers() -> None:
    """The true p50 and p99 of the time in an M/M/1 queue: -s ln(1 - q) / (1 - busy)."""
    selftest = {name: -100 * np.log(1 - q) / (1 - 0.7) for name, q in (("p50", 0.5), ("p99", 0.99))}
    held = dict.fromkeys(selftest, 0)
    for seed in range(60):
        found = precision(load_of(queue_us(seed, 20_000)[2_000:]))
        for name, value in selftest.items():
            low, high = found[name]["low_us"], found[name]["high_us"]
            assert isinstance(low, float)
            held[name] += low <= value <= (np.inf if high == "inf" else float(high or 0))
            effective = found[name]["effective_count"]
            assert isinstance(effective, float)
            assert effective < 18_000 / 3, "requests in a queue are not independent"
    assert min(held.values()) >= 50, held


def test_a_percentile_with_too_few_beyond_it_has_no_interval() -> None:
    random = np.random.default_rng(3)
    assert set(precision(load_of(random.normal(100, 5, 900)))) == {"p50"}
    assert set(precision(load_of(random.normal(100, 5, 1_100)))) == {"p50", "p99"}
