"""The formulas of the selftest, against simulations and values from the literature."""

import numpy as np
import pytest

from bench.selftest import oracle


def test_lindley_equals_step_by_step_recursion() -> None:
    arrivals = np.sort(np.random.default_rng(1).uniform(0, 100, 500))
    free, expected = 0.0, []
    for arrival in arrivals:
        free = max(arrival, free) + 0.3
        expected.append(free)
    assert oracle.lindley(arrivals, 0.3) == pytest.approx(np.array(expected))


@pytest.mark.parametrize(("utilisation", "mean"), [(0.5, 0.5), (0.7, 0.7 / 0.6), (0.8, 2.0)])
def test_md1_mean_wait_equals_pollaczek_khinchine(utilisation: float, mean: float) -> None:
    assert oracle.md1_mean_wait(utilisation, 1.0) == pytest.approx(mean)


@pytest.mark.parametrize(
    ("utilisation", "p99", "p99_9"),
    [(0.5, 3.336, 5.168), (0.7, 6.485, 9.894), (0.8, 10.356, 15.700), (0.9, 21.898, 33.014)],
)
def test_md1_wait_quantile_agrees_with_exact_series(utilisation: float, p99: float, p99_9: float) -> None:
    assert oracle.md1_wait_quantile(0.99, utilisation, 1.0) == pytest.approx(p99, abs=0.002)
    assert oracle.md1_wait_quantile(0.999, utilisation, 1.0) == pytest.approx(p99_9, abs=0.002)


def test_md1_wait_quantile_agrees_with_simulation() -> None:
    arrivals = np.cumsum(np.random.default_rng(2).exponential(1 / 0.7, 400_000))
    waits = oracle.lindley(arrivals, 1.0) - arrivals - 1.0
    assert waits.mean() == pytest.approx(oracle.md1_mean_wait(0.7, 1.0), rel=0.03)
    assert np.quantile(waits, 0.99) == pytest.approx(oracle.md1_wait_quantile(0.99, 0.7, 1.0), rel=0.06)


def test_stall_quantile_agrees_with_stall_ends() -> None:
    times = np.array([0.0, 0.05, 0.1, 0.5, 1.02])
    assert oracle.stall_ends(times, 0.0, 1.0, 0.1) == pytest.approx([0.1, 0.1, 0.1, 0.5, 1.1])
    waits = np.sort(oracle.stall_ends(times := np.linspace(0, 100, 1_000_001), 0.0, 1.0, 0.1) - times)
    for quantile in (0.5, 0.9, 0.95, 0.99, 0.999):
        seen = np.quantile(waits, quantile)
        assert oracle.stall_quantile(quantile, 1.0, 0.1) == pytest.approx(seen, abs=1e-3)


@pytest.mark.parametrize(("count", "every", "hits"), [(19, 20, 0), (20, 20, 1), (1999, 20, 99), (0, 3, 0)])
def test_hits_counts_every_kth_request(count: int, every: int, hits: int) -> None:
    assert oracle.hits(count, every) == hits


@pytest.mark.parametrize(
    ("numbers", "count"), [([], 0), ([1, 2, 3], 0), ([2, 1, 3], 1), ([4, 1, 2, 3, 5], 3), ([1, 3, 2, 5, 4], 2)]
)
def test_reordered_counts_replies_after_a_later_one(numbers: list[int], count: int) -> None:
    assert oracle.reordered(np.array(numbers)) == count


def test_overload_slope_is_excess_of_the_rate() -> None:
    assert oracle.overload_slope(1050.0, 1000.0) == pytest.approx(0.05)
