"""Windows of latencies: their lengths, buckets and percentiles, and how the generator's counts become windows."""

import itertools
import math

import numpy as np
import pytest

from clients.engine.histogram_slots import SLOTS, slot
from clients.heat_map import ALARM_SHADES, SHADES, LatencyScale, draw_heat_map, format_us, shade_of
from clients.histogram import coarse
from clients.latency_windows import BUCKET_BITS, MAX_WINDOWS, LatencyWindow, lower_ns, pool, window_length_s
from clients.measurement import Slice
from clients.window_counts import latency_windows, merge_parts
from tests.unit.clients.test_steady_state import make_load


@pytest.mark.parametrize(
    ("load_s", "length_s"),
    [(7.0, 0.1), (9.3, 0.1), (10.0, 0.1), (10.01, 0.2), (3.0, 0.05), (0.02, 2e-4), (3600.0, 50.0), (0.0, 0.0)],
)
def test_window_length_is_round_and_makes_at_most_100_windows(load_s: float, length_s: float) -> None:
    assert window_length_s(load_s) == pytest.approx(length_s)
    assert not load_s or load_s / window_length_s(load_s) <= MAX_WINDOWS + 1e-9


def test_buckets_are_whole_slots_and_four_per_power_of_two() -> None:
    buckets = coarse(np.ones(SLOTS, np.int64), BUCKET_BITS)
    assert sum(count for _, _, count in buckets) == SLOTS
    assert [lower_ns(upper) for _, upper, _ in buckets] == [lower for lower, _, _ in buckets]
    assert sum(2**20 <= lower < 2**21 for lower, _, _ in buckets) == 4
    assert all(low == before + 1 for (_, before, _), (low, _, _) in itertools.pairwise(buckets))


def make_window(counts: dict[int, int], never_answered: int = 0, start_s: float = 0.0) -> LatencyWindow:
    return LatencyWindow(start_s, 1.0, counts, never_answered)


def test_quantiles_count_requests_without_a_reply_as_slowest() -> None:
    window = make_window({1023: 50, 2047: 40}, never_answered=10)
    assert [window.quantile_ns(q) for q in (0.5, 0.51, 0.9)] == [1023, 2047, 2047]
    assert window.quantile_ns(0.91) == math.inf
    assert math.isnan(make_window({}).quantile_ns(0.5))


def test_pool_adds_windows_with_the_same_start() -> None:
    first = [make_window({1023: 1}), make_window({511: 2}, 1, start_s=1.0)]
    second = [make_window({511: 3, 1023: 4}, 5)]
    pooled = pool([first, second])
    assert [dict(window.counts) for window in pooled] == [{511: 3, 1023: 5}, {511: 2}]
    assert list(pooled[0].counts) == [511, 1023]
    assert [window.never_answered for window in pooled] == [5, 1]


def make_step() -> Slice:
    """Return a load of 100 windows: 1 ms, from the 60th window on 50 ms."""
    return make_load(np.repeat([1e3, 50e3], [600, 400]), parts=100, lost=2)


def test_step_is_in_the_window_in_which_it_began() -> None:
    windows = latency_windows(make_step())
    assert [window.start_s for window in windows[:3]] == [0.0, 0.1, 0.2]
    is_slow = [min(window.counts) > 40e6 for window in windows]
    assert is_slow == [False] * 60 + [True] * 40
    assert all(window.requests == 12 for window in windows)


def test_load_that_was_stopped_has_no_windows_after_its_end() -> None:
    load = make_step()
    load.counts.primary[51:] = 0
    load.counts.never_answered[51:] = 0
    stopped = Slice(load.start_s, 5.04, load.counts, load.usage)
    windows = latency_windows(stopped)
    assert len(windows) == 51
    assert windows[-1].length_s == pytest.approx(0.04)


def test_merged_parts_have_the_counts_of_their_neighbours() -> None:
    merged = merge_parts(make_step(), 5).counts
    assert merged.primary.shape == (20, SLOTS)
    assert merged.primary[0, slot(1_000_000)] == 50
    assert list(merged.never_answered) == [10] * 20
    assert merged.part_s == pytest.approx(0.5)


@pytest.mark.parametrize(("share", "shade"), [(0.0, None), (0.001, 0), (0.02, 0), (0.021, 1), (0.4, 3), (1.0, 4)])
def test_shade_grows_with_the_share(share: float, shade: int | None) -> None:
    assert shade_of(share) == shade


@pytest.mark.parametrize(
    ("us", "text"), [(0.5, "0.5 µs"), (100.0, "100 µs"), (999.9, "1 ms"), (1342.0, "1.3 ms"), (2e7, "20 s")]
)
def test_latency_has_two_figures_and_its_unit(us: float, text: str) -> None:
    assert format_us(us) == text


def test_heat_map_merges_equal_neighbours_and_has_the_unanswered_above() -> None:
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    upper_ns = (1 << 20) - 1
    windows = [make_window({upper_ns: 10}, start_s=float(k)) for k in range(4)]
    windows.append(make_window({upper_ns: 6}, never_answered=4, start_s=4.0))
    scale = LatencyScale.of([windows])
    ax = Figure().add_subplot()
    draw_heat_map(ax, windows, scale)
    boxes = {to_hex(patch.get_facecolor()): patch.get_path().get_extents() for patch in ax.patches}
    assert set(boxes) == {SHADES[-1], ALARM_SHADES[-2]}
    assert boxes[SHADES[-1]].intervalx.tolist() == [0.0, 5.0]
    assert boxes[ALARM_SHADES[-2]].intervalx.tolist() == [4.0, 5.0]
    assert boxes[ALARM_SHADES[-2]].y0 == pytest.approx(scale.strip[0])
    assert scale.strip[0] > scale.top >= boxes[SHADES[-1]].y1
