"""Fairness: how evenly the connections were served."""

from typing import Any

import numpy as np


def fairness(served: list[int]) -> dict[str, Any]:
    """Return Jain's fairness index, its expected value, and starved connections.

    The index is (sum x)^2 / (n sum x^2). Its expected value is that of pure chance. served: replies of each connection.
    Source: Jain, Chiu & Hawe, DEC-TR-301 (1984). The expected value is 1 / (1 + (1 - 1/n) / m) for a mean of m replies,
    since the variance of a multinomial count is m (1 - 1/n).
    """
    counts = np.asarray(served, float)
    squares = float((counts**2).sum())
    mean = float(counts.mean())
    return {
        "jain": float(counts.sum() ** 2 / (len(counts) * squares)) if squares else None,
        "jain_expected": 1 / (1 + (1 - 1 / len(counts)) / mean) if mean > 0 else None,
        "starved": int((counts == 0).sum()),
        "served_min": int(counts.min()),
        "served_max": int(counts.max()),
    }
