import pytest

from bench.analysis.predictions.closed_loop import (
    ClosedLoop,
    Demand,
    Resource,
    lockstep_clients,
    response_s,
    spread_clients,
    waiting_slots,
)
from tests.unit.analysis.predictions.simulations import simulate_event_loop

MS = 0.001
US = 1e-6


@pytest.mark.parametrize(
    ("clients", "wait_s", "slots", "expected"),
    [
        (64, 5 * MS, 1, 1 / 0.00505),  # a loop that blocks: 198/s
        (64, 5 * MS, 2, 2 / 0.00505),  # two processes that block
        (64, 5 * MS, 6, 6 / 0.00505),  # min(32, 2 CPUs + 4) threads of the default executor: 1,188/s
        (4, 5 * MS, 6, 4 / 0.00505),  # fewer clients than slots
        (1000, 0.0, 64, 1 / 50e-6),  # nothing to wait for
    ],
)
def test_waiting_slots_hand_computed(clients: int, wait_s: float, slots: int, expected: float) -> None:
    predicted = waiting_slots(clients, Demand(50 * US, wait_s), slots)
    assert predicted.throughput_rps == pytest.approx(expected)


def test_waiting_slots_name_what_is_full() -> None:
    demand = Demand(50 * US, 5 * MS)
    assert waiting_slots(64, demand, 6).full is Resource.SLOTS
    assert waiting_slots(4, demand, 6).full is Resource.CLIENTS
    assert waiting_slots(1000, demand, 500).full is Resource.CPU


def test_waiting_slots_of_one_client_include_the_way_to_it() -> None:
    demand = Demand(50 * US, 5 * MS)
    assert waiting_slots(1, demand, 1, round_trip_s=30 * US).throughput_rps == pytest.approx(1 / 0.00508)
    assert waiting_slots(2, demand, 1, round_trip_s=30 * US).throughput_rps == pytest.approx(1 / 0.00505)


def test_waiting_slots_of_processes_use_several_cpus() -> None:
    assert waiting_slots(64, Demand(1 * MS, 0), 8, cpus=2).throughput_rps == pytest.approx(2000)


def test_spread_clients_hand_computed() -> None:
    demand = Demand(30 * US, 5 * MS)
    assert spread_clients(64, demand) == ClosedLoop(64 / (5 * MS + 30 * US), Resource.CLIENTS)  # 12,724/s
    assert spread_clients(1000, demand) == ClosedLoop(1 / (30 * US), Resource.CPU)


def test_lockstep_clients_hand_computed() -> None:
    # 64 clients, 14.2 ms (13 ms, rounded up by asyncio), 29.7 us: 3,968/s were measured.
    predicted = lockstep_clients(64, Demand(29.7 * US, 14.2 * MS), MS)
    assert predicted.throughput_rps == pytest.approx(64 / (0.0142 + 64 * 29.7e-6))
    assert predicted.throughput_rps == pytest.approx(3975, abs=1)
    assert predicted.full is Resource.CLIENTS


def test_lockstep_clients_without_a_timer_step_are_spread() -> None:
    demand = Demand(30 * US, 5 * MS)
    for clients in (1, 16, 64, 256, 1000):
        assert lockstep_clients(clients, demand, 0.0) == spread_clients(clients, demand)


def test_lockstep_clients_of_workers_are_divided() -> None:
    demand = Demand(10 * US, 5 * MS)
    two = lockstep_clients(64, demand, MS, workers=2, cpus=2).throughput_rps
    assert two == pytest.approx(2 * lockstep_clients(32, demand, MS).throughput_rps)
    one_cpu = lockstep_clients(64, demand, MS, workers=2, cpus=1).throughput_rps
    assert one_cpu == pytest.approx(64 / (0.005 + 32 * 20e-6))
    assert lockstep_clients(1, demand, MS, workers=4, cpus=2).throughput_rps == pytest.approx(1 / 0.00501)


@pytest.mark.parametrize(
    ("clients", "wait_s"),
    [*((clients, wait) for clients in (1, 16, 64, 150) for wait in (0.005, 0.013)), (1000, 0.005)],
)
def test_lockstep_clients_agree_with_a_simulated_loop(clients: int, wait_s: float) -> None:
    cpu_s = 12 * US
    simulated = simulate_event_loop(clients, wait_s, cpu_s, MS, seconds=1.0)
    assert lockstep_clients(clients, Demand(cpu_s, wait_s), MS).throughput_rps == pytest.approx(simulated, rel=0.03)


@pytest.mark.parametrize("clients", [200, 300, 400, 600, 1000])
def test_lockstep_clients_in_several_groups_agree_within_tolerance(clients: int) -> None:
    cpu_s, wait_s = 12 * US, 13 * MS
    simulated = simulate_event_loop(clients, wait_s, cpu_s, MS, seconds=1.0)
    assert lockstep_clients(clients, Demand(cpu_s, wait_s), MS).throughput_rps == pytest.approx(simulated, rel=0.1)


@pytest.mark.parametrize("clients", [1, 16, 64, 256, 1000])
def test_spread_clients_agree_with_a_simulated_loop(clients: int) -> None:
    simulated = simulate_event_loop(clients, 5 * MS, 12 * US, 0.0, seconds=1.0)
    assert spread_clients(clients, Demand(12 * US, 5 * MS)).throughput_rps == pytest.approx(simulated, rel=0.03)


def test_predictions_lie_between_the_asymptotic_bounds() -> None:
    for clients in (1, 10, 100, 1000):
        for wait_s in (0.0, 1 * MS, 50 * MS):
            demand = Demand(40 * US, wait_s)
            low = clients / (wait_s + clients * demand.cpu_s)
            high = spread_clients(clients, demand).throughput_rps
            assert low * 0.999 <= lockstep_clients(clients, demand, MS).throughput_rps <= high * 1.001


def test_response_is_littles_law() -> None:
    assert response_s(64, 3200.0) == pytest.approx(0.02)
    assert response_s(64, 3200.0, think_s=0.005) == pytest.approx(0.015)


def test_demand_refuses_impossible_times() -> None:
    with pytest.raises(ValueError, match="CPU time above 0"):
        Demand(0.0, 0.005)
    with pytest.raises(ValueError, match="at least 0"):
        Demand(0.001, -0.005)
