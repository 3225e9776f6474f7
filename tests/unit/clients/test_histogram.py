import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from clients.engine.histogram_slots import HIGHEST_NS, SLOTS, slot, slot_of
from clients.engine.jit import jit
from clients.histogram import add_up, coarse, highest_ns, lowest_ns, mean_ns, quantile_ns, summary_us
from clients.load_spec import LoadSpec, check_duration

VALUES = st.integers(0, HIGHEST_NS)


def make_histogram(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    counts = np.zeros(SLOTS, np.int64)
    for value in values:
        counts[slot(value)] += 1
    return counts


@given(VALUES)
def test_slot_matches_hdrhistogram(value: int) -> None:
    oracle = HdrHistogram(1, HIGHEST_NS, 3)
    assert slot(value) == oracle._counts_index_for(value)  # noqa: SLF001 - the layout is what has to agree


def test_slot_count_matches_hdrhistogram() -> None:
    assert HdrHistogram(1, HIGHEST_NS, 3).counts_len == SLOTS


@given(VALUES)
def test_slot_limits_enclose_the_value(value: int) -> None:
    position = np.asarray(slot(value))
    assert lowest_ns(position) <= value <= highest_ns(position)
    assert highest_ns(position) - lowest_ns(position) <= max(1, value) / 1024


@given(st.lists(VALUES, min_size=1, max_size=100))
def test_coarse_matches_hdrhistogram_of_two_digits(values: list[int]) -> None:
    oracle = HdrHistogram(1, HIGHEST_NS, 2)
    for value in values:
        oracle.record_value(value)
    rows = coarse(make_histogram(values))
    assert sum(count for _, _, count in rows) == len(values)
    for lower, upper, count in rows:
        assert oracle.get_count_at_value(lower) == oracle.get_count_at_value(upper) == count


def test_slot_out_of_range_is_first_or_last() -> None:
    assert slot(-5) == 0
    assert slot(1 << 50) == SLOTS - 1


def test_longest_latency_of_the_longest_load_has_a_slot_of_its_own() -> None:
    longest_s = (
        90_000 + 2 * 3600
    )  # a day with an hour of warm-up; a request may wait and then be sent, each up to 3600 s
    with pytest.raises(ValueError, match="to 90000"):
        check_duration(90_001, 0)
    with pytest.raises(ValueError, match="to 3600"):
        LoadSpec("tcp", "127.0.0.1", 9, timeout_s=3601.0)
    assert slot(longest_s * 10**9) < slot(HIGHEST_NS) == SLOTS - 1


@jit
def compiled_slot(value: int) -> int:
    return slot_of(value)


def test_compiled_slot_matches_plain_slot() -> None:
    values = (-5, 0, 1, 2047, 2048, 4095, 4096, 10**6, 10**9, HIGHEST_NS, 1 << 50)
    assert [compiled_slot(value) for value in values] == [slot(value) for value in values]


@given(st.lists(VALUES, min_size=1, max_size=200), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_quantile_is_the_nearest_rank(values: list[int], quantile: float) -> None:
    exact = sorted(values)[max(1, math.ceil(quantile * len(values) - 1e-9)) - 1]
    assert quantile_ns(make_histogram(values), quantile) == highest_ns(np.asarray(slot(exact)))


@given(st.lists(VALUES, min_size=1, max_size=50), st.lists(VALUES, min_size=1, max_size=50))
def test_histograms_merge_by_adding(left: list[int], right: list[int]) -> None:
    assert (make_histogram(left) + make_histogram(right) == make_histogram(left + right)).all()


def test_quantile_counts_missing_replies_as_infinite() -> None:
    counts = make_histogram([1000] * 98)
    assert quantile_ns(counts, 0.98, missing=2) == 1000
    assert quantile_ns(counts, 0.99, missing=2) == math.inf


def test_quantile_and_mean_of_no_values_are_nan() -> None:
    empty = make_histogram([])
    assert math.isnan(quantile_ns(empty, 0.5))
    assert math.isnan(mean_ns(empty))


def test_mean_is_exact_to_a_thousandth() -> None:
    values = [1_000, 50_000, 3_000_000]
    assert mean_ns(make_histogram(values)) == pytest.approx(sum(values) / 3, rel=1e-3)


def test_summary_omits_percentile_with_few_requests_beyond() -> None:
    summary = summary_us(make_histogram([1000] * 999))
    assert math.isnan(summary["p99"])
    assert summary_us(make_histogram([1000] * 1000))["p99"] == 1.0
    assert summary["p90"] == 1.0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_counts_of_threads_are_added_up_into_new_counts(threads: int) -> None:
    parts = [np.arange(12, dtype=np.int64).reshape(3, 4) * (k + 1) for k in range(threads)]
    total = add_up(parts)
    assert np.array_equal(total, np.sum(parts, axis=0))
    parts[0].fill(0)  # the next load clears the counts of a thread
    assert total[2, 3] == 11 * sum(range(threads + 1))
