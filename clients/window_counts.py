"""The latencies of a load over its time, from what the generator counted in each part of the window. Pure."""

from dataclasses import replace
from typing import Any

import numpy as np

from clients.histogram import coarse
from clients.latency_windows import BUCKET_BITS, LatencyWindow
from clients.measurement import Slice


def latency_windows(load: Slice) -> list[LatencyWindow]:
    """Return a window for each part of a load. A load that was stopped early has fewer."""
    counts, begun = load.counts, load.counts.primary.sum(axis=1) + load.counts.never_answered
    return [
        LatencyWindow(
            start_s=round(number * counts.part_s, 9),
            length_s=round(min(counts.part_s, max(0.0, load.duration_s - number * counts.part_s)), 9),
            counts={upper_ns: count for _, upper_ns, count in coarse(primary, BUCKET_BITS)},
            never_answered=never_answered,
        )
        for number, (primary, never_answered) in enumerate(
            zip(counts.primary, counts.never_answered.tolist(), strict=True)
        )
        if begun[number] or number * counts.part_s < load.duration_s - 1e-6
    ]


def to_document(windows: list[LatencyWindow]) -> list[dict[str, Any]]:
    """Return windows as plain values for JSON."""
    return [
        {
            "start_s": window.start_s,
            "length_s": window.length_s,
            "upper_ns": list(window.counts),
            "counts": list(window.counts.values()),
            "never_answered": window.never_answered,
        }
        for window in windows
    ]


def merge_parts(load: Slice, neighbours: int) -> Slice:
    """Return the same load with parts that are longer by a factor. Their number is a multiple of ``neighbours``."""
    counts = load.counts
    parts = len(counts.primary) // neighbours
    merged = replace(
        counts,
        primary=counts.primary.reshape(parts, neighbours, -1).sum(axis=1),
        never_answered=np.asarray(counts.never_answered.reshape(parts, neighbours).sum(axis=1)),
        part_s=counts.part_s * neighbours,
    )
    return replace(load, counts=merged)
