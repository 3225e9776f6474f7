"""Intervals and predictions of points, and ticks of logarithmic axes."""

import math
from dataclasses import replace

import pytest

from bench.report.charts.points import Point, describe_interval
from bench.report.charts.ticks import DecadeLocator
from bench.schema.arms import Arm

POINT = Point(Arm.parse("asyncio/tcp"), 16, 5.0, 4.0, 6.0, "valid", "", blocks=9)


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        (1, "1 block, without intervals"),
        (2, "median of 2 blocks, bars: 50% interval"),
        (9, "median of 9 blocks, bars: 96% interval"),
    ],
)
def test_interval_is_stated_from_two_blocks_on(blocks: int, text: str) -> None:
    assert describe_interval([replace(POINT, blocks=blocks)]) == text


@pytest.mark.parametrize(("predicted", "has_tick"), [(3.0, True), (0.0, False), (math.inf, False), (math.nan, False)])
def test_only_a_positive_number_has_a_tick(predicted: float, has_tick: bool) -> None:
    assert replace(POINT, predicted=predicted).has_prediction is has_tick


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [(12.0, 45.0, [15, 20, 30, 40]), (50.0, 300.0, [50, 100, 200]), (0.5, 1e3, [1, 10, 100])],
)
def test_axis_shorter_than_two_decades_has_round_numbers(low: float, high: float, numbers: list[int]) -> None:
    shown = [number for number in DecadeLocator().tick_values(low, high) if low <= number <= high]
    assert set(numbers) <= set(shown)
