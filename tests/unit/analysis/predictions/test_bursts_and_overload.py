import heapq
import math

import pytest

from bench.analysis.predictions.bursts import (
    Step,
    accepted_meanwhile,
    connect_quantile_s,
    connect_steps,
    delayed_share,
    retransmission_s,
)
from bench.analysis.predictions.overload import (
    Overload,
    drain_s,
    drain_with_abandonment_s,
    goodput_returns_s,
    goodput_stops_s,
    highest_recovering_share,
)


def test_retransmissions_double_without_linear_timeouts() -> None:
    assert [retransmission_s(number, 0) for number in range(1, 6)] == [1, 3, 7, 15, 31]


def test_retransmissions_are_linear_at_first() -> None:
    # ip-sysctl of Linux: with 4 linear timeouts, the 10th and last retransmission follows after 67 s.
    assert [retransmission_s(number, 4) for number in range(1, 11)] == [1, 2, 3, 4, 5, 7, 11, 19, 35, 67]


def test_connect_steps_hand_computed() -> None:
    assert connect_steps(20, 5, 4) == (Step(0.0, 6), Step(1.0, 14))  # measured on Linux 6.18
    assert connect_steps(1000, 1024, 4) == (Step(0.0, 1000),)
    assert connect_steps(1000, 5, 0, accepted_meanwhile=994) == (Step(0.0, 1000),)
    assert connect_steps(1000, 5, 0, accepts=False) == (Step(0.0, 6),)


def test_connect_quantiles_are_steps() -> None:
    steps = connect_steps(1000, 128, 4)
    assert connect_quantile_s(steps, 1000, 0.1) == 0.0
    assert connect_quantile_s(steps, 1000, 0.5) == 1.0
    assert connect_quantile_s(connect_steps(1000, 128, 4, accepts=False), 1000, 0.5) is None


def test_delayed_share_hand_computed() -> None:
    assert delayed_share(1000, 128) == pytest.approx(0.871)
    assert delayed_share(1000, 128, accepted_meanwhile=500) == pytest.approx(0.371)
    assert delayed_share(100, 128) == 0.0


def test_accepted_meanwhile_is_bounded_by_the_burst() -> None:
    assert accepted_meanwhile(1000, connect_rps=100_000, accept_rps=25_000) == 250
    assert accepted_meanwhile(1000, connect_rps=10_000, accept_rps=25_000) == 1000


def test_drain_hand_computed() -> None:
    assert drain_s(Overload(1.5, 5, 0.5)) == pytest.approx(5)
    assert drain_s(Overload(2.0, 1, 0.75)) == pytest.approx(4)


def test_abandoned_requests_shorten_the_drain() -> None:
    assert drain_with_abandonment_s(Overload(1.5, 5, 0.5), timeout_s=1) == pytest.approx(2)
    assert drain_with_abandonment_s(Overload(1.5, 5, 0.5), timeout_s=10) == pytest.approx(5)


def test_goodput_hand_computed() -> None:
    overload = Overload(1.5, 5, 0.5)
    assert goodput_stops_s(overload, timeout_s=1) == pytest.approx(2)
    assert goodput_returns_s(overload, timeout_s=1) == pytest.approx(3)
    assert goodput_stops_s(overload, timeout_s=10) == math.inf
    assert goodput_returns_s(overload, timeout_s=10) == 0


def test_goodput_agrees_with_a_replayed_queue() -> None:
    # Lindley's recursion with constant times: 1,000/s capacity, 1.5 for 5 s, then 0.5.
    overload, timeout_s, service_s = Overload(1.5, 5, 0.5), 1.0, 0.001
    arrivals_s = [number * service_s / 1.5 for number in range(7500)]
    arrivals_s += [5 + number * service_s / 0.5 for number in range(5000)]
    free_s, late = 0.0, []
    idle_s = math.inf
    for at_s in arrivals_s:
        if at_s > 5 and free_s <= at_s and idle_s == math.inf:
            idle_s = at_s
        free_s = max(free_s, at_s) + service_s
        if free_s - at_s > timeout_s:
            late.append(at_s)
    assert late[0] == pytest.approx(goodput_stops_s(overload, timeout_s), abs=0.01)
    assert late[-1] - 5 == pytest.approx(goodput_returns_s(overload, timeout_s), abs=0.01)
    assert idle_s - 5 == pytest.approx(drain_s(overload), abs=0.01)


def test_retries_lower_the_load_that_recovers() -> None:
    assert highest_recovering_share(0) == 1
    assert highest_recovering_share(3) == 0.25


def replay_retries(after_share: float, retries: int) -> float:
    """Return the wait of the last copy, in seconds: 8 s after an overload of 1.5 that lasts 1 s.

    The server has a constant service time and serves every copy in order. A client sends a copy again after 0.2 s.
    """
    service_s, timeout_s = 0.002, 0.2
    sent_s = [number * service_s / 1.5 for number in range(750)]
    sent_s += [1 + number * service_s / after_share for number in range(round(8 * after_share / service_s))]
    copies = [(at_s, retries) for at_s in sent_s]
    heapq.heapify(copies)
    free_s = wait_s = 0.0
    while copies and copies[0][0] <= 9.0:
        at_s, left = heapq.heappop(copies)
        free_s = max(free_s, at_s) + service_s
        wait_s = free_s - at_s
        if wait_s > timeout_s and left:
            heapq.heappush(copies, (at_s + timeout_s, left - 1))
    return wait_s


@pytest.mark.parametrize(("retries", "recovers", "does_not"), [(0, 0.9, 1.1), (1, 0.4, 0.6), (3, 0.15, 0.35)])
def test_limit_of_retries_agrees_with_a_replayed_queue(retries: int, recovers: float, does_not: float) -> None:
    assert recovers < highest_recovering_share(retries) < does_not
    assert replay_retries(recovers, retries) < 0.01
    assert replay_retries(does_not, retries) > 0.5


def test_overload_refuses_other_loads() -> None:
    with pytest.raises(ValueError, match="a share above 1"):
        Overload(0.9, 5, 0.5)
    with pytest.raises(ValueError, match="below 1 after it"):
        Overload(1.5, 5, 1.0)
