import math

import numpy as np
import pytest

from bench.analysis.predictions.interpreter_lock import LockLoad, lock_wait_quantile_s, mean_lock_wait_s
from tests.unit.analysis.predictions.simulations import BatchedMean, simulate_lock_waits

HEAVY_S = 0.01
RARE_RPS = 0.05  # heavy requests that never meet


@pytest.mark.parametrize(("interval_s", "mean_s"), [(0.005, 3.75e-3), (0.0005, 0.4875e-3)])
def test_rare_requests_wait_for_the_rest_or_the_interval(interval_s: float, mean_s: float) -> None:
    # P(a heavy one holds the lock) x E[min(R, interval)], R uniform over 10 ms: 5 - 25 / 20 ms, and 0.5 - 0.25 / 20 ms.
    load = LockLoad(0.1, RARE_RPS, HEAVY_S, interval_s)
    assert mean_lock_wait_s(load) / load.heavy_load == pytest.approx(mean_s, rel=2e-3)


def test_many_light_requests_share_the_wait_of_the_first() -> None:
    # Each stint is one interval, and its requests wait for half of it on average.
    load = LockLoad(1e5, RARE_RPS, HEAVY_S, 0.0005)
    assert mean_lock_wait_s(load) / load.heavy_load == pytest.approx(0.00025, rel=0.05)


def test_light_requests_wait_for_a_turn_of_each_further_heavy_one() -> None:
    # Load 1/2: where there is one, one more is there on average. Its turn takes 3.75 ms. Half of the requests find one
    # heavy request alone, and the others wait for half of a turn.
    alone, loaded = LockLoad(1000, RARE_RPS, HEAVY_S), LockLoad(1000, 50, HEAVY_S)
    beside_one_s = mean_lock_wait_s(alone) / alone.heavy_load
    assert mean_lock_wait_s(loaded) == pytest.approx(0.5 * (0.5 * beside_one_s + 0.5 * 0.0025 + 0.00375), rel=1e-3)


@pytest.mark.parametrize("light_rps", [50.0, 3311.0])
@pytest.mark.parametrize("interval_s", [0.005, 0.0005])
def test_lock_waits_beside_one_heavy_request_agree_with_a_simulation(light_rps: float, interval_s: float) -> None:
    waits_s = simulate_lock_waits(light_rps, 0.5, HEAVY_S, interval_s, 100_000 / light_rps, seed=1)
    mean = BatchedMean.of(waits_s)
    load = LockLoad(light_rps, 0.5, HEAVY_S, interval_s)
    assert mean_lock_wait_s(load) == pytest.approx(mean.mean, abs=4 * mean.standard_error)
    quantile_s = lock_wait_quantile_s(load, 0.998)
    assert 0 < quantile_s <= interval_s + 1e-9
    # Several requests may wait for exactly one interval, so the quantile lies between two shares.
    shorter = BatchedMean.of((waits_s < quantile_s - 1e-5).astype(float))
    not_longer = BatchedMean.of((waits_s <= quantile_s + 1e-5).astype(float))
    assert shorter.mean - 4 * shorter.standard_error <= 0.998 <= not_longer.mean + 4 * not_longer.standard_error


@pytest.mark.parametrize("heavy_rps", [10.0, 20.0, 40.0])
@pytest.mark.parametrize("interval_s", [0.005, 0.0005])
def test_lock_waits_beside_several_agree_within_tolerance(heavy_rps: float, interval_s: float) -> None:
    waits_s = simulate_lock_waits(2000.0, heavy_rps, HEAVY_S, interval_s, seconds=100, seed=2)
    mean = BatchedMean.of(waits_s)
    load = LockLoad(2000.0, heavy_rps, HEAVY_S, interval_s)
    assert mean_lock_wait_s(load) == pytest.approx(mean.mean, rel=0.1, abs=4 * mean.standard_error)


@pytest.mark.parametrize(("heavy_rps", "light_s"), [(30.0, 0.0), (30.0, 50e-6), (45.0, 50e-6)])
@pytest.mark.parametrize("quantile", [0.9, 0.95, 0.99])
def test_lock_wait_quantiles_agree_with_a_simulation(heavy_rps: float, light_s: float, quantile: float) -> None:
    waits_s = simulate_lock_waits(2000.0, heavy_rps, HEAVY_S, 0.005, seconds=150, seed=3, light_s=light_s)
    load = LockLoad(2000.0, heavy_rps, HEAVY_S, light_s=light_s)
    measured_s = float(np.quantile(waits_s, quantile))
    assert lock_wait_quantile_s(load, quantile) == pytest.approx(measured_s, rel=0.06)


def test_light_requests_leave_less_of_the_lock_to_heavy_ones() -> None:
    # 2,000 x 50 us are a tenth of the time, so 30 x 10 ms are a third of the rest.
    assert LockLoad(2000, 30, HEAVY_S, light_s=50e-6).heavy_load == pytest.approx(1 / 3)
    assert LockLoad(2000, 30, HEAVY_S, light_s=400e-6).heavy_load > 1
    assert LockLoad(2000, 30, HEAVY_S, light_s=500e-6).heavy_load == math.inf


def test_lock_wait_quantile_of_two_heavy_requests_hand_computed() -> None:
    # Short turns: a wait is half of a turn and one full turn for each other heavy request, if there are several.
    load = LockLoad(1e-3, 50, HEAVY_S, interval_s=1e-5)
    # P(n > k) = 2^-(k + 1). Beyond 99% there are at least 6 others: 2^-7 is 0.8%, and 2^-6 is 1.6%.
    assert 5e-5 < lock_wait_quantile_s(load, 0.99) <= 7e-5


def test_lock_wait_quantile_is_zero_while_few_requests_wait() -> None:
    assert lock_wait_quantile_s(LockLoad(2000, 20, HEAVY_S), 0.5) == 0.0


def test_lock_wait_quantile_counts_turns() -> None:
    # Load 0.2: 4% find two heavy requests and 0.8% find three, so the 99th percentile is in the second turn.
    assert 0.005 < lock_wait_quantile_s(LockLoad(2000, 20, HEAVY_S), 0.99) < 0.010
    assert lock_wait_quantile_s(LockLoad(0.1, RARE_RPS, HEAVY_S), 0.9999) == pytest.approx(0.005)


def test_lock_waits_of_an_overload_are_infinite() -> None:
    assert mean_lock_wait_s(LockLoad(2000, 100, HEAVY_S)) == math.inf
    assert lock_wait_quantile_s(LockLoad(2000, 101, HEAVY_S), 0.5) == math.inf
