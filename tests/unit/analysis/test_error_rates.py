"""Error rates of comparisons on simulated runs with fixed seeds."""

import itertools

import numpy as np
import pytest

from bench.analysis.statistics import LogRatio, log_ratios

ARMS, ROUNDS, BLOCKS = 6, 12, 10
PAIRS = list(itertools.combinations(range(ARMS), 2))


def make_log_ratios(runs: int, seed: int, faster: float = 1.0) -> list[list[list[float]]]:
    """Return one log ratio per block for each run and pair of arms.

    faster: factor by which the first arm is faster than the others.

    Slices have heavy tails. The machine drifts between rounds, jumps to another speed inside a round and has spikes.
    The fresh server of each block is a little faster or slower.
    """
    random = np.random.default_rng(seed)
    shape = (runs, BLOCKS, ROUNDS, ARMS)
    values = 0.12 * random.standard_t(4, shape) / np.sqrt(2)
    values += 0.015 * random.standard_normal((runs, BLOCKS, 1, ARMS))
    values += np.cumsum(0.05 * random.standard_normal((runs, BLOCKS, ROUNDS, 1)), axis=2)
    step_at = random.integers(0, ROUNDS * ARMS, (runs, BLOCKS, 1, 1))
    order = np.argsort(random.random(shape), axis=3) + ARMS * np.arange(ROUNDS)[:, None]
    values += np.where(order >= step_at, random.choice([-0.3, 0.0, 0.3], (runs, BLOCKS, 1, 1)), 0.0)
    values -= np.where(random.random(shape) < 1 / 12, random.uniform(0.15, 0.4, shape), 0.0)
    values[..., 0] += np.log(faster)
    of_pairs = np.stack([np.median(values[..., a] - values[..., b], axis=2) for a, b in PAIRS], axis=1)
    return [[list(map(float, logs)) for logs in run] for run in of_pairs]


@pytest.fixture(scope="module")
def equal_families() -> list[list[LogRatio]]:
    """A thousand runs without any difference."""
    return [log_ratios(members, ARMS - 1) for members in make_log_ratios(1_000, seed=1)]


def test_family_of_equals_has_false_difference_in_at_most_5_percent(equal_families: list[list[LogRatio]]) -> None:
    wrong = sum(any(ratio.excludes_one for ratio in family) for family in equal_families)
    assert wrong <= 50 + 17  # 5%, and the 99% bound of chance around a true 5% in a thousand


def test_control_differs_from_base_in_at_most_5_percent_of_runs() -> None:
    alone = [log_ratios([members[0]])[0] for members in make_log_ratios(1_000, seed=2)]
    assert sum(ratio.excludes_one for ratio in alone) <= 65


def test_interval_of_each_pair_covers_true_ratio_in_90_percent(equal_families: list[list[LogRatio]]) -> None:
    covered = np.mean([ratio.low90 <= 1 <= ratio.high90 for family in equal_families for ratio in family])
    assert 0.87 <= covered <= 0.93


def test_planted_difference_of_10_percent_is_found() -> None:
    found = [log_ratios(members, ARMS - 1) for members in make_log_ratios(200, seed=3, faster=1.1)]
    different = [k for k, pair in enumerate(PAIRS) if 0 in pair]
    equal = [k for k in range(len(PAIRS)) if k not in different]
    assert np.mean([family[k].low > 1 for family in found for k in different]) > 0.9
    assert np.mean([any(family[k].excludes_one for k in equal) for family in found]) <= 0.1
