"""Timers and queues of models whose requests wait."""

import random
import time

import pytest

from servers.work import timers as timers_module
from servers.work.conversation import MAX_QUEUED_BYTES, Conversation
from servers.work.datagrams import MAX_IN_PROGRESS_BYTES, OVERHEAD_BYTES, DatagramBudget, dropped_datagrams
from servers.work.protocol import Request
from servers.work.timers import Timers, epoll_timeout_s, poll_timeout_ms
from tests.support.work_frames import FRAME, error_reason, make_frame


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timers_module, "time", clock)
    return clock


def test_timers_are_due_in_the_order_of_their_times(clock: Clock) -> None:
    timers, delays_ms = Timers(), list(range(10_000))
    random.Random(1).shuffle(delays_ms)
    for delay_ms in delays_ms:
        timers.add(delay_ms / 1_000, delay_ms)
    due: list[int] = []
    for tenth_s in range(101):
        clock.now_s = 1_000 + tenth_s / 10
        due += timers.pop_due()
        assert len(due) == min(10_000, 100 * tenth_s + 1)
    assert due == sorted(delays_ms)
    assert (len(timers), timers.timeout_s()) == (0, None)


def test_timers_due_together_keep_their_order(clock: Clock) -> None:
    timers = Timers()
    for number in range(100):
        timers.add(1, number)
    clock.now_s += 1
    assert timers.pop_due() == list(range(100))


def test_timeout_is_the_time_to_the_next_timer(clock: Clock) -> None:
    timers = Timers()
    assert timers.timeout_s() is None
    timers.add(3, "late")
    timers.add(2, "early")
    assert timers.timeout_s() == pytest.approx(2)
    clock.now_s += 2.5
    assert timers.timeout_s() == 0
    assert timers.pop_due() == ["early"]
    assert timers.timeout_s() == pytest.approx(0.5)


def test_cancelled_timer_is_never_due_and_lets_go_of_its_item(clock: Clock) -> None:
    timers = Timers()
    cancelled = timers.add(1, "cancelled")
    timers.add(2, "kept")
    timers.cancel(cancelled)
    assert cancelled.item is None
    assert len(timers) == 1
    clock.now_s += 5
    assert timers.pop_due() == ["kept"]
    assert len(timers) == 0


def test_cancelled_timers_do_not_pile_up(clock: Clock) -> None:
    timers = Timers()
    kept = [timers.add(1, number) for number in range(10)]
    for _ in range(100_000):
        timers.cancel(timers.add(60, "left"))
    assert len(timers._heap) < 1_000  # noqa: SLF001 - its length is the memory that is kept
    clock.now_s += 2
    assert timers.pop_due() == list(range(len(kept)))


def test_timer_is_not_due_early() -> None:
    timers = Timers()
    start_s = time.monotonic()
    timers.add(0.002, "item")
    while not timers.pop_due():
        pass
    assert time.monotonic() - start_s >= 0.002


@pytest.mark.parametrize(
    ("timeout_s", "timeout_ms"),
    [(None, -1), (0.0, 0), (1e-9, 1), (0.001, 1), (0.0010001, 2), (0.0295, 30), (60.0, 60_000)],
)
def test_poll_timeout_is_rounded_up_to_ms(timeout_s: float | None, timeout_ms: int) -> None:
    assert poll_timeout_ms(timeout_s) == timeout_ms


def test_epoll_timeout_of_zero_is_not_forever() -> None:
    assert (epoll_timeout_s(None), epoll_timeout_s(0.0), epoll_timeout_s(0.5)) == (-1, 0, 0.5)


def test_conversation_returns_requests_in_order_and_then_none() -> None:
    conversation = Conversation()
    frames = [make_frame(number=number) for number in range(3)]
    conversation.receive(b"".join(frames))
    taken = [conversation.next_request() for _ in frames]
    assert [request.reply for request in taken if request] == frames
    assert conversation.next_request() is None
    assert not conversation.done


def test_conversation_wants_no_data_while_many_requests_are_queued() -> None:
    conversation, frame = Conversation(), make_frame(bytes(1_000))
    queued = 0
    while queued * len(frame) < MAX_QUEUED_BYTES:
        wanted = conversation.wants_data
        assert wanted
        conversation.receive(frame)
        queued += 1
    wanted = conversation.wants_data
    assert not wanted
    conversation.next_request()
    wanted = conversation.wants_data
    assert wanted, "one request less is enough to read again"


def test_conversation_is_done_once_the_last_request_is_taken() -> None:
    conversation = Conversation()
    conversation.receive(FRAME + FRAME[:5])
    states = [(conversation.wants_data, conversation.ended, conversation.done)]
    conversation.receive(b"")
    states.append((conversation.wants_data, conversation.ended, conversation.done))
    assert conversation.next_request() is not None
    states.append((conversation.wants_data, conversation.ended, conversation.done))
    error = conversation.next_request()
    assert error is not None
    assert error_reason(error.reply) == "the stream ends within a frame"
    states.append((conversation.wants_data, conversation.ended, conversation.done))
    assert states == [(True, False, False), (False, True, False), (False, True, False), (False, True, True)]


def test_budget_drops_and_counts_datagrams_beyond_its_bytes() -> None:
    budget, request = DatagramBudget(), Request(bytes(60_000))
    before, taken = dropped_datagrams.count, 0
    while budget.take(request):
        taken += 1
    assert taken == MAX_IN_PROGRESS_BYTES // (60_000 + OVERHEAD_BYTES)
    assert dropped_datagrams.count == before + 1
    budget.give_back(request)
    assert budget.take(request)
    assert not budget.take(request)
