import math

import pytest

from bench.formatting import compact, format_percent, format_ratio, join_words, on_axis, spread, with_interval


@pytest.mark.parametrize(
    ("value", "text"),
    [(31_234, "31.2k"), (999.6, "1.00k"), (99.96, "100"), (9.996, "10.0"), (1_240_000, "1.24M"), (0.414, "0.41")],
)
def test_compact_prints_three_figures(value: float, text: str) -> None:
    assert compact(value) == text


def test_compact_prints_missing_and_infinite_values() -> None:
    assert compact(math.nan) == "-"
    assert compact(math.inf) == "inf"
    assert spread(math.inf, 1.0, math.inf) == "inf"


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (99.0, 101.0, "100 ±1.0%"),
        (90.0, 111.0, "100 ±11%"),
        (99.0, 101.5, "100 -1.0/+1.5%"),
        (80.0, 130.0, "100 -20/+30%"),
        (80.0, 101.5, "100 -20/+1.5%"),
    ],
)
def test_spread_prints_one_number_only_for_a_symmetric_interval(low: float, high: float, text: str) -> None:
    assert spread(100.0, low, high) == text


def test_spread_of_a_single_value_has_no_interval() -> None:
    assert spread(100.0, 100.0, 100.0) == "100"


def test_on_axis_prints_round_numbers() -> None:
    assert [on_axis(value) for value in (0.0, 250.0, 20_000.0, 2.5e6)] == ["0", "250", "20k", "2.5M"]


def test_with_interval_omits_unknown_interval() -> None:
    assert with_interval(31_200.0, 30_100.0, 32_300.0) == "31.2k [30.1k, 32.3k]"
    assert with_interval(31_200.0, math.nan, math.nan) == "31.2k"
    assert with_interval(math.nan, 1.0, 2.0) == "-"


def test_format_ratio_prints_two_decimals_below_ten() -> None:
    assert [format_ratio(value) for value in (1.066, 12.34, math.nan, math.inf)] == [
        "1.07",
        "12.3",
        "unknown",
        "unbounded",
    ]


def test_format_percent_prints_one_decimal() -> None:
    assert format_percent(0.0224) == "2.2%"


def test_join_words_puts_and_before_last() -> None:
    assert [join_words(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]
