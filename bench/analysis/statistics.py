"""Intervals and tests on the values of blocks, one value per block. Pure.

The block is the unit. The requests, slices and rounds of one block share a server process and are not independent. An
interval that treats them as independent finds a difference between a server and itself in more than half of all runs.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from types import ModuleType

MIN_BLOCKS_FOR_95 = 6  # the range of five values covers the median with a probability of only 93.75%


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its bounds, and the coverage probability of such bounds."""

    estimate: float
    low: float
    high: float
    coverage: float


@dataclass(frozen=True, slots=True)
class LogRatio:
    """A ratio with its 95% interval, its 90% interval and its p-value.

    All are computed on logarithms.
    """

    ratio: float
    low: float
    high: float
    low90: float
    high90: float
    p: float

    @property
    def excludes_one(self) -> bool:
        """Return whether the 95% interval excludes a ratio of 1."""
        return self.low > 1 or self.high < 1

    def is_within(self, low: float, high: float) -> bool:
        """Return whether the 90% interval lies within bounds, a test of equivalence."""
        return low <= self.low90 and self.high90 <= high


UNKNOWN = LogRatio(*[math.nan] * 6)  # of too few blocks


@functools.cache
def scipy_special() -> "ModuleType":
    """Return scipy.special, which takes 0.2 s to import: chart workers need none of it.

    scipy.stats takes longer to import than the statistics of a report take.
    """
    from scipy import special

    return special


@functools.cache
def order_ranks(n: int, confidence: float = 0.95) -> tuple[int, int, float]:
    """Return the ranks of the two values that bound a median, and their coverage.

    n: number of values. Ranks count from 1.

    The number of values below the median is binomial with probability one half, for any distribution. The result is the
    narrowest symmetric pair with at least ``confidence``. If no pair has it, the result is smallest and largest value.
    Source: David & Nagaraja, Order Statistics (2003), section 7.1.
    """
    rank, ways = 1, 1  # ways: in how many of the 2**n equally likely outcomes fewer than ``rank`` values are below
    while rank < n // 2 and 2 * (ways + math.comb(n, rank)) / 2**n <= 1 - confidence:  # the next rank has the coverage
        ways += math.comb(n, rank)
        rank += 1
    return rank, n + 1 - rank, 1 - 2 * ways / 2**n


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return the median with its exact distribution-free interval.

    Infinite values (lost replies) rank highest.
    """
    if not values:
        return Interval(math.nan, math.nan, math.nan, 0.0)
    ordered = sorted(values)
    low, high, coverage = order_ranks(len(ordered), confidence)
    below, above = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    median = below if below == above else (below + above) / 2
    return Interval(median, ordered[low - 1], ordered[high - 1], coverage)


def mean_interval(values: Sequence[float], tests: int = 1) -> Interval:
    """Return the mean of the blocks' values with its 95% interval, by Student's t.

    tests: number of intervals that hold all at once (Bonferroni).
    """
    variance, degrees = variance_of(values)
    if not degrees:
        estimate = values[0] if len(values) == 1 else math.nan
        return Interval(estimate, math.nan, math.nan, 0.0)
    mean, tail = float(np.mean(values)), 0.025 / max(1, tests)
    half_width = float(scipy_special().stdtrit(degrees, 1 - tail)) * math.sqrt(variance / len(values))
    return Interval(mean, mean - half_width, mean + half_width, 1 - 2 * tail)


def log_ratios(members: Sequence[Sequence[float]], independent: int = 1) -> list[LogRatio]:
    """Return the ratios of one family of comparisons, with simultaneous intervals.

    members: for each comparison, one log ratio per block.
    independent: number of independent contrasts in the family; the number of arms - 1 for all pairs of arms.

    The 95% intervals are simultaneous (Bonferroni): a family without any difference contains a false conclusion in at
    most 5% of runs. The 90% intervals, for equivalence, are those of each comparison alone. The variances of the
    members inform each other (Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004), article 3). Ten blocks estimate one
    variance badly; fifteen similar pairs estimate it well. How similar they are shows in the spread of their variances.
    docs/experiments/comparisons compares the alternatives: error rates and power on simulated noise.
    """
    spreads = [variance_of(logs) for logs in members]
    min_degrees = min((degrees for variance, degrees in spreads if degrees > 0 and variance > 0), default=0)
    shared = moderate(spreads, min_degrees, independent)
    return [
        _student_ratio(logs, variance, degrees, len(members))
        for logs, (variance, degrees) in zip(members, shared, strict=True)
    ]


def moderate(
    spreads: Sequence[tuple[float, float]], common_degrees: float, independent: int
) -> list[tuple[float, float]]:
    """Return variances that inform each other, with their degrees of freedom (Smyth 2004, section 3).

    spreads: each variance with its degrees of freedom, which are 0 if it is unknown.
    common_degrees: those with which the common variance is estimated.
    independent: number of independent contrasts among the variances.
    """
    known = [variance for variance, degrees in spreads if degrees > 0 and variance > 0]
    prior, prior_degrees = _prior_variance(known, common_degrees)
    moderated = []
    for variance, degrees in spreads:
        weight = prior_degrees / (prior_degrees + degrees) if math.isfinite(prior_degrees) and degrees else 1.0
        shared = weight * prior + (1 - weight) * variance if degrees else math.nan
        total_degrees = min(prior_degrees + degrees, max(1, independent) * degrees)
        moderated.append((shared if known else variance, total_degrees))
    return moderated


def blocks_for(half_width: float, ratio: LogRatio, blocks: int) -> float:
    """Return the number of blocks that narrows an interval to a half-width.

    half_width: a share. The result is nan if it cannot be known.

    The width of an interval falls with the square root of the number of blocks. blocks: the present number.
    """
    if blocks < 2 or not 0 < ratio.low < ratio.high < math.inf:
        return math.nan
    present = (math.log(ratio.high) - math.log(ratio.low)) / 2
    return max(float(blocks), math.ceil(blocks * (present / math.log1p(half_width)) ** 2))


def holm(ps: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p-values, in the given order.

    They limit errors per family of tests, not per test.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for step, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - step) * ps[index]))
        adjusted[index] = highest
    return adjusted


def trigamma_inverse(value: float) -> float:
    """Return the argument at which trigamma has a value above 0.

    The method is Newton's on 1/trigamma (Smyth, appendix).

    1/trigamma is convex and nearly a line, so a few steps from the left of the root suffice. The root finders of
    scipy.optimize take about as long to import as all comparisons of a standard run take to compute.
    """
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(scipy_special().polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(scipy_special().polygamma(2, x))
        x += step
        if abs(step) < 1e-14 * x:
            break
    return x


def variance_of(logs: Sequence[float]) -> tuple[float, int]:
    """Return the variance and its degrees of freedom; 0 degrees if it is unknown.

    It is unknown if values are infinite or too few.
    """
    if len(logs) < 2 or not np.isfinite(logs).all():
        return math.nan, 0
    return float(np.var(logs, ddof=1)), len(logs) - 1


def _prior_variance(variances: Sequence[float], degrees: float) -> tuple[float, float]:
    """Return the common variance of members, and the degrees of freedom it is worth.

    Source: Smyth, section 6.2.

    The degrees are those that explain the scatter of the log variances beyond what chance alone makes.
    """
    if len(variances) < 3 or degrees < 1:
        return 0.0, 0.0
    half = degrees / 2
    logs = np.log(variances) - scipy_special().digamma(half) + math.log(half)
    excess = float(np.var(logs, ddof=1) - scipy_special().polygamma(1, half))
    if excess <= 1e-3:
        return float(np.exp(logs.mean())), math.inf
    prior_half = trigamma_inverse(excess)
    value = exp_or_inf(float(logs.mean()) + float(scipy_special().digamma(prior_half)) - math.log(prior_half))
    return value, 2 * prior_half


def _student_ratio(logs: Sequence[float], variance: float, degrees: float, tests: int) -> LogRatio:
    """Return one ratio of a family.

    A block in which an arm served nothing leaves the ratio unbounded.

    Student's t fits because a block's value is a median over its rounds and therefore close to normal. A bootstrap of
    ten values finds a difference between equals in 12% to 22% of runs, where 5% were agreed.
    """
    n = len(logs)
    if n == 0:
        return UNKNOWN
    if not np.isfinite(logs).all():
        return LogRatio(exp_or_inf(median_interval(logs).estimate), 0.0, math.inf, 0.0, math.inf, 1.0)
    mean = float(np.mean(logs))
    if n == 1:
        return LogRatio(exp_or_inf(mean), math.nan, math.nan, math.nan, math.nan, math.nan)
    return student_interval(mean, math.sqrt(variance / n), degrees, tests)


def student_interval(mean: float, error: float, degrees: float, tests: int) -> LogRatio:
    """Return the ratio of a mean log ratio with a standard error.

    The 95% interval is corrected for the number of tests.
    """
    p = float(2 * scipy_special().stdtr(degrees, -abs(mean) / error)) if error > 0 else float(mean == 0)
    wide = float(scipy_special().stdtrit(degrees, 1 - 0.025 / max(1, tests))) * error
    narrow = float(scipy_special().stdtrit(degrees, 0.95)) * error
    low, high, low90, high90 = (exp_or_inf(mean + side) for side in (-wide, wide, -narrow, narrow))
    return LogRatio(exp_or_inf(mean), low, high, low90, high90, p)


def exp_or_inf(log: float) -> float:
    """Return the exponential; infinite if it overflows, which only corrupt data reach."""
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf
