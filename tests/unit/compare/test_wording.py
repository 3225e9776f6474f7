import math

import pytest

from bench.compare.run_values import COMPARED_METRICS
from bench.compare.wording import better_direction, direction, percent, range_of_changes, subject


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.2, "+20%"),
        (0.8, "-20%"),
        (1.042, "+4.2%"),
        (1.0, "+0.0%"),
        (12.3, "x 12.3"),
        (math.inf, "unbounded"),
        (math.nan, "-"),
    ],
)
def test_percent_is_signed_and_short(ratio: float, text: str) -> None:
    assert percent(ratio) == text


@pytest.mark.parametrize(
    ("metric", "ratio", "word"),
    [
        ("memory_mb", 0.9, "less"),
        ("cpu_us_per_request", 1.1, "more"),
        ("throughput_rps", 1.1, "higher"),
        ("latency_p99_us", 1.1, "longer"),
    ],
)
def test_words_fit_the_metric(metric: str, ratio: float, word: str) -> None:
    assert direction(metric, ratio) == word


@pytest.mark.parametrize(
    ("metric", "word"),
    [
        ("throughput_rps", "higher"),
        ("latency_p99_us", "shorter"),
        ("cpu_us_per_request", "less"),
        ("memory_mb", "less"),
    ],
)
def test_better_figure_has_a_word_that_fits_the_metric(metric: str, word: str) -> None:
    assert better_direction(metric) == word


def test_every_compared_metric_has_a_name_for_sentences() -> None:
    assert [metric for metric in COMPARED_METRICS if subject(metric) == metric] == []


@pytest.mark.parametrize(
    ("ratios", "text"),
    [
        ([0.96, 0.98], "2.0% to 4.0% less"),
        ([1.2, 1.25], "20% to 25% more"),
        ([0.97, 1.08], "3.0% less to 8.0% more"),
        ([0.8, 0.8], "20% less"),
    ],
)
def test_range_of_changes_has_both_ends(ratios: list[float], text: str) -> None:
    assert range_of_changes("memory_mb", ratios) == text
