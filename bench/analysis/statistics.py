"""Intervals and tests on the values of the blocks. Pure; every function takes one value for each block.

The block is the unit: requests, slices and rounds of one block share a server process and are not independent, and an
interval that takes them for independent calls a server different from itself in more than half of all runs.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special  # not scipy.stats, which alone takes longer to import than a report's statistics

LEAST_BLOCKS_FOR_95 = 6  # of five values even smallest to largest holds the median with 93.75 % only


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate between its bounds, and the probability with which such bounds hold the selftest."""

    estimate: float
    low: float
    high: float
    coverage: float


@dataclass(frozen=True, slots=True)
class LogRatio:
    """What blocks say on the logarithm of a ratio: its 95 % interval, the 90 % one, and how likely chance alone is."""

    ratio: float
    low: float
    high: float
    low90: float
    high90: float
    p: float


@functools.cache
def order_ranks(n: int, confidence: float = 0.95) -> tuple[int, int, float]:
    """Ranks (from 1) whose values bound the median of ``n`` independent ones, and the coverage that they give.

    The number of values below the median is binomial with one half, whatever the distribution. The narrowest symmetric
    pair that still has ``confidence`` is taken; where none has it, the smallest and the largest value are.
    Source: David & Nagaraja, Order Statistics (2003), section 7.1.
    """
    rank = 1
    while rank < n // 2 and 2 * special.bdtr(rank, n, 0.5) <= 1 - confidence:  # that of the next rank
        rank += 1
    return rank, n + 1 - rank, float(1 - 2 * special.bdtr(rank - 1, n, 0.5))


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Median with its exact distribution-free interval. An infinite value (a lost reply) ranks highest."""
    if not values:
        return Interval(math.nan, math.nan, math.nan, 0.0)
    ordered = sorted(values)
    low, high, coverage = order_ranks(len(ordered), confidence)
    middle = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    median = middle[0] if middle[0] == middle[1] else sum(middle) / 2
    return Interval(median, ordered[low - 1], ordered[high - 1], coverage)


def log_ratios(members: Sequence[Sequence[float]], independent: int = 1) -> list[LogRatio]:
    """Ratios of one family of comparisons, from the logarithms that each block gave: intervals that hold together.

    The 95 % intervals hold all at once (Bonferroni), so that a family in which nothing differs has a false *faster* in
    5 % of runs; the 90 % ones, for equivalence, are those of each alone. The variances of the members inform each other
    (Smyth, Stat. Appl. Genet. Mol. Biol. 3 (2004), article 3): ten blocks know a variance badly, fifteen pairs of them
    know it well, as far as the pairs are alike, which the spread of their variances tells.
    independent: how many contrasts of the family are independent: arms - 1 where it is every pair of them.
    docs/experiments/comparisons has the alternatives, with error rates and power on simulated noise.
    """
    spreads = [_variance(logs) for logs in members]
    known = [(variance, degrees) for variance, degrees in spreads if degrees > 0 and variance > 0]
    prior, prior_degrees = _prior([variance for variance, _ in known], min((d for _, d in known), default=0))
    found = []
    for logs, (variance, degrees) in zip(members, spreads, strict=True):
        weight = prior_degrees / (prior_degrees + degrees) if math.isfinite(prior_degrees) and degrees else 1.0
        shared = weight * prior + (1 - weight) * variance if degrees else math.nan
        total = min(prior_degrees + degrees, max(1, independent) * degrees)
        found.append(_ratio(logs, shared if known else variance, total, len(members)))
    return found


def unpaired(one: Sequence[float], other: Sequence[float], tests: int = 1) -> LogRatio:
    """Ratio of two runs, the second over the first, from the logarithms of their blocks' values: Welch's interval.

    Source: Welch, The generalization of Student's problem (Biometrika 34, 1947). The 95 % interval is corrected for so
    many tests (Bonferroni). It holds what blocks scatter, not what hours do: a machine that is slower today than
    yesterday is a difference, too.
    """
    spreads = [_variance(logs) for logs in (one, other)]
    if not all(degrees for _, degrees in spreads):
        return LogRatio(*[math.nan] * 6)
    mean = float(np.mean(other) - np.mean(one))
    parts = [variance / len(logs) for (variance, _), logs in zip(spreads, (one, other), strict=True)]
    error = math.sqrt(sum(parts))
    if error == 0:
        same = _exp(mean)
        return LogRatio(same, same, same, same, same, float(mean == 0))
    degrees = sum(parts) ** 2 / sum(part**2 / df for part, (_, df) in zip(parts, spreads, strict=True))
    p = float(2 * special.stdtr(degrees, -abs(mean) / error))
    wide, narrow = (float(special.stdtrit(degrees, q)) * error for q in (1 - 0.025 / max(1, tests), 0.95))
    low, high, low90, high90 = (_exp(mean + side) for side in (-wide, wide, -narrow, narrow))
    return LogRatio(_exp(mean), low, high, low90, high90, p)


def blocks_for(half_width: float, now: LogRatio, blocks: int) -> float:
    """How many blocks would make an interval so narrow, as a share: its width falls with the root of their number."""
    if blocks < 2 or not 0 < now.low < now.high < math.inf:
        return math.nan
    present = (math.log(now.high) - math.log(now.low)) / 2
    return max(float(blocks), math.ceil(blocks * (present / math.log1p(half_width)) ** 2))


def _variance(logs: Sequence[float]) -> tuple[float, int]:
    """Variance and its degrees of freedom; none of values that are infinite or too few."""
    if len(logs) < 2 or not np.isfinite(logs).all():
        return math.nan, 0
    return float(np.var(logs, ddof=1)), len(logs) - 1


def _prior(variances: Sequence[float], degrees: int) -> tuple[float, float]:
    """What many variances say of each: a common value, and how many degrees of freedom it is worth (Smyth, 6.2).

    As many as explain how much the logarithms of the variances scatter beyond what chance makes them.
    """
    if len(variances) < 3 or degrees < 1:
        return 0.0, 0.0
    half = degrees / 2
    logs = np.log(variances) - special.digamma(half) + math.log(half)
    excess = float(np.var(logs, ddof=1) - special.polygamma(1, half))
    if excess <= 1e-3:
        return float(np.exp(logs.mean())), math.inf
    prior_half = trigamma_inverse(excess)
    value = _exp(float(logs.mean()) + float(special.digamma(prior_half)) - math.log(prior_half))
    return value, 2 * prior_half


def trigamma_inverse(value: float) -> float:
    """Where trigamma has that value, which is above 0. By Newton's method on 1/trigamma (Smyth, appendix).

    That is convex and nearly a line, so from the left of the root it gets there in a few steps. scipy.optimize has
    root finders for anything, and takes about as long to import as all comparisons of a standard run take.
    """
    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(special.polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(special.polygamma(2, x))
        x += step
        if abs(step) < 1e-14 * x:
            break
    return x


def _ratio(logs: Sequence[float], variance: float, degrees: float, tests: int) -> LogRatio:
    """One ratio. A block in which an arm gave nothing has an infinite logarithm: then nothing is bounded.

    Student's, because a block's value is a median over its rounds and therefore close to normal. No bootstrap: of ten
    values it finds a difference between equals in 12 to 22 % of runs where 5 % were agreed.
    """
    n = len(logs)
    if n == 0:
        return LogRatio(*[math.nan] * 6)
    if not np.isfinite(logs).all():
        return LogRatio(_exp(median_interval(logs).estimate), 0.0, math.inf, 0.0, math.inf, 1.0)
    mean = float(np.mean(logs))
    if n == 1:
        return LogRatio(_exp(mean), math.nan, math.nan, math.nan, math.nan, math.nan)
    error = math.sqrt(variance / n)
    p = float(2 * special.stdtr(degrees, -abs(mean) / error)) if error > 0 else float(mean == 0)
    wide, narrow = (float(special.stdtrit(degrees, q)) * error for q in (1 - 0.025 / tests, 0.95))
    low, high, low90, high90 = (_exp(mean + side) for side in (-wide, wide, -narrow, narrow))
    return LogRatio(_exp(mean), low, high, low90, high90, p)


def holm(ps: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given: then chance errs in 5 % of families of pairs, not of pairs.

    Source: Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    adjusted = [1.0] * len(ps)
    reached = 0.0
    for step, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        reached = max(reached, min(1.0, (len(ps) - step) * ps[index]))
        adjusted[index] = reached
    return adjusted


def _exp(log: float) -> float:
    """The number of a logarithm; infinite where no float holds it, which only figures that nobody measured reach."""
    try:
        return math.exp(log)
    except OverflowError:
        return math.inf
