"""How evenly the connections were served."""

from typing import Any

import numpy as np


def fairness(served: list[int]) -> dict[str, Any]:
    """Jain's index (sum x)^2 / (n sum x^2), what chance alone would give, and who got nothing.

    served: replies of each connection. Source: Jain, Chiu & Hawe, DEC-TR-301 (1984). Expected: 1 / (1 + (1 - 1/n) / m)
    with m replies on average, as the variance of a multinomial count is m (1 - 1/n).
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
