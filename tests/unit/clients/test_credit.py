import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.engine.credit import WHOLE_CREDIT, credit, credit_of
from clients.engine.jit import jit

HOUR_NS = 3_600_000_000_000
TIMES_NS = st.integers(0, 25 * HOUR_NS)


@st.composite
def make_lifetimes(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Return the times at which some requests began and ended."""
    pairs = draw(st.lists(st.tuples(TIMES_NS, st.integers(0, HOUR_NS)), min_size=1, max_size=20))
    return [(began, began + duration) for began, duration in pairs]


def exact_share(began: int, ended: int, window: int, end: int) -> Fraction:
    inside = max(0, min(ended, end) - max(began, window))
    return Fraction(inside, ended - began) if ended > began else Fraction(window <= began <= end)


@given(make_lifetimes(), st.lists(TIMES_NS, min_size=1, max_size=5))
def test_credits_of_adjoining_windows_add_up_to_the_requests(
    lifetimes: list[tuple[int, int]], inner_edges: list[int]
) -> None:
    lifetimes = [(began, ended) for began, ended in lifetimes if ended > began]
    edges = [0, *sorted(inner_edges), 27 * HOUR_NS]
    windows = list(itertools.pairwise(edges))
    total = sum(credit(*lifetime, *window) for lifetime in lifetimes for window in windows)
    rounding = len(lifetimes) * len(windows)  # less than one unit each
    assert abs(len(lifetimes) * WHOLE_CREDIT - total) <= rounding


@given(TIMES_NS, st.integers(0, HOUR_NS), TIMES_NS, st.integers(0, HOUR_NS))
def test_credit_is_the_share_inside_the_window(began: int, duration: int, window: int, length: int) -> None:
    ended, end = began + duration, window + length
    share = Fraction(credit(began, ended, window, end), WHOLE_CREDIT)
    assert 0 <= share <= 1
    assert abs(exact_share(began, ended, window, end) - share) <= Fraction(1, WHOLE_CREDIT)


@pytest.mark.parametrize("delay_us", [1, 999, 5_000, 13_000, 24_000, 50_000])
def test_constant_delay_gives_the_exact_rate(delay_us: int) -> None:
    """A client that asks again at once: whatever the delay, a window of 22 ms contains 22 ms / delay requests."""
    delay, window, end = delay_us * 1000, 3_000_000, 25_000_000
    sent = range(0, end, delay)
    total = sum(credit(at, at + delay, window, end) for at in sent)
    assert total / WHOLE_CREDIT == pytest.approx((end - window) / delay, rel=1e-3, abs=1e-5)


@jit
def compiled_credit(began_ns: int, ended_ns: int, window_ns: int, end_ns: int) -> int:
    return credit_of(began_ns, ended_ns, window_ns, end_ns)


def test_compiled_credit_matches_plain_credit() -> None:
    day = 24 * HOUR_NS
    cases = [(0, 10, 5, 20), (6, 6, 5, 20), (0, 4, 5, 20), (5, 20, 5, 20), (0, HOUR_NS, day, 2 * day), (0, day, 1, day)]
    assert [compiled_credit(*case) for case in cases] == [credit(*case) for case in cases]
