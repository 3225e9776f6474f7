"""The replies that the reference server plans, and when."""

from typing import Any

import pytest

from servers.reference.behaviour import (
    CLOSES,
    FALLS_SILENT,
    RESETS,
    STAYS,
    WORK_OFFSET,
    Behaviour,
    ReplyPlanner,
    action_at,
    parse_header,
    wait_ns_of,
)
from tests.support.work_frames import make_frame

MS = 1_000_000


def make_message(number: int, connection: int = 3) -> bytes:
    return connection.to_bytes(4, "little") + number.to_bytes(8, "little") + b"rest"


def plan_replies(times_ms: list[float], **behaviour: int) -> list[tuple[int, float, str, int]]:
    """Return (number, due in ms, kind, copies) of every reply, in the order in which they are planned."""
    planner = ReplyPlanner(Behaviour(**behaviour), 0)
    planned = []
    for number, time_ms in enumerate(times_ms, 1):
        replies = planner.replies(make_message(number), int(time_ms * MS))
        planned += [(parse_header(one.message)[1], one.due_ns / MS, one.kind, one.copies) for one in replies]
    return planned


@pytest.mark.parametrize(
    ("behaviour", "expected_ms"),
    [
        ({}, [0, 1, 2, 10]),
        ({"delay_ns": 5 * MS}, [5, 6, 7, 15]),
        ({"service_ns": 3 * MS}, [3, 6, 9, 13]),
        ({"stall_ns": 4 * MS, "stall_period_ns": 9 * MS}, [4, 4, 4, 13]),
    ],
)
def test_replies_are_due_after_delay_service_and_stall(behaviour: dict[str, int], expected_ms: list[float]) -> None:
    assert [due_ms for _, due_ms, _, _ in plan_replies([0, 1, 2, 10], **behaviour)] == expected_ms


@pytest.mark.parametrize(
    ("behaviour", "expected_ms"),
    [
        ({}, [4, 1, 2, 15]),
        ({"delay_ns": 5 * MS}, [9, 6, 7, 20]),
        ({"service_ns": 3 * MS}, [7, 10, 13, 21]),
    ],
)
def test_wait_of_a_request_adds_to_its_delay_or_service(behaviour: dict[str, int], expected_ms: list[float]) -> None:
    planner = ReplyPlanner(Behaviour(**behaviour), 0)
    requests = zip([0, 1, 2, 10], [4, 0, 0, 5], strict=True)
    replies = [planner.replies(make_message(1), arrival * MS, wait * MS) for arrival, wait in requests]
    assert [reply.due_ns / MS for (reply,) in replies] == expected_ms


def test_header_of_a_work_frame_begins_behind_its_length() -> None:
    frame = make_frame(b"payload", connection=5, number=9, wait_us=1_500)
    assert parse_header(frame, WORK_OFFSET) == (5, 9)
    assert parse_header(frame[:15], WORK_OFFSET) == (-1, -1)
    assert wait_ns_of(frame) == 1_500_000


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        ({"drop_every": 2}, [("ok", 1), ("dropped", 0), ("ok", 1), ("dropped", 0)]),
        ({"duplicate_every": 3}, [("ok", 1), ("ok", 1), ("duplicated", 2), ("ok", 1)]),
        ({"corrupt_every": 4}, [("ok", 1), ("ok", 1), ("ok", 1), ("corrupt", 1)]),
        ({"truncate_every": 4}, [("ok", 1), ("ok", 1), ("ok", 1), ("truncated", 1)]),
    ],
)
def test_every_kth_reply_has_its_fault(behaviour: dict[str, int], kinds: list[tuple[str, int]]) -> None:
    assert [(kind, copies) for _, _, kind, copies in plan_replies([0, 1, 2, 3], **behaviour)] == kinds


def test_faulty_replies_differ_from_requests() -> None:
    corrupt = ReplyPlanner(Behaviour(corrupt_every=1), 0).replies(make_message(1), 0)[0].message
    truncated = ReplyPlanner(Behaviour(truncate_every=1), 0).replies(make_message(1), 0)[0].message
    assert len(corrupt) == len(make_message(1))
    assert corrupt[:-1] == make_message(1)[:-1]
    assert corrupt != make_message(1)
    assert truncated == make_message(1)[:-1]


def test_swapped_reply_is_planned_after_its_successor() -> None:
    found = plan_replies([0, 1, 2, 3], swap_every=2)
    assert [number for number, _, _, _ in found] == [1, 3, 2]
    assert [due_ms for _, due_ms, _, _ in found] == [0, 2, 2]


def test_late_reply_is_due_later() -> None:
    assert plan_replies([0, 1], late_every=2, late_ns=7 * MS)[1] == (2, 8, "late", 1)


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ({}, [STAYS] * 4),
        ({"reset_at": 2}, [STAYS, STAYS, RESETS, STAYS]),
        ({"close_at": 1}, [STAYS, CLOSES, STAYS, STAYS]),
        ({"mute_at": 2}, [STAYS, STAYS, FALLS_SILENT, FALLS_SILENT]),
    ],
)
def test_connection_ends_at_its_kth_request(behaviour: dict[str, int], expected: list[str]) -> None:
    assert [action_at(Behaviour(**behaviour), requests) for requests in range(4)] == expected


@pytest.mark.parametrize("data", [b"", b"short", b"\xff" * 64])
def test_foreign_message_has_no_number(data: bytes) -> None:
    assert parse_header(data) == (-1, -1)


def test_unknown_behaviour_is_refused() -> None:
    unknown: dict[str, Any] = {"explode_every": 2}
    with pytest.raises(AttributeError, match="explode_every"):
        Behaviour(**unknown)
