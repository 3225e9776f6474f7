"""When a server has recovered from an overload, on made-up replies in stretches of 100 ms."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from bench.experiment.recovery_time import recovery_s

USUAL_US = 1000.0


def make_document(
    after_us: Sequence[float | None], rates: tuple[float, ...] = (500, 1500, 500), failed: Sequence[int] = (0,) * 10
) -> dict[str, Any]:
    """Return a document with three phases of 1 s. after_us, failed: mean latency and failures in bins of the last one.

    Each bin of 100 ms with a latency has 50 replies.
    """
    phases = [
        {"seconds": 1.0, "rate_rps": rate, "latency_us": {"p99": USUAL_US}, "sent": 100, "ledger": {"lost": 0}}
        for rate in rates
    ]
    latency_us = [500.0] * 10 + [90_000.0] * 10 + [*after_us]
    replies = [0 if value is None else 50 for value in latency_us]
    goodput = {"bin_s": 0.1, "replies": replies, "latency_us": latency_us, "failed": [0] * 20 + [*failed]}
    return {"phases": phases, "goodput": goodput}


def test_server_has_recovered_once_replies_are_as_fast_as_before() -> None:
    document = make_document([80_000.0, 40_000.0, 5_000.0, 900.0] + [500.0] * 6)
    assert recovery_s(document, 2) == pytest.approx(0.3)


def test_server_that_is_fast_at_once_needs_no_time() -> None:
    assert recovery_s(make_document([500.0] * 10), 2) == 0


def test_slow_stretch_after_fast_ones_moves_the_recovery() -> None:
    assert recovery_s(make_document([80_000.0, 500.0, 500.0, 9_000.0] + [500.0] * 6), 2) == pytest.approx(0.4)


@pytest.mark.parametrize("last_us", [9_000.0, None])
def test_server_that_is_slow_or_silent_at_the_end_has_not_recovered(last_us: float | None) -> None:
    assert recovery_s(make_document([*[500.0] * 9, last_us]), 2) == math.inf


def test_silence_is_found_in_short_bins() -> None:
    document = make_document([*[500.0] * 3, *[None] * 7], rates=(100, 300, 100))  # 10 requests due in a bin
    assert recovery_s(document, 2) == math.inf
    document = make_document([*[None] * 4, *[500.0] * 6], rates=(100, 300, 100))
    assert recovery_s(document, 2) == pytest.approx(0.4)


def test_one_slow_reply_in_short_bins_is_no_queue() -> None:
    document = make_document([500.0] * 6 + [1_200.0] + [500.0] * 3, rates=(100, 300, 100))
    assert recovery_s(document, 2) == 0


def test_few_requests_before_the_overload_have_a_longest_latency() -> None:
    """The mean of twenty requests is often above the median, which would be taken for a queue."""
    document = make_document([9_000.0, 2_900.0] + [1_100.0] * 8)
    document["phases"][0]["latency_us"] = {"p50": 1_000.0, "p90": 1_050.0, "p99": None, "max": 3_000.0}
    assert recovery_s(document, 2) == pytest.approx(0.1)


def test_fast_replies_do_not_count_where_requests_fail() -> None:
    """A server that refuses half of the requests answers the others at once."""
    fast_us = [500.0] * 10
    assert recovery_s(make_document(fast_us, failed=[50] * 10), 2) == math.inf
    assert recovery_s(make_document(fast_us, failed=[50] * 4 + [0] * 6), 2) == pytest.approx(0.4)


def test_one_failure_among_twenty_is_chance() -> None:
    assert recovery_s(make_document([500.0] * 10, failed=[2] * 10), 2) == 0  # 2 of 52
    assert recovery_s(make_document([500.0] * 10, failed=[3] * 10), 2) == math.inf  # 3 of 53


def test_phase_with_few_requests_has_no_recovery() -> None:
    document = make_document([80_000.0, None, *([500.0] * 8)], rates=(5, 15, 5))
    assert recovery_s(document, 2) is None


@pytest.mark.parametrize(("phase", "rates"), [(0, (500, 1500, 500)), (1, (500, 1500, 500)), (2, (1500, 500, 500))])
def test_phase_that_follows_no_overload_has_no_recovery(phase: int, rates: tuple[float, ...]) -> None:
    assert recovery_s(make_document([500.0] * 10, rates), phase) is None


def test_server_that_lost_requests_before_the_overload_has_no_recovery() -> None:
    document = make_document([9_000.0] * 10)
    document["phases"][0]["ledger"]["lost"] = 6  # of 100
    assert recovery_s(document, 2) is None
