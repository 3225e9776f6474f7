import numpy as np
import pytest

from bench.analysis.predictions.interpreter_lock import (
    DEFAULT_SWITCH_INTERVAL_S,
    lock_wait_quantile_s,
    mean_lock_wait_s,
)
from tests.unit.analysis.predictions.simulations import BatchedMean, simulate_lock_waits

HEAVY_RPS, HEAVY_S = 33.445, 0.01


@pytest.mark.parametrize(("interval_s", "mean_s"), [(0.005, 1.254e-3), (0.0005, 0.163e-3)])
def test_rare_light_requests_wait_for_the_rest_or_the_interval(interval_s: float, mean_s: float) -> None:
    # P(a heavy one holds the lock) x E[min(R, interval)], R uniform over 10 ms: 0.33445 x (5 - 25 / 20) ms.
    assert mean_lock_wait_s(0.1, HEAVY_RPS, HEAVY_S, interval_s) == pytest.approx(mean_s, rel=2e-3)


def test_many_light_requests_share_the_wait_of_the_first() -> None:
    # Each stint is one interval, and its requests wait for half of it on average.
    mean_s = mean_lock_wait_s(1e5, HEAVY_RPS, HEAVY_S, 0.0005)
    assert mean_s == pytest.approx(HEAVY_RPS * HEAVY_S * 0.00025, rel=0.05)


@pytest.mark.parametrize("interval_s", [DEFAULT_SWITCH_INTERVAL_S, 0.0005])
@pytest.mark.parametrize("light_rps", [50.0, 3311.0])
def test_lock_waits_agree_with_a_simulation(light_rps: float, interval_s: float) -> None:
    waits_s = np.array(simulate_lock_waits(light_rps, 1 / HEAVY_RPS, HEAVY_S, interval_s, 20_000, seed=1))
    mean = BatchedMean.of(waits_s)
    predicted_s = mean_lock_wait_s(light_rps, HEAVY_RPS, HEAVY_S, interval_s)
    assert predicted_s == pytest.approx(mean.mean, abs=4 * mean.standard_error)
    quantile_s = lock_wait_quantile_s(light_rps, HEAVY_RPS, HEAVY_S, interval_s, 0.7)
    # Several requests may wait for exactly one interval, so the quantile lies between two shares.
    shorter = BatchedMean.of((waits_s < quantile_s - 1e-9).astype(float))
    not_longer = BatchedMean.of((waits_s <= quantile_s + 1e-9).astype(float))
    assert shorter.mean - 4 * shorter.standard_error <= 0.7 <= not_longer.mean + 4 * not_longer.standard_error


def test_lock_wait_quantile_is_zero_while_few_requests_wait() -> None:
    assert lock_wait_quantile_s(3311, HEAVY_RPS, HEAVY_S, 0.005, 0.5) == 0.0


def test_lock_wait_quantile_is_at_most_the_interval() -> None:
    assert lock_wait_quantile_s(0.1, HEAVY_RPS, HEAVY_S, 0.005, 0.99) == pytest.approx(0.005)
    assert lock_wait_quantile_s(3311, HEAVY_RPS, HEAVY_S, 0.005, 0.99) == pytest.approx(0.0049, rel=0.05)
