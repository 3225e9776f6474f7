"""Which interval and which correction: error rates and power of the candidates on noise like a small virtual machine's.

Run: python docs/experiments/comparisons/simulate.py > docs/experiments/comparisons/results.csv   (some two minutes)
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


def slices(random: np.random.Generator, blocks: int, noise: str) -> Values:
    """Logarithms of the rates of all slices, shape (repeats, blocks, rounds, arms); every arm is equally fast.

    Slices scatter by 12 % with heavy tails, a block's fresh server by 1.5 %. drift: all arms share a walk over the
    rounds. steps: the machine falls to another speed now and then, and a round can be cut by it. spikes: one slice in
    twelve is 15 to 40 % slower. uneven: one arm scatters three times as much as the others.
    """
    shape = (REPEATS, blocks, ROUNDS, ARMS)
    scale = np.full(ARMS, 0.12)
    if noise == "uneven":
        scale[0] *= 3
    values = scale * random.standard_t(4, shape) / np.sqrt(2)
    values += 0.015 * random.standard_normal((REPEATS, blocks, 1, ARMS)) * (scale / 0.12)
    if noise in ("drift", "all"):
        values += np.cumsum(0.05 * random.standard_normal((REPEATS, blocks, ROUNDS, 1)), axis=2)
    if noise in ("steps", "all"):
        place = random.integers(0, ROUNDS * ARMS, (REPEATS, blocks, 1, 1))
        order = np.argsort(random.random(shape), axis=3) + ARMS * np.arange(ROUNDS)[:, None]
        values += np.where(order >= place, random.choice([-0.3, 0.3, 0.0], (REPEATS, blocks, 1, 1)), 0.0)
    if noise in ("spikes", "all"):
        values -= np.where(random.random(shape) < 1 / 12, random.uniform(0.15, 0.4, shape), 0.0)
    return values


def block_values(values: Values) -> Values:
    """Medians over the rounds of the log ratios of all pairs, shape (repeats, blocks, pairs)."""
    return np.stack([np.median(values[..., a] - values[..., b], axis=2) for a, b in PAIRS], axis=-1)


def half_widths(of_blocks: Values) -> dict[str, Values]:
    """Half-widths of the intervals that each candidate gives, shape (repeats, pairs)."""
    count = of_blocks.shape[1]
    error = of_blocks.std(axis=1, ddof=1) / np.sqrt(count)
    pooled = np.sqrt((error**2).mean(axis=1, keepdims=True)) * np.ones_like(error)
    return {
        "student, uncorrected": stats.t.ppf(0.975, count - 1) * error,
        "student, bonferroni": stats.t.ppf(1 - 0.025 / len(PAIRS), count - 1) * error,
        "range, own variance": stats.studentized_range.ppf(0.95, ARMS, count - 1) / np.sqrt(2) * error,
        "range, pooled variance": (
            stats.studentized_range.ppf(0.95, ARMS, (count - 1) * (ARMS - 1)) / np.sqrt(2) * pooled
        ),
        "sign flips, largest t": flips(of_blocks, error),
        "moderated, bonferroni": moderated(of_blocks),
    }


def moderated(of_blocks: Values) -> Values:
    """What ``bench.analysis.statistics.log_ratios`` does: variances that inform each other."""
    halves = [
        [math.log(ratio.high / ratio.low) / 2 for ratio in log_ratios([list(logs) for logs in one.T], ARMS - 1)]
        for one in of_blocks
    ]
    return np.array(halves)


def flips(of_blocks: Values, error: Values) -> Values:
    """The 95 % point of the largest t over all pairs, if the sign of each block's differences were a coin's."""
    count = of_blocks.shape[1]
    signs = np.array(list(itertools.product([1, -1], repeat=count - 1)))
    signs = np.hstack([np.ones((len(signs), 1)), signs])
    squares = (of_blocks**2).sum(axis=1)
    largest = np.empty((len(of_blocks), len(signs)))
    for k, sign in enumerate(signs):
        mean = np.einsum("b,rbp->rp", sign, of_blocks) / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 1e-30) / (count - 1))
        largest[:, k] = (np.abs(mean) / spread).max(axis=1)
    return np.quantile(largest, 0.95, axis=1, method="higher")[:, None] * error


def signed_rank_holm(of_blocks: Values) -> Values:
    """Whether each pair is called different by the exact signed-rank test with Holm's correction."""
    p = np.stack([stats.wilcoxon(of_blocks[:, :, k], axis=1, method="exact").pvalue for k in range(len(PAIRS))], axis=1)
    return holm(p)


def student_holm(of_blocks: Values) -> Values:
    """Whether each pair is called different by Student's test with Holm's correction."""
    return holm(np.asarray(stats.ttest_1samp(of_blocks, 0, axis=1).pvalue))


def holm(p: Values) -> Values:
    """Whether each of the p values, shape (repeats, pairs), passes Holm's procedure at 5 %."""
    order = np.argsort(p, axis=1)
    passes = np.take_along_axis(p, order, axis=1) <= 0.05 / np.arange(p.shape[1], 0, -1)
    passes = np.logical_and.accumulate(passes, axis=1)
    called = np.zeros_like(passes)
    np.put_along_axis(called, order, passes, axis=1)
    return called


def main() -> None:
    """Write a row for each candidate, kind of noise and number of blocks."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["blocks", "noise", "candidate", "pairwise_error", "family_error", "power", "half_width_percent"])
    for blocks, noise in itertools.product((6, 10), ("plain", "drift", "steps", "spikes", "all", "uneven")):
        random = np.random.default_rng([SEED, blocks, len(noise)])
        equal = slices(random, blocks, noise)
        null = block_values(equal)
        equal[..., 1] += DIFFERENCE  # the second arm is faster than all others
        planted = block_values(equal)
        touched = [k for k, pair in enumerate(PAIRS) if 1 in pair]
        calls = {name: (np.abs(null.mean(axis=1)) > half, half) for name, half in half_widths(null).items()}
        finds = {name: np.abs(planted.mean(axis=1)) > half for name, half in half_widths(planted).items()}
        for name, test in (("student, holm", student_holm), ("signed rank, holm", signed_rank_holm)):
            calls[name] = (test(null), np.full(null.shape[::2], np.nan))
            finds[name] = test(planted)
        for name, (called, half) in calls.items():
            figures = called.mean(), called.any(axis=1).mean(), finds[name][:, touched].mean(), 100 * np.median(half)
            out.writerow([blocks, noise, name, *(f"{figure:.4g}" for figure in figures)])


if __name__ == "__main__":
    main()
