"""One load over its time: windows, drift, warm-up, precision. Pure.

Tests for stationarity are not used. In simulations ADF missed a 30% drift, a 20% step and a warm-up, and KPSS called
a tenth of all queues in a steady state unsteady.
"""

import math
from typing import Any

import numpy as np

from clients.histogram import has_enough_beyond, quantile_ns
from clients.measurement import Slice

_DRIFT_P = 0.01
_MIN_WINDOWS = 8
_MSER_BATCH = 5  # MSER-5 takes means of five


def windows(load: Slice) -> list[dict[str, Any]]:
    """Return the figures of each window of a load. A load that was stopped early has fewer."""
    counts = load.counts
    return [
        {
            "start_s": k * counts.part_s,
            "replies": int(primary.sum()),
            "p50_us": to_json(quantile_ns(primary, 0.5, missing) / 1e3),
            "p99_us": to_json(quantile_ns(primary, 0.99, missing) / 1e3),
        }
        for k, (primary, missing) in enumerate(zip(counts.primary, counts.never_answered.tolist(), strict=True))
        if k * counts.part_s < load.duration_s
    ]


def precision(load: Slice) -> dict[str, dict[str, float | str | None]]:
    """Return how precisely a single load knows its percentiles.

    For each: a 95% interval, and the effective number of requests. Method: indicator batch means. In each window the
    share of requests beyond the percentile is one value; the scatter of these values includes the correlation between
    neighbouring requests. An interval for independent values does not: for the p99 of a queue that is 70% busy it
    covers 27% instead of 95% (simulated). Requests that were never answered count in their window. A percentile that
    is infinite itself is left out, because no share of the replies shows how far out it lies.
    """
    counts, begun = load.counts.primary, load.counts.primary.sum(axis=1) + load.counts.never_answered
    totals, total, missing = counts.sum(axis=0), int(begun.sum()), int(load.counts.never_answered.sum())
    if len(begun) < _MIN_WINDOWS or begun.min() == 0:
        return {}
    from scipy import special  # imported here: commands that only print help do not need it

    intervals: dict[str, dict[str, float | str | None]] = {}
    for name, quantile in (("p50", 0.5), ("p99", 0.99), ("p99_9", 0.999)):
        if not has_enough_beyond(total, quantile) or math.isinf(quantile_ns(totals, quantile, missing)):
            continue
        slot = int(np.searchsorted(np.cumsum(totals), math.ceil(quantile * total - 1e-9)))
        shares = counts[:, : slot + 1].sum(axis=1) / begun
        variance = float(np.var(shares, ddof=1)) / len(shares)
        half_width = float(special.stdtrit(len(shares) - 1, 0.975)) * math.sqrt(variance)
        low, high = quantile - half_width, quantile + half_width
        intervals[name] = {
            "low_us": to_json(quantile_ns(totals, low, missing) / 1e3) if low > 0 else 0.0,
            "high_us": to_json(quantile_ns(totals, high, missing) / 1e3) if high < 1 else "inf",
            "effective_count": quantile * (1 - quantile) / variance if variance else None,
        }
    return intervals


def drift_share(load: Slice) -> float:
    """Return how far the windows' medians drifted, as a share of their median.

    A drift that may be chance is 0. Mann and Kendall's test decides whether there is a trend; Theil and Sen's slope is
    its size. ``nan``: too few windows, or a window that lost half of its requests, which other codes report.
    """
    windows_ = zip(load.counts.primary, load.counts.never_answered.tolist(), strict=True)
    medians = np.array([quantile_ns(counts, 0.5, missing) for counts, missing in windows_ if counts.any() or missing])
    if len(medians) < _MIN_WINDOWS or not np.isfinite(medians).all():
        return math.nan
    p, slope = trend(medians)
    return abs(slope * (len(medians) - 1) / float(np.median(medians))) if p < _DRIFT_P else 0.0


def trend(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """Return the p-value of a monotonic trend, and its slope per step.

    values: shape (n,), n of at least 8, for which the test's statistic is close to normal. Its variance is that of
    values without ties, which errs on the careful side. scipy.stats has both tests, but takes longer to import than the
    compiled loops to load. Sources: Mann, Nonparametric tests against trend (Econometrica 13, 1945); Sen, Estimates of
    the regression coefficient based on Kendall's tau (JASA 63, 1968).
    """
    from scipy import special

    n = len(values)
    first, second = np.triu_indices(n, 1)
    rises = values[second] - values[first]
    score = abs(int(np.sign(rises).sum()))
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return float(2 * special.ndtr(-max(0, score - 1) / deviation)), float(np.median(rises / (second - first)))


def warmup_share(load: Slice) -> float:
    """Return the share of the window that MSER-5 would drop as warm-up.

    ``nan``: too few bins. MSER-5 drops as many of the first means as leave the smallest standard error of the rest, but
    at most half. Source: White, Cobb & Spratt (2000).
    """
    bins, bin_s = load.counts.bins, load.counts.bin_s
    used = bins[: max(1, round(load.duration_s / bin_s))] if bin_s else bins[:0]
    used = used[used[:, 1] > 0]
    means = used[:, 0] / used[:, 1]
    batches = means[: len(means) // _MSER_BATCH * _MSER_BATCH].reshape(-1, _MSER_BATCH).mean(axis=1)
    if len(batches) < _MIN_WINDOWS:
        return math.nan
    errors = [float(np.var(batches[d:])) / (len(batches) - d) for d in range(len(batches) // 2 + 1)]
    return int(np.argmin(errors)) / len(batches)


def to_json(value: float) -> float | str | None:
    """Return a number as JSON can express it: infinity as "inf", nan as null."""
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else value
