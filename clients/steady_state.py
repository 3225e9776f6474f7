"""One load over its time: figures of each window, drift, warm-up, and how well a percentile is known. Pure.

Not by tests for stationarity: ADF found none of a 30 % drift, a 20 % step or a warm-up, and KPSS calls a tenth of all
queues in a steady state unsteady (simulated).
"""

import math
from typing import Any

import numpy as np

from clients.histogram import LEAST_BEYOND, quantile_ns
from clients.measurement import Slice

_DRIFT_P = 0.01
_LEAST_WINDOWS = 8
_MSER_BATCH = 5  # MSER-5 takes means of five


def windows(load: Slice) -> list[dict[str, Any]]:
    """Figures of each window of a load."""
    width_s = load.duration_s / len(load.headline)
    return [
        {
            "start_s": k * width_s,
            "replies": int(counts.sum()),
            "p50_us": finite(quantile_ns(counts, 0.5, missing) / 1e3),
            "p99_us": finite(quantile_ns(counts, 0.99, missing) / 1e3),
        }
        for k, (counts, missing) in enumerate(zip(load.headline, load.missed.tolist(), strict=True))
    ]


def precision(load: Slice) -> dict[str, dict[str, float | str | None]]:
    """How well this one load knows its percentiles: 95 % interval and effective number of requests, for each.

    Indicator batch means: in each window the share of requests beyond the percentile is one value; their scatter holds
    what requests one after the other have in common. An interval for independent values does not: for p99 of a queue
    that is busy for 0.7 of its time it covers 27 % instead of 95 % (simulated). Requests that took for ever count in
    their window. None of a percentile that is one of them: no share of the replies tells how far out it lies.
    """
    counts, begun = load.headline, load.headline.sum(axis=1) + load.missed
    totals, total, missing = counts.sum(axis=0), int(begun.sum()), int(load.missed.sum())
    if len(begun) < _LEAST_WINDOWS or begun.min() == 0:
        return {}
    from scipy import special  # not where a command line only looks

    found: dict[str, dict[str, float | str | None]] = {}
    for name, quantile in (("p50", 0.5), ("p99", 0.99), ("p99_9", 0.999)):
        if total * (1 - quantile) < LEAST_BEYOND or math.isinf(quantile_ns(totals, quantile, missing)):
            continue
        slot = int(np.searchsorted(np.cumsum(totals), math.ceil(quantile * total - 1e-9)))
        shares = counts[:, : slot + 1].sum(axis=1) / begun
        variance = float(np.var(shares, ddof=1)) / len(shares)
        half = float(special.stdtrit(len(shares) - 1, 0.975)) * math.sqrt(variance)
        low, high = quantile - half, quantile + half
        found[name] = {
            "low_us": finite(quantile_ns(totals, low, missing) / 1e3) if low > 0 else 0.0,
            "high_us": finite(quantile_ns(totals, high, missing) / 1e3) if high < 1 else "inf",
            "effective_count": quantile * (1 - quantile) / variance if variance else None,
        }
    return found


def drift_share(load: Slice) -> float:
    """By what share of its median the windows' median went up or down from begin to end; 0 if that may be chance.

    Mann and Kendall's test tells whether there is a trend, Theil and Sen's slope how large it is. ``nan``: too few
    windows, or one that lost half of its requests, against which other codes speak.
    """
    each = zip(load.headline, load.missed.tolist(), strict=True)
    medians = np.array([quantile_ns(counts, 0.5, missing) for counts, missing in each if counts.any() or missing])
    if len(medians) < _LEAST_WINDOWS or not np.isfinite(medians).all():
        return math.nan
    p, slope = trend(medians)
    return abs(slope * (len(medians) - 1) / float(np.median(medians))) if p < _DRIFT_P else 0.0


def trend(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    """How likely chance alone makes values rise or fall so steadily, and by how much they do at each step.

    values: shape (n,), n of 8 or more, for which the test's statistic is close to normal; it has the variance of values
    without ties, which errs to the careful side. scipy.stats has both, and takes longer to import than the compiled
    loops to load. Source: Mann, Nonparametric tests against trend (Econometrica 13, 1945); Sen, Estimates of the
    regression coefficient based on Kendall's tau (JASA 63, 1968).
    """
    from scipy import special

    n = len(values)
    first, second = np.triu_indices(n, 1)
    rises = values[second] - values[first]
    score = abs(int(np.sign(rises).sum()))
    deviation = math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    return float(2 * special.ndtr(-max(0, score - 1) / deviation)), float(np.median(rises / (second - first)))


def warmup_share(load: Slice) -> float:
    """Which share of the window MSER-5 would drop as warm-up (White, Cobb & Spratt 2000). ``nan``: too few bins.

    It drops as many of the first means as leave the smallest standard error of the rest, half of all at most.
    """
    used = load.bins[: max(1, round(load.duration_s / load.bin_s))] if load.bin_s else load.bins[:0]
    used = used[used[:, 1] > 0]
    means = used[:, 0] / used[:, 1]
    batches = means[: len(means) // _MSER_BATCH * _MSER_BATCH].reshape(-1, _MSER_BATCH).mean(axis=1)
    if len(batches) < _LEAST_WINDOWS:
        return math.nan
    errors = [float(np.var(batches[d:])) / (len(batches) - d) for d in range(len(batches) // 2 + 1)]
    return int(np.argmin(errors)) / len(batches)


def finite(value: float) -> float | str | None:
    """JSON has no infinity and no nan: they become the string "inf" and null."""
    if math.isnan(value):
        return None
    return "inf" if math.isinf(value) else value
