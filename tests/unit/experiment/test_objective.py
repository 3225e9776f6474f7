import pytest

from bench.experiment.rate_search import meets
from bench.experiment.server_pool import Loaded


@pytest.mark.parametrize(
    ("changes", "histogram", "expected"),
    [
        ({}, [[30_000, 40_000, 1000]], True),
        ({}, [[30_000, 40_000, 990], [4_900_000, 5_100_000, 10]], True),
        ({}, [[30_000, 40_000, 989], [4_900_000, 5_100_000, 11]], False),
        ({}, [[30_000, 40_000, 989]], False),  # the other requests were never answered
        ({"latency_us": {"count": 100, "mean": 35.0}, "replies": 100, "scheduled": 100}, [[30_000, 40_000, 99]], True),
        ({"latency_us": {"count": 100, "mean": 35.0}, "replies": 100, "scheduled": 100}, [[30_000, 40_000, 98]], False),
        ({"ledger": {"lost": 1, "late": 1, "corrupt": 0}}, [[30_000, 40_000, 998]], False),
        ({"ledger": {"lost": 1, "late": 0, "corrupt": 0}}, [[30_000, 40_000, 999]], True),
        ({"ledger": {"lost": 1, "late": 0, "corrupt": 1}}, [[30_000, 40_000, 998]], False),
        ({"unsent": 2}, [[30_000, 40_000, 998]], False),
        ({"replies": 985}, [[30_000, 40_000, 1000]], False),  # the server falls behind
        (
            {"replies": 985, "latency_us": {"count": 1000, "mean": 4000.0}},
            [[3_900_000, 4_100_000, 1000]],
            True,
        ),  # 4 requests are in flight on average
        ({"latency_us": {"count": 0, "mean": None}, "replies": 0, "scheduled": 0}, [], False),
    ],
)
def test_objective_demands_times_and_answers(
    changes: dict[str, object], histogram: list[list[int]], expected: bool
) -> None:
    document = {
        "latency_us": {"count": 1000, "mean": 35.0},
        "ledger": {"lost": 0, "late": 0, "corrupt": 0},
        "unsent": 0,
        "scheduled": 1000,
        "replies": 1000,
        "duration_s": 1.0,
    }
    assert meets(Loaded([], document | changes, {"latency": histogram}), 5000.0, 0.001) is expected
