"""Ratios of two samples without common blocks: of two runs, or of phases. Pure.

A sample has one logarithm for each block.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.analysis.statistics import (
    UNKNOWN,
    LogRatio,
    exp_or_inf,
    moderate,
    scipy_special,
    student_interval,
    variance_of,
)

POWER = 0.8  # probability with which a detectable change is detected; the usual convention
Samples = tuple[Sequence[float], Sequence[float]]  # logarithms before, and after


@dataclass(frozen=True, slots=True)
class UnpairedRatio:
    """The ratio of two samples, and the smallest change that the comparison detects."""

    interval: LogRatio
    detectable_log_change: float  # absolute log ratio, detected with 80% probability; nan if unknown


def unpaired_ratio(before: Sequence[float], after: Sequence[float], tests: int = 1) -> UnpairedRatio:
    """Return the ratio of two samples, the second over the first, with Welch's interval.

    tests: number of comparisons that the 95% interval is corrected for (Bonferroni).

    The interval covers variation between blocks, not drift over hours: a machine that is slower today than yesterday is
    a difference, too. Source: Welch, The generalization of Student's problem (Biometrika 34, 1947).
    """
    return _compare((before, after), _squared_error(before, after), tests)


def unpaired_ratios(members: Sequence[Samples]) -> list[UnpairedRatio]:
    """Return the ratios of one metric of two runs, with simultaneous 95% intervals.

    The squared standard errors of the members inform each other, as those of the comparisons within a run do. For two
    halves of a run of 12 blocks, this reduced the detectable change of CPU time relative to the baseline from 15.0% to
    13.1% (median), and from 56% to 40% (ninth decile).
    """
    errors = [_squared_error(before, after) for before, after in members]
    known = [degrees for error, degrees in errors if degrees > 0 and error > 0]
    shared = moderate(errors, float(np.mean(known)) if known else 0.0, len(members))
    return [_compare(samples, error, len(members)) for samples, error in zip(members, shared, strict=True)]


def _compare(samples: Samples, squared_error: tuple[float, float], tests: int) -> UnpairedRatio:
    """Return the ratio of two samples whose squared standard error has the given value and degrees of freedom.

    The detectable change is the sum of two quantiles of Student's t, times the standard error: one for the level of the
    interval and one for the power (Cohen, Statistical Power Analysis, 1988, chapter 2).
    """
    variance, degrees = squared_error
    if not degrees > 0 or math.isnan(variance):
        return UnpairedRatio(UNKNOWN, math.nan)
    before, after = samples
    mean, error = float(np.mean(after) - np.mean(before)), math.sqrt(variance)
    if error == 0:
        same = exp_or_inf(mean)
        return UnpairedRatio(LogRatio(same, same, same, same, same, float(mean == 0)), 0.0)
    quantiles = (scipy_special().stdtrit(degrees, level) for level in (1 - 0.025 / max(1, tests), POWER))
    return UnpairedRatio(student_interval(mean, error, degrees, tests), float(sum(quantiles)) * error)


def _squared_error(before: Sequence[float], after: Sequence[float]) -> tuple[float, float]:
    """Return the squared standard error of a difference of means, and its degrees of freedom (Welch's).

    The degrees are 0 if they are unknown.
    """
    (variance_before, degrees_before), (variance_after, degrees_after) = variance_of(before), variance_of(after)
    if not degrees_before or not degrees_after:
        return math.nan, 0.0
    parts = [variance_before / len(before), variance_after / len(after)]
    if sum(parts) == 0:
        return 0.0, float(degrees_before + degrees_after)
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / degrees_before + parts[1] ** 2 / degrees_after)
    return sum(parts), degrees
