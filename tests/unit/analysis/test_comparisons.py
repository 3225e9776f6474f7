"""Error rates of the comparisons, on simulated runs: seeded, and of bounded time."""

import itertools

import numpy as np
import pytest

from bench.analysis import statistics

ARMS, ROUNDS, BLOCKS = 6, 12, 10
PAIRS = list(itertools.combinations(range(ARMS), 2))


def runs(count: int, seed: int, faster: float = 1.0) -> list[list[list[float]]]:
    """Logarithms of the pairs' ratios in each block, for so many runs; the first arm is faster by a factor.

    Slices have heavy tails; the machine drifts from round to round, steps to another speed inside a round, and has
    spikes; each block's fresh server is a little faster or slower.
    """
    random = np.random.default_rng(seed)
    shape = (count, BLOCKS, ROUNDS, ARMS)
    values = 0.12 * random.standard_t(4, shape) / np.sqrt(2)
    values += 0.015 * random.standard_normal((count, BLOCKS, 1, ARMS))
    values += np.cumsum(0.05 * random.standard_normal((count, BLOCKS, ROUNDS, 1)), axis=2)
    step_at = random.integers(0, ROUNDS * ARMS, (count, BLOCKS, 1, 1))
    order = np.argsort(random.random(shape), axis=3) + ARMS * np.arange(ROUNDS)[:, None]
    values += np.where(order >= step_at, random.choice([-0.3, 0.0, 0.3], (count, BLOCKS, 1, 1)), 0.0)
    values -= np.where(random.random(shape) < 1 / 12, random.uniform(0.15, 0.4, shape), 0.0)
    values[..., 0] += np.log(faster)
    of_pairs = np.stack([np.median(values[..., a] - values[..., b], axis=2) for a, b in PAIRS], axis=1)
    return [[list(map(float, logs)) for logs in one] for one in of_pairs]


@pytest.fixture(scope="module")
def equals() -> list[list[statistics.LogRatio]]:
    """A thousand runs in which nothing differs."""
    return [statistics.log_ratios(members, ARMS - 1) for members in runs(1_000, seed=1)]


def differs(one: statistics.LogRatio) -> bool:
    return one.low > 1 or one.high < 1


def test_of_a_thousand_families_of_equals_one_in_twenty_has_a_difference_at_most(
    equals: list[list[statistics.LogRatio]],
) -> None:
    wrong = sum(any(map(differs, family)) for family in equals)
    assert wrong <= 50 + 17  # 5 %, and 99 % of what chance makes of a true 5 % in a thousand


def test_a_twin_is_called_different_in_one_run_of_twenty_at_most() -> None:
    alone = [statistics.log_ratios([members[0]])[0] for members in runs(1_000, seed=2)]
    assert sum(map(differs, alone)) <= 65


def test_the_intervals_of_each_pair_hold_the_truth_as_often_as_they_say(
    equals: list[list[statistics.LogRatio]],
) -> None:
    each = np.mean([one.low90 <= 1 <= one.high90 for family in equals for one in family])
    assert 0.87 <= each <= 0.93


def test_a_planted_difference_of_ten_per_cent_is_found() -> None:
    found = [statistics.log_ratios(members, ARMS - 1) for members in runs(200, seed=3, faster=1.1)]
    touched = [k for k, pair in enumerate(PAIRS) if 0 in pair]
    others = [k for k in range(len(PAIRS)) if k not in touched]
    assert np.mean([family[k].low > 1 for family in found for k in touched]) > 0.9
    assert np.mean([any(differs(family[k]) for k in others) for family in found]) <= 0.1
