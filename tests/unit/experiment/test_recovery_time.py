"""When a server has recovered from an overload, on made-up replies in stretches of 100 ms."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from bench.experiment.recovery_time import recovery_s

USUAL_US = 1000.0


def make_document(after_us: Sequence[float | None], rates: tuple[float, ...] = (500, 1500, 500)) -> dict[str, Any]:
    """Return a document with three phases of 1 s. after_us: mean latency in each stretch of the last one."""
    phases = [{"seconds": 1.0, "rate_rps": rate, "latency_us": {"p99": USUAL_US}} for rate in rates]
    latency_us = [500.0] * 10 + [90_000.0] * 10 + [*after_us]
    replies = [0 if value is None else 50 for value in latency_us]
    return {"phases": phases, "goodput": {"bin_s": 0.1, "replies": replies, "latency_us": latency_us}}


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


def test_rare_requests_make_stretches_longer() -> None:
    """With 50 requests per second, a stretch has two bins: one without a reply does not count, two do."""
    rates = (50, 150, 50)
    assert recovery_s(make_document([80_000.0, None, *([500.0] * 8)], rates), 2) == pytest.approx(0.2)
    assert recovery_s(make_document([500.0, None, None, 500.0, None, None, *([500.0] * 4)], rates), 2) == pytest.approx(
        0.6
    )


def test_server_without_a_reply_has_not_recovered_from_rare_requests() -> None:
    assert recovery_s(make_document([None] * 10, rates=(50, 150, 50)), 2) == math.inf


def test_phase_with_too_few_requests_for_a_stretch_has_no_recovery() -> None:
    assert recovery_s(make_document([500.0] * 10, rates=(5, 15, 5)), 2) is None


@pytest.mark.parametrize(("phase", "rates"), [(0, (500, 1500, 500)), (1, (500, 1500, 500)), (2, (1500, 500, 500))])
def test_phase_that_follows_no_overload_has_no_recovery(phase: int, rates: tuple[float, ...]) -> None:
    assert recovery_s(make_document([500.0] * 10, rates), phase) is None
