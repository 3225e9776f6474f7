"""The expected results, as formulas: what a correct generator reports of a known server.

Pure. Times are in the unit of the arguments.
"""

import math
from typing import Any

import numpy as np
from scipy.optimize import brentq

Times = np.ndarray[Any, np.dtype[Any]]


def lindley(arrivals: Times, service: float) -> Times:
    """Return when each request leaves one server with a constant service time, first come first served.

    D_n = max(A_n, D_{n-1}) + s. Source: Lindley (1952). arrivals: ascending, shape (requests,), as is the result.
    """
    order = np.arange(len(arrivals))
    return np.asarray(np.maximum.accumulate(arrivals - order * service) + (order + 1) * service)


def stall_ends(times: Times, start: float, period: float, stall: float) -> Times:
    """Return when each reply leaves a server that stalls at the beginning of each period. times: when it was ready."""
    phase = (times - start) % period
    return np.asarray(np.where(phase < stall, times + (stall - phase), times))


def stall_quantile(quantile: float, period: float, stall: float) -> float:
    """Return the quantile of the time that stalls add, for arrivals that are independent of them.

    The quantile is max(0, H - T (1 - q)): requests that are due in a stall wait from 0 to H, evenly, and they are H / T
    of all. Source: G. Tene, "How NOT to Measure Latency".
    """
    return max(0.0, stall - period * (1 - quantile))


def md1_mean_wait(utilisation: float, service: float) -> float:
    """Return the mean wait of Poisson arrivals at one server with a constant service time: rho s / (2 (1 - rho)).

    Source: Pollaczek & Khinchine; Kleinrock, Queueing Systems I (1975), 5.6.
    """
    return utilisation * service / (2 * (1 - utilisation))


def md1_wait_quantile(quantile: float, utilisation: float, service: float) -> float:
    """Return a high quantile (from 0.9 on) of that wait: s ln(C / (1 - q)) / eta, with rho (e^eta - 1) = eta.

    C = (1 - rho) / (rho + eta - 1). It is the tail of the exact series. Source: Tijms, A First Course in Stochastic
    Models (2003), 9.2.
    """
    eta = float(brentq(lambda x: utilisation * math.expm1(x) - x, 1e-6, 50.0))
    constant = (1 - utilisation) / (utilisation + eta - 1)
    return max(0.0, service * math.log(constant / (1 - quantile)) / eta)


def hits(count: int, every: int) -> int:
    """Return how many of the first ``count`` requests are the k-th, the 2k-th and so on. every: k."""
    return count // every


def reordered(numbers: Times) -> int:
    """Count replies that came after a later request's (RFC 4737, type-P-reordered). numbers: in order of arrival."""
    if not len(numbers):
        return 0
    latest = np.maximum.accumulate(numbers)
    return int((numbers[1:] < latest[:-1]).sum())


def overload_slope(rate: float, capacity: float) -> float:
    """Return how fast latency grows, in seconds per second, if the rate exceeds the capacity: rate / capacity - 1.

    The n-th request is due at n / rate and leaves at n / capacity.
    """
    return rate / capacity - 1
