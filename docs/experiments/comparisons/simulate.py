"""Simulate error rate and power of each candidate interval and correction.

The noise resembles that of a small virtual machine. It takes a few minutes:
python docs/experiments/comparisons/simulate.py > docs/experiments/comparisons/results.csv
"""

import csv
import itertools
import math
import sys

import numpy as np
from scipy import stats

from bench.analysis.statistics import log_ratios

ARMS, ROUNDS, REPEATS, SEED = 6, 16, 2000, 20_261_123
PAIRS = list(itertools.combinations(range(ARMS), 2))
DIFFERENCE = np.log(1.05)

Values = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


def slices(random: np.random.Generator, blocks: int, noise: str) -> Values:
    """Return logarithms of the rates of all slices, with equally fast arms.

    Shape: (repeats, blocks, rounds, arms). Slices scatter by 12% with heavy tails, a block's fresh server by 1.5%.
    noise: ``drift``: all arms share a random walk over the rounds. ``steps``: the machine changes its speed at random
    places, also inside a round. ``spikes``: one slice in twelve is 15 to 40% slower. ``uneven``: one arm scatters three
    times as much as the others. ``plain``: none of these; ``all``: the first three.
    """
    shape = (REPEATS, blocks, ROUNDS, ARMS)
    scale = np.full(ARMS, 0.12)
    if noise == "uneven":
        scale[0] *= 3
    values: Values = scale * random.standard_t(4, shape) / np.sqrt(2)
    values += 0.015 * random.standard_normal((REPEATS, blocks, 1, ARMS)) * (scale / 0.12)
    if noise in ("drift", "all"):
        values += np.cumsum(0.05 * random.standard_normal((REPEATS, blocks, ROUNDS, 1)), axis=2)
    if noise in ("steps", "all"):
        step_at = random.integers(0, ROUNDS * ARMS, (REPEATS, blocks, 1, 1))
        order = np.argsort(random.random(shape), axis=3) + ARMS * np.arange(ROUNDS)[:, None]
        values += np.where(order >= step_at, random.choice([-0.3, 0.3, 0.0], (REPEATS, blocks, 1, 1)), 0.0)
    if noise in ("spikes", "all"):
        values -= np.where(random.random(shape) < 1 / 12, random.uniform(0.15, 0.4, shape), 0.0)
    return values


def block_values(values: Values) -> Values:
    """Return the median log ratio of each pair and block, shape (repeats, blocks, pairs)."""
    return np.stack([np.median(values[..., a] - values[..., b], axis=2) for a, b in PAIRS], axis=-1)


def half_widths(pair_values: Values) -> dict[str, Values]:
    """Return the half-widths of each candidate's intervals, shape (repeats, pairs)."""
    count = pair_values.shape[1]
    error = pair_values.std(axis=1, ddof=1) / np.sqrt(count)
    pooled = np.sqrt((error**2).mean(axis=1, keepdims=True)) * np.ones_like(error)
    return {
        "student, uncorrected": stats.t.ppf(0.975, count - 1) * error,
        "student, bonferroni": stats.t.ppf(1 - 0.025 / len(PAIRS), count - 1) * error,
        "range, own variance": stats.studentized_range.ppf(0.95, ARMS, count - 1) / np.sqrt(2) * error,
        "range, pooled variance": (
            stats.studentized_range.ppf(0.95, ARMS, (count - 1) * (ARMS - 1)) / np.sqrt(2) * pooled
        ),
        "sign flips, largest t": flips(pair_values, error),
        "moderated, bonferroni": moderated(pair_values),
    }


def moderated(pair_values: Values) -> Values:
    """Return the half-widths of ``bench.analysis.statistics.log_ratios``."""
    halves = [
        [math.log(ratio.high / ratio.low) / 2 for ratio in log_ratios([list(logs) for logs in repeat.T], ARMS - 1)]
        for repeat in pair_values
    ]
    return np.array(halves)


def flips(pair_values: Values, error: Values) -> Values:
    """Return half-widths from random signs of the blocks' differences.

    The half-width is the 95% point of the largest t over all pairs, times the standard error.
    """
    count = pair_values.shape[1]
    signs = np.array(list(itertools.product([1, -1], repeat=count - 1)))
    signs = np.hstack([np.ones((len(signs), 1)), signs])
    squares = (pair_values**2).sum(axis=1)
    largest = np.empty((len(pair_values), len(signs)))
    for k, sign in enumerate(signs):
        mean = np.einsum("b,rbp->rp", sign, pair_values) / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 1e-30) / (count - 1))
        largest[:, k] = (np.abs(mean) / spread).max(axis=1)
    return np.quantile(largest, 0.95, axis=1, method="higher")[:, None] * error


def signed_rank_holm(pair_values: Values) -> Flags:
    """Test each pair with the exact signed-rank test and Holm's correction."""
    tests = [stats.wilcoxon(pair_values[:, :, k], axis=1, method="exact") for k in range(len(PAIRS))]
    return holm(np.stack([test.pvalue for test in tests], axis=1))


def student_holm(pair_values: Values) -> Flags:
    """Test each pair with Student's test and Holm's correction."""
    return holm(np.asarray(stats.ttest_1samp(pair_values, 0, axis=1).pvalue))


def holm(p: Values) -> Flags:
    """Apply Holm's procedure at 5% to p-values of shape (repeats, pairs)."""
    order = np.argsort(p, axis=1)
    passes = np.take_along_axis(p, order, axis=1) <= 0.05 / np.arange(p.shape[1], 0, -1)
    passes = np.logical_and.accumulate(passes, axis=1)
    rejected = np.zeros_like(passes)
    np.put_along_axis(rejected, order, passes, axis=1)
    return rejected


def main() -> None:
    """Write one row for each number of blocks, kind of noise and candidate."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["blocks", "noise", "candidate", "pairwise_error", "family_error", "power", "half_width_percent"])
    for blocks, noise in itertools.product((6, 10), ("plain", "drift", "steps", "spikes", "all", "uneven")):
        random = np.random.default_rng([SEED, blocks, len(noise)])
        equal = slices(random, blocks, noise)
        null = block_values(equal)
        equal[..., 1] += DIFFERENCE  # the second arm is faster than all others
        planted = block_values(equal)
        affected = [k for k, pair in enumerate(PAIRS) if 1 in pair]
        null_results = {name: (np.abs(null.mean(axis=1)) > half, half) for name, half in half_widths(null).items()}
        planted_results = {name: np.abs(planted.mean(axis=1)) > half for name, half in half_widths(planted).items()}
        for name, test in (("student, holm", student_holm), ("signed rank, holm", signed_rank_holm)):
            null_results[name] = (test(null), np.full(null.shape[::2], np.nan))
            planted_results[name] = test(planted)
        for name, (significant, half) in null_results.items():
            power = planted_results[name][:, affected].mean()
            figures = significant.mean(), significant.any(axis=1).mean(), power, 100 * np.median(half)
            out.writerow([blocks, noise, name, *(f"{figure:.4g}" for figure in figures)])


if __name__ == "__main__":
    main()
