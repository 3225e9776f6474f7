"""Ticks of logarithmic axes."""

import math

from matplotlib.ticker import LogLocator

ROUND_STEPS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9))
MIN_TICKS = 3
MIN_DECADES = 2  # on an axis; fewer numbers do not show its scale


def round_numbers(low: float, high: float) -> list[float]:
    """Return round numbers on a logarithmic axis, at least MIN_TICKS between both ends where that is possible.

    They reach beyond the ends, into the margins of the axes.
    """
    found: list[float] = []
    for steps in ROUND_STEPS:
        decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
        found = [float(f"{step}e{decade}") for decade in decades for step in steps]
        if sum(low <= number <= high for number in found) >= MIN_TICKS:
            break
    return found


class DecadeLocator(LogLocator):
    """Ticks at powers of ten, or at round numbers where an axis is too short to have two of them."""

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """Return the numbers with a tick."""
        low, high = sorted((vmin, vmax))
        decades = [float(number) for number in super().tick_values(vmin, vmax)]
        if low <= 0 or sum(low <= number <= high for number in decades) >= MIN_DECADES:
            return decades
        return round_numbers(low, high)
