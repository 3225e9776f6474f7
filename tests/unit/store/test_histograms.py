import numpy as np
import pandas as pd
import pytest

from bench.store.histograms import HistogramError, one_row_per_slot
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
