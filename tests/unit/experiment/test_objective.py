import math
from typing import Any

import msgspec
import pytest

from bench.experiment.objective import Objective, choose_objective, meets
from bench.experiment.solo_load import LoadResult
from bench.plan.scenario import Scenario
from clients.quality_catalogue import DEFAULT_THRESHOLDS


def make_scenario(**changes: Any) -> Scenario:
    return msgspec.convert({"name": "limit", "connections": [1], "seconds": 1.0, "rate": "highest"} | changes, Scenario)


@pytest.mark.parametrize(
    ("idle_us", "expected_us"), [([], 5000.0), ([20.0, 30.0], 5000.0), ([20.0, 900.0], 9000.0), ([math.inf], 5000.0)]
)
def test_default_objective_follows_from_the_slowest_idle_arm(idle_us: list[float], expected_us: float) -> None:
    assert choose_objective(make_scenario(), idle_us) == Objective(expected_us, 0.001)


def test_objective_of_plan_replaces_the_default() -> None:
    scenario = make_scenario(objective_p99_us=2000, objective_lost_share=0.01)
    assert choose_objective(scenario, [900.0]) == Objective(2000.0, 0.01)
    assert str(Objective(2000.0, 0.01)) == "99% of the requests answered within 2 ms, and at most 1.00% lost"


@pytest.mark.parametrize(
    ("changes", "histogram", "expected"),
    [
        ({}, [[30_000, 40_000, 1000]], True),
        ({}, [[30_000, 40_000, 990], [4_900_000, 5_100_000, 10]], True),
        ({}, [[30_000, 40_000, 989], [4_900_000, 5_100_000, 11]], False),
        ({}, [[30_000, 40_000, 989]], False),  # the others were never answered
        (
            {"latency_us": {"count": 100, "mean": 35.0}, "throughput_rps": 100.0, "scheduled": 100},
            [[30_000, 40_000, 99]],
            True,
        ),
        (
            {"latency_us": {"count": 100, "mean": 35.0}, "throughput_rps": 100.0, "scheduled": 100},
            [[30_000, 40_000, 98]],
            False,
        ),
        ({"ledger": {"lost": 1, "late": 1, "corrupt": 0}}, [[30_000, 40_000, 998]], False),
        ({"ledger": {"lost": 1, "late": 0, "corrupt": 0}}, [[30_000, 40_000, 999]], True),
        ({"ledger": {"lost": 1, "late": 0, "corrupt": 1}}, [[30_000, 40_000, 998]], False),
        ({"unsent": 2}, [[30_000, 40_000, 998]], False),
        ({"throughput_rps": 985.0}, [[30_000, 40_000, 1000]], False),  # the server falls behind
        (
            {"throughput_rps": 985.0, "latency_us": {"count": 1000, "mean": 4000.0}},
            [[3_900_000, 4_100_000, 1000]],
            True,
        ),  # four requests in flight at both ends explain that
        ({"latency_us": {"count": 0, "mean": None}, "throughput_rps": 0.0, "scheduled": 0}, [], False),
    ],
)
def test_objective_asks_for_replies_in_time_and_in_the_window(
    changes: dict[str, object], histogram: list[list[int]], expected: bool
) -> None:
    document = {
        "latency_us": {"count": 1000, "mean": 35.0},
        "ledger": {"lost": 0, "late": 0, "corrupt": 0},
        "unsent": 0,
        "scheduled": 1000,
        "throughput_rps": 1000.0,
        "duration_s": 1.0,
    }
    assert (
        meets(LoadResult([], document | changes, {"latency": histogram}), Objective(5000.0, 0.001), DEFAULT_THRESHOLDS)
        is expected
    )
