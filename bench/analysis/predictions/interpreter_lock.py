"""Waits of light requests in threads that share the interpreter lock with a heavy one. Pure.

CPython's lock (``Python/ceval_gil.c``, since 3.2): a thread that wants the lock waits for it at most one switch
interval, 5 ms by default. Then it asks the holder to drop the lock, and the holder does so between two bytecodes. A
light request needs the lock for so short a time that it gives it back, at its next system call, long before an interval
is over. All threads that already wait then have their turn before the heavy one, which asks for the lock after them.

So a heavy request of H seconds is cut into stints. A stint begins with the heavy thread alone. It ends one interval
after the first light request arrives, or with the heavy request. The first light request of a stint waits for an
interval, and those that arrive after it wait for the rest of the same interval. With few light requests, each is the
first of its stint, and waits for min(R, interval), where R is the rest of the heavy request.
"""

import math
from collections.abc import Callable

import numpy as np

DEFAULT_SWITCH_INTERVAL_S = 0.005  # sys.getswitchinterval()
_GRID_POINTS = 4000  # of the heavy request's time
_BISECTIONS = 40


def mean_lock_wait_s(light_rps: float, heavy_rps: float, heavy_s: float, interval_s: float) -> float:
    """Return the mean wait of a light request for the lock, over all light requests."""

    def waits_of_stint(held_s: float) -> float:
        held = min(held_s, interval_s)
        return held + light_rps * held**2 / 2

    return heavy_rps / light_rps * _sum_over_stints(waits_of_stint, light_rps, heavy_s, interval_s)


def lock_wait_quantile_s(
    light_rps: float, heavy_rps: float, heavy_s: float, interval_s: float, quantile: float
) -> float:
    """Return a quantile of that wait, e.g. 0.99: 0 if fewer requests than that wait at all."""
    low, high = 0.0, min(interval_s, heavy_s)
    if _share_that_waits_longer(0.0, light_rps, heavy_rps, heavy_s, interval_s) <= 1 - quantile:
        return 0.0
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _share_that_waits_longer(middle, light_rps, heavy_rps, heavy_s, interval_s) > 1 - quantile:
            low = middle
        else:
            high = middle
    return high


def _share_that_waits_longer(
    wait_s: float, light_rps: float, heavy_rps: float, heavy_s: float, interval_s: float
) -> float:
    def longer_waits_of_stint(held_s: float) -> float:
        beyond = min(held_s, interval_s) - wait_s
        return 1 + light_rps * beyond if beyond > 0 else 0.0

    return heavy_rps / light_rps * _sum_over_stints(longer_waits_of_stint, light_rps, heavy_s, interval_s)


def _sum_over_stints(of_stint: Callable[[float], float], light_rps: float, heavy_s: float, interval_s: float) -> float:
    """Return the expected sum over the stints of one heavy request.

    of_stint: the expected sum of one stint, by the heavy request's time that is left when its first light request
    arrives.

    With V(h) for the sum of a rest of h seconds, and exponential times between light requests,
    V' = rate (of_stint(h) + V(h - interval) - V(h)). The grid solves this step by step, with the exact decay.
    """
    step_s = heavy_s / _GRID_POINTS
    decay = math.exp(-light_rps * step_s)
    grid_s = np.arange(_GRID_POINTS + 1) * step_s
    sums = np.zeros(_GRID_POINTS + 1)
    for point in range(_GRID_POINTS):
        left_s = (point + 0.5) * step_s
        later = float(np.interp(left_s - interval_s, grid_s[: point + 1], sums[: point + 1], left=0.0))
        sums[point + 1] = sums[point] * decay + (1 - decay) * (of_stint(left_s) + later)
    return float(sums[-1])
