"""Latency histograms: quantiles, means, coarser copies. Pure; the layout is in ``clients.engine.histogram_slots``."""

import numpy as np

from clients.engine.histogram_slots import Counts, slot

LEAST_BEYOND = 10  # a percentile with fewer requests beyond it is not shown: it would be one request's luck


def lowest_ns(slots: Counts) -> Counts:
    """Smallest value of each slot. slots: any shape of slot numbers."""
    shift = np.maximum(slots // 1024 - 1, 0)
    lowest: Counts = (slots - shift * 1024) << shift
    return lowest


def highest_ns(slots: Counts) -> Counts:
    """Largest value of each slot. slots: any shape of slot numbers."""
    shift = np.maximum(slots // 1024 - 1, 0)
    return lowest_ns(slots) + (np.int64(1) << shift) - 1


def share_between(counts: Counts, low_ns: int, high_ns: int) -> float:
    """Share of the values in slots from that of ``low_ns`` up to that of ``high_ns``, without it; 0 of nothing."""
    total = int(counts.sum())
    return float(counts[slot(low_ns) : slot(high_ns)].sum()) / total if total else 0.0


def coarse(counts: Counts) -> list[list[int]]:
    """The histogram with two digits (256 sub-buckets, 0.8 % wide), as [lower_ns, upper_ns, count] of the used slots.

    Again HdrHistogram's layout: every slot of three digits lies within one of two, so these merge exactly too, and are
    an eighth of the size.
    """
    used = np.flatnonzero(counts)
    lower = lowest_ns(used)
    shift = np.maximum(np.frexp(lower.astype(float))[1] - 8, 0)  # frexp tells the bit length, exactly below 2**53
    lower = (lower >> shift) << shift
    starts, first, group = np.unique(lower, return_index=True, return_inverse=True)
    sums = np.bincount(group, weights=counts[used], minlength=len(starts)).astype(np.int64)
    upper = starts + (np.int64(1) << shift[first]) - 1
    return np.stack([starts, upper, sums], axis=1).tolist()  # type: ignore[no-any-return]


def quantile_ns(counts: Counts, quantile: float, missing: int = 0) -> float:
    """Smallest value that at least ``quantile`` of all requests did not exceed.

    counts: shape (SLOTS,). quantile: in (0, 1]. missing: requests without a reply, which took for ever.
    Returns the upper end of the slot, never optimistic; ``inf`` if the rank is among the missing; ``nan`` of nothing.
    Source: nearest rank, Hyndman & Fan (1996) type 1.
    """
    total = int(counts.sum()) + missing
    if total == 0:
        return float("nan")
    rank = max(1, int(np.ceil(quantile * total - 1e-9)))
    slot = int(np.searchsorted(np.cumsum(counts), rank))
    return float("inf") if slot >= len(counts) else float(highest_ns(np.asarray(slot)))


def mean_ns(counts: Counts) -> float:
    """Mean of the recorded values, each taken at the middle of its slot; ``nan`` of nothing."""
    used = np.flatnonzero(counts)
    if not len(used):
        return float("nan")
    middles = (lowest_ns(used) + highest_ns(used)) / 2
    return float(np.average(middles, weights=counts[used]))


def summary_us(counts: Counts, missing: int = 0) -> dict[str, float]:
    """The figures of one latency: count, mean, p50 to p99_99 and max, in microseconds.

    A percentile above which fewer than ten requests lie is left out: it would be one request's luck.
    missing: requests without a reply; they count as infinite, and the mean is then of the replies alone.
    """
    total = int(counts.sum()) + missing
    figures: dict[str, float] = {"count": total, "mean": mean_ns(counts) / 1e3}
    for name, quantile in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999), ("p99_99", 0.9999)):
        enough = total * (1 - quantile) >= LEAST_BEYOND or quantile == 0.5
        figures[name] = quantile_ns(counts, quantile, missing) / 1e3 if enough else float("nan")
    figures["max"] = quantile_ns(counts, 1.0, missing) / 1e3
    return figures
