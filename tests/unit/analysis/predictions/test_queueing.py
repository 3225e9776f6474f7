import math

import numpy as np
import pytest

from bench.analysis.predictions.queueing import (
    Service,
    erlang_c,
    mean_wait_s,
    shared_response_quantile_s,
    shared_response_s,
    wait_distribution,
    work_mix,
)
from tests.unit.analysis.predictions.simulations import BatchedMean, simulate_fcfs_waits, simulate_shared_responses

MIXED = Service((50e-6, 0.01), (0.99, 0.01))  # one request in a hundred computes for 10 ms
HALF_LOAD_RPS = 0.5 / MIXED.mean_s  # 3,344.5/s


def test_mean_wait_hand_computed() -> None:
    assert MIXED.mean_s == pytest.approx(149.5e-6)
    assert mean_wait_s(HALF_LOAD_RPS, MIXED) == pytest.approx(0.003353, rel=1e-3)  # 3.35 ms
    assert mean_wait_s(0.8 / 0.001, Service((0.001,), (1.0,))) == pytest.approx(0.002)  # M/D/1: rho s / 2(1 - rho)


def test_waits_of_an_overload_are_infinite() -> None:
    assert mean_wait_s(1001, Service((0.001,), (1.0,))) == math.inf
    assert shared_response_quantile_s(1001, Service((0.001,), (1.0,)), 0.001, 0.5) == math.inf
    with pytest.raises(ValueError, match="no steady state"):
        wait_distribution(1001, Service((0.001,), (1.0,)))
    assert shared_response_s(1001, Service((0.001,), (1.0,)), 0.001) == math.inf


@pytest.mark.parametrize(
    ("quantile", "wait_s"),
    # M/D/1 with load 0.5: P(W <= t) = (1 - load) exp(load t) up to t = 1 service time (Erlang 1909).
    [(0.5, 0.0), (0.6, 2 * math.log(1.2)), (0.8, 2 * math.log(1.6))],
)
def test_wait_quantile_of_constant_service_is_erlangs(quantile: float, wait_s: float) -> None:
    assert wait_distribution(0.5, Service((1.0,), (1.0,))).quantile_s(quantile) == pytest.approx(wait_s, abs=0.002)


def test_wait_of_a_mix_agrees_with_a_simulation() -> None:
    random = np.random.default_rng(7)
    services_s = random.choice(MIXED.times_s, size=4_000_000, p=MIXED.shares)
    waits_s = simulate_fcfs_waits(HALF_LOAD_RPS, services_s, seed=11)
    mean = BatchedMean.of(waits_s)
    assert mean_wait_s(HALF_LOAD_RPS, MIXED) == pytest.approx(mean.mean, abs=4 * mean.standard_error)
    distribution = wait_distribution(HALF_LOAD_RPS, MIXED)
    for quantile in (0.6, 0.9, 0.99):
        predicted_s = distribution.quantile_s(quantile)
        below = BatchedMean.of((waits_s <= predicted_s).astype(float))
        assert below.mean == pytest.approx(quantile, abs=4 * below.standard_error)


def test_response_quantiles_of_a_mix_agree_with_a_simulation() -> None:
    random = np.random.default_rng(17)
    services_s = random.choice(MIXED.times_s, size=2_000_000, p=MIXED.shares)
    responses_s = simulate_fcfs_waits(HALF_LOAD_RPS, services_s, seed=19) + services_s[len(services_s) // 10 :]
    for quantile in (0.5, 0.9, 0.99):
        predicted_s = wait_distribution(HALF_LOAD_RPS, MIXED).response_quantile_s(quantile, MIXED)
        shorter = BatchedMean.of((responses_s < predicted_s - 2e-5).astype(float))  # two cells of the grid
        not_longer = BatchedMean.of((responses_s <= predicted_s + 2e-5).astype(float))
        assert shorter.mean - 4 * shorter.standard_error <= quantile
        assert quantile <= not_longer.mean + 4 * not_longer.standard_error


@pytest.mark.parametrize("cpus", [1, 2])
def test_shared_response_quantile_hand_computed(cpus: int) -> None:
    # One CPU at half load: P(n >= 1) = 0.5, P(n >= 6) = 0.0156, P(n >= 7) = 0.0078: 99% find at most 6 others.
    service = Service((1.0,), (1.0,))
    if cpus == 1:
        assert shared_response_quantile_s(0.5, service, 0.01, 0.99) == pytest.approx(0.07)
        assert shared_response_quantile_s(0.5, service, 0.01, 0.4) == pytest.approx(0.01)
    else:  # P(n >= 2) = 1/3, P(n >= 2 + k) = 1/3 x 0.5^k: 99% find at most 7 others
        assert shared_response_quantile_s(1.0, service, 0.01, 0.99, cpus=2) == pytest.approx(0.01 * 8 / 2)


def test_erlang_c_agrees_with_tables() -> None:
    assert erlang_c(1, 0.7) == pytest.approx(0.7)  # M/M/1: the load
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(10, 7.0) == pytest.approx(0.2217, abs=1e-4)


def test_shared_response_hand_computed() -> None:
    assert shared_response_s(HALF_LOAD_RPS, MIXED, 50e-6) == pytest.approx(100e-6)  # own / (1 - load)
    assert shared_response_s(HALF_LOAD_RPS, MIXED, 50e-6, cpus=2) == pytest.approx(50e-6 / (1 - 0.25**2))


@pytest.mark.parametrize("cpus", [1, 2])
def test_shared_response_agrees_with_a_simulation(cpus: int) -> None:
    random = np.random.default_rng(5)
    service = Service((1.0, 20.0), (0.9, 0.1))
    services_s = random.choice(service.times_s, size=40_000, p=service.shares)
    rate_rps = 0.6 * cpus / service.mean_s
    stretches = BatchedMean.of(np.array(simulate_shared_responses(rate_rps, services_s, cpus, seed=3)))
    predicted = shared_response_s(rate_rps, service, 1.0, cpus)
    assert predicted == pytest.approx(stretches.mean, abs=4 * stretches.standard_error)


def test_work_mix_scales_weights() -> None:
    assert work_mix([1.0, 3.0], [99, 1]) == Service((1.0, 3.0), (0.99, 0.01))


def test_service_refuses_shares_that_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="add up to 1"):
        Service((1.0, 2.0), (0.5, 0.4))
    with pytest.raises(ValueError, match="at least 0"):
        Service((-1.0,), (1.0,))
