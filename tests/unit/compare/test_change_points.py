import math

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.compare.change_points import change_points

NOISE_SERIES = 300
MAX_FALSE_SERIES = 10  # binomial(300, .016) exceeds it in 1% of cases; 1.6% is the highest rate that was measured


def make_noise(kind: str, runs: int, count: int = NOISE_SERIES) -> NDArray[np.float64]:
    """Return series of pure noise. kind: gauss or t4."""
    random = np.random.default_rng(runs)
    if kind == "gauss":
        return random.normal(size=(count, runs))
    return random.standard_t(4, size=(count, runs)) / math.sqrt(2)


@pytest.mark.parametrize("kind", ["gauss", "t4"])
@pytest.mark.parametrize("runs", [4, 6, 10, 15, 30])
def test_change_points_of_noise_are_rare(kind: str, runs: int) -> None:
    found = sum(bool(change_points(np.exp(0.02 * logs).tolist())) for logs in make_noise(kind, runs))
    assert found <= MAX_FALSE_SERIES


@pytest.mark.parametrize(
    ("runs", "behind", "least"), [(7, 2, 0.95), (10, 1, 0.9), (10, 5, 0.97), (20, 1, 0.9), (20, 10, 0.98)]
)
def test_change_points_find_step_of_ten_times_the_noise(runs: int, behind: int, least: float) -> None:
    step = np.where(np.arange(runs) >= runs - behind, math.log(1.1), 0.0)
    found = [change_points(np.exp(0.01 * logs + step).tolist()) for logs in make_noise("gauss", runs, 100)]
    assert found.count([runs - behind]) >= 100 * least


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([10.1, 10.2, 9.98, 10.3, 30.3], [4]),  # the newest run
        ([10.1, 10.2, 9.98, 10.3, 30.3, 31.3, 30.8, 29.7], [4]),
        ([10.0, 10.1, 9.9, 10.0, 20.0, 20.2, 19.9, 10.1, 10.0, 9.9], [4, 7]),  # and back
        ([10.0, 10.1, 9.9, 10.0, 20.0, 10.1, 10.0, 9.9, 10.1], []),  # a single run is not a level
        ([10.0, 10.1, 9.9, 10.0, 20.0, 10.1, 10.0, 9.9, 30.0, 30.1, 29.8, 30.3], [8]),
        ([11.0, 11.0, 11.0, 11.0], []),
        ([11.0, 11.0, 11.0, 22.0, 22.0], [3]),
        ([1.0, 1.0, 2.0], []),  # too few runs
        ([10.0, 10.0, 10.0, 0.0], []),
    ],
)
def test_change_points_are_first_runs_of_new_levels(values: list[float], expected: list[int]) -> None:
    assert change_points(values) == expected


def test_change_points_need_more_than_interval_width() -> None:
    values = [10.0, 10.1, 9.9, 10.0, 12.0, 12.1, 11.9, 12.0]
    wide = [0.7 * value for value in values], [1.4 * value for value in values]
    narrow = [0.99 * value for value in values], [1.01 * value for value in values]
    unknown = [math.nan] * len(values), [math.inf] * len(values)
    assert change_points(values, *wide) == []
    assert change_points(values, *narrow) == [4]
    assert change_points(values, *unknown) == [4]
