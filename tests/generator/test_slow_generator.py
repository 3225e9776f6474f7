"""Several generators of which one is slow: it is named, and the load is not called valid."""

from typing import Any

import pytest

from clients.worker_group import WorkerGroup
from tests.support.generator_members import start_members
from tests.support.scripted_servers import HOST, start_udp_server

pytestmark = [pytest.mark.serial, pytest.mark.timeout(300)]

NAMES = ("lab2", "lab3", "lab4")
SLOW = NAMES[-1]  # its answer is read last, so the slices of the others are over when it continues
SLICES, SLICE_S, WARMUP_S = 3, 0.2, 0.02


def load_together(*stopped: int, discards: bool = False, **changes: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Load a server with all generators; return the figures of each slice, and the answer at the end.

    stopped: numbers of the slices that one generator misses. discards: whether these are discarded.
    """
    with start_members(NAMES) as members, start_udp_server(lambda _, data: [data]) as port:
        group = WorkerGroup([*members.values()])
        settings = {"transport": "udp", "host": HOST, "port": port, "connections": 6, "timeout_s": 20.0, **changes}
        assert group.answer({"do": "open", "id": "a", "settings": settings}, 60.0)["ok"]
        slices = []
        for number in range(SLICES):
            members[SLOW].stops = number in stopped
            command = {"do": "slice", "id": "a", "seconds": SLICE_S, "warmup_s": WARMUP_S, "seed": number}
            slices.append(group.answer(command, 60.0)["slice"])
            if discards and number in stopped:
                assert group.answer({"do": "discard", "id": "a"}, 60.0)["ok"]
                slices.pop()
        return slices, group.answer({"do": "close", "id": "a"}, 60.0)


def codes_of(closed: dict[str, Any]) -> set[str]:
    return {flag["code"] for flag in closed["document"]["verdict"]["flags"]}


def test_stopped_generator_is_named_with_what_it_did_not_send() -> None:
    slices, closed = load_together(1, 2)
    generators = closed["generators"]
    assert set(generators) == set(NAMES)
    slow = generators[SLOW]
    assert slow["load_ratio"] < 0.95  # it missed two of three slices
    assert slow["load_ratio"] == min(each["load_ratio"] for each in generators.values())
    assert slow["shortfall_share"] == pytest.approx(1 - slow["load_ratio"])
    assert slow["late_start_us"] == max(each["late_start_us"] for each in generators.values())
    assert slow["missing_share"] > 0.25
    assert codes_of(closed) >= {"GENERATOR_BEHIND", "GENERATOR_MISSING"}
    assert closed["document"]["verdict"]["status"] == "invalid"
    late_us = slices[1]["generators"][SLOW]["late_start_us"]
    assert slices[1]["start_skew_us"] >= late_us
    assert closed["start_skew_us"] == max(figures["start_skew_us"] for figures in slices)


def test_stopped_generator_of_an_open_loop_is_named() -> None:
    _, closed = load_together(1, 2, rate_rps=9000.0, arrivals="constant")
    assert closed["generators"][SLOW]["missing_share"] > 0.25
    # It sends all that is due at once, so its requests wait for connections. The latency would be called the server's.
    assert "GENERATOR_MISSING" in codes_of(closed)
    assert closed["document"]["verdict"]["status"] == "invalid"


def test_slice_that_does_not_count_is_not_held_against_a_generator() -> None:
    slices, closed = load_together(1, discards=True)
    assert closed["generators"][SLOW]["missing_share"] < 0.25
    assert closed["start_skew_us"] == max(figures["start_skew_us"] for figures in slices)
