"""What a right instrument must report of a server that is known. Pure; times in the unit of the arguments."""

import math
from typing import Any

import numpy as np
from scipy.optimize import brentq

Times = np.ndarray[Any, np.dtype[Any]]


def lindley(arrivals: Times, service: float) -> Times:
    """When each request leaves one server that takes ``service`` for each, first come first served.

    D_n = max(A_n, D_{n-1}) + s. Source: Lindley (1952). arrivals: ascending, shape (requests,); so is the result.
    """
    order = np.arange(len(arrivals))
    return np.asarray(np.maximum.accumulate(arrivals - order * service) + (order + 1) * service)


def stall_ends(times: Times, start: float, period: float, stall: float) -> Times:
    """When what was ready at each of the times leaves a server that stalls at the beginning of each period."""
    phase = (times - start) % period
    return np.asarray(np.where(phase < stall, times + (stall - phase), times))


def stall_quantile(quantile: float, period: float, stall: float) -> float:
    """The quantile of the time that a stall adds, for arrivals that know nothing of it: max(0, H - T (1 - q)).

    Source: G. Tene, "How NOT to Measure Latency": a stopped server makes the requests of the stop wait from 0 to H,
    evenly, and they are H / T of all.
    """
    return max(0.0, stall - period * (1 - quantile))


def md1_mean_wait(busy: float, service: float) -> float:
    """Mean wait of Poisson arrivals at one server with a constant service time: rho s / (2 (1 - rho)).

    Source: Pollaczek & Khinchine; Kleinrock, Queueing Systems I (1975), 5.6.
    """
    return busy * service / (2 * (1 - busy))


def md1_wait_quantile(quantile: float, busy: float, service: float) -> float:
    """A high quantile (from 0.9 on) of that wait: s ln(C / (1 - q)) / eta, with rho (e^eta - 1) = eta.

    C = (1 - rho) / (rho + eta - 1). It is the tail of the exact series; Tijms, A First Course in Stochastic Models
    (2003), 9.2.
    """
    eta = float(brentq(lambda x: busy * math.expm1(x) - x, 1e-6, 50.0))
    constant = (1 - busy) / (busy + eta - 1)
    return max(0.0, service * math.log(constant / (1 - quantile)) / eta)


def hits(count: int, every: int) -> int:
    """How many of so many requests are the k-th, the 2k-th and so on."""
    return count // every


def reordered(numbers: Times) -> int:
    """Replies that came after that of a later request (RFC 4737, type-P-reordered). numbers: in order of arrival."""
    if not len(numbers):
        return 0
    latest = np.maximum.accumulate(numbers)
    return int((numbers[1:] < latest[:-1]).sum())


def overload_slope(rate: float, capacity: float) -> float:
    """How fast latency grows, in seconds a second, where more comes than can be served: rate / capacity - 1.

    The n-th request is due at n / rate and leaves at n / capacity.
    """
    return rate / capacity - 1
