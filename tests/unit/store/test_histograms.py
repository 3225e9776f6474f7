import tracemalloc

import numpy as np
import pandas as pd
import pytest

from bench.store import histograms
from bench.store.histograms import HistogramError, one_row_per_bucket, one_row_per_slot
from clients.engine.histogram_slots import SLOTS
from clients.histogram import coarse


def make_histograms(*cells: tuple[str, str]) -> pd.DataFrame:
    rows = [
        {"block": block, "arm": "select/tcp", "rate_rps": np.nan, "upper_ns": upper, "counts": counts}
        for block, (upper, counts) in enumerate(cells)
    ]
    return pd.DataFrame(rows, columns=["block", "arm", "rate_rps", "upper_ns", "counts"])


def test_slots_repeat_the_columns_of_their_histogram() -> None:
    slots = one_row_per_slot(make_histograms(("1 2063", "5 4"), ("31", "7"), ("", "")))
    assert list(slots["block"]) == [0, 0, 1]
    assert list(slots["lower_ns"]) == [1, 2048, 31]
    assert list(slots["upper_ns"]) == [1, 2063, 31]
    assert list(slots["count"]) == [5, 4, 7]
    assert slots["rate_rps"].isna().all()


def test_slots_of_no_histogram_are_an_empty_table() -> None:
    slots = one_row_per_slot(make_histograms())
    assert slots.empty
    assert {"lower_ns", "upper_ns", "count"} <= set(slots.columns)


def test_lowest_value_is_that_of_the_generator_for_every_slot() -> None:
    recorded = coarse(np.ones(SLOTS, np.int64))
    upper, counts = (" ".join(str(slot[column]) for slot in recorded) for column in (1, 2))
    slots = one_row_per_slot(make_histograms((upper, counts)))
    assert slots[["lower_ns", "upper_ns", "count"]].to_numpy().tolist() == recorded


@pytest.mark.parametrize(
    ("upper", "counts", "message"),
    [
        ("1 x", "5 4", "has no list of whole numbers in line 3"),
        ("1 2.5", "5 4", "has no list of whole numbers in line 3"),
        ("1 inf", "5 4", "has no list of whole numbers in line 3"),
        ("1 99999999999999999999", "5 4", "has no list of whole numbers in line 3"),
        ("1 2", "5", "has 2 slots and 1 counts in line 3"),
        ("2 1", "5 4", "has slots out of order or negative counts in line 3"),
        ("-2 1", "5 4", "has slots out of order or negative counts in line 3"),
        ("1 2", "5 -4", "has slots out of order or negative counts in line 3"),
    ],
)
def test_histogram_with_bad_lists_names_its_line(upper: str, counts: str, message: str) -> None:
    with pytest.raises(HistogramError, match=message):
        one_row_per_slot(make_histograms(("1", "5"), (upper, counts)))


def test_histograms_of_a_run_are_parsed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histograms, "_parsed_one_by_one", lambda *_: pytest.fail("parsed one by one"))
    rows = [(f"{block} {block + 5} 9999", "5 4 1") for block in range(histograms.PARSED_AT_ONCE + 1)]
    slots = one_row_per_slot(make_histograms(*rows, ("", "")))
    assert slots["upper_ns"].tolist() == [upper for block in range(len(rows)) for upper in (block, block + 5, 9999)]
    assert slots["count"].tolist() == [5, 4, 1] * len(rows)
    assert slots["block"].tolist() == [block for block in range(len(rows)) for _ in range(3)]


@pytest.mark.parametrize(("upper", "counts"), [("1  2", "5 4"), (" 1 2", "5 4"), ("1 2", "5 4 "), ("1\t2", "5 4")])
def test_histogram_with_other_spaces_has_the_same_slots(upper: str, counts: str) -> None:
    slots = one_row_per_slot(make_histograms(("7", "3"), (upper, counts)))
    assert slots[["upper_ns", "count"]].to_numpy().tolist() == [[7, 3], [1, 5], [2, 4]]


def test_memory_of_slots_is_little_more_than_their_table() -> None:
    rows = make_histograms(*[(" ".join(map(str, range(500))), " ".join(["1"] * 500))] * 400)
    one_row_per_slot(rows)  # imports what it needs
    tracemalloc.start()
    try:
        table = one_row_per_slot(rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2.5 * table.memory_usage().sum()


def test_buckets_end_with_the_requests_never_answered() -> None:
    windows = make_histograms(("1 2063", "5 4"), ("", ""), ("", ""), ("31", "7")).assign(never_answered=[2, 3, 0, 0])
    buckets = one_row_per_bucket(windows)
    assert list(buckets["block"]) == [0, 0, 0, 1, 3]
    assert list(buckets["upper_ns"]) == [1, 2063, np.inf, np.inf, 31]
    assert list(buckets["count"]) == [5, 4, 2, 3, 7]
    assert buckets[["upper_ns", "count"]].dtypes.tolist() == [np.float64, np.int64]
    assert "never_answered" not in buckets
    assert one_row_per_bucket(windows.iloc[:0]).empty


def test_buckets_are_the_same_parsed_at_once_and_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(7)
    cells = []
    for size in random.integers(0, 40, 3 * histograms.PARSED_AT_ONCE // 2).tolist():
        upper = np.sort(random.choice(10**9, size, replace=False))
        cells.append((" ".join(map(str, upper)), " ".join(map(str, random.integers(0, 1000, size)))))
    windows = make_histograms(*cells).assign(never_answered=random.integers(0, 2, len(cells)))
    at_once = one_row_per_bucket(windows)
    monkeypatch.setattr(histograms, "_parsed_at_once", lambda *_: None)
    pd.testing.assert_frame_equal(at_once, one_row_per_bucket(windows))


def test_window_with_bad_lists_names_its_line() -> None:
    with pytest.raises(HistogramError, match="has slots out of order or negative counts in line 3"):
        one_row_per_bucket(make_histograms(("1", "5"), ("2 1", "5 4")).assign(never_answered=0))
