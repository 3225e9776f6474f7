"""Waits in a queue that is served in order of arrival, or by equal shares. Pure.

Sources: Pollaczek (1930) and Khinchine (1932) for the mean wait of M/G/1, and for the wait as a geometric sum of
residual service times (Kleinrock 1975, Queueing Systems I, chapter 5). Sieveking (1972, Computing 10) for
the reciprocal of a power series. Kelly (1979, Reversibility and Stochastic Networks, section 3.3) for equal shares.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRID_POINTS_PER_LONGEST = 1000  # of the wait's distribution, in the longest service time
MAX_GRID_POINTS = 40_000
SMALLEST_TAIL = 1e-5  # of the distribution; its quantiles up to 99.9% are used
_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Service:
    """The service times of a mix of requests: constant times in seconds, each with its share of the requests."""

    times_s: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times_s) != len(self.shares) or not math.isclose(sum(self.shares), 1):
            raise ValueError("each service time needs a share, and the shares must add up to 1")
        if min(self.times_s) < 0 or min(self.shares) < 0:
            raise ValueError("service times and shares must be at least 0")

    @property
    def mean_s(self) -> float:
        """The mean service time in seconds."""
        return math.fsum(share * time for time, share in zip(self.times_s, self.shares, strict=True))

    @property
    def second_moment_s2(self) -> float:
        """The mean of the squared service time, in square seconds."""
        return math.fsum(share * time**2 for time, share in zip(self.times_s, self.shares, strict=True))


_NO_SERVICE = Service((0.0,), (1.0,))


def mean_wait_s(rate_rps: float, service: Service) -> float:
    """Return the mean wait before service of Poisson arrivals at one server, in order of arrival.

    Pollaczek and Khinchine: rate E[S^2] / (2 (1 - load)). Infinite from a load of 1 on.
    """
    load = rate_rps * service.mean_s
    return rate_rps * service.second_moment_s2 / (2 * (1 - load)) if load < 1 else math.inf


@dataclass(frozen=True, slots=True)
class WaitDistribution:
    """The distribution of a wait on a grid: ``cumulated[k]`` is P(wait <= k cells)."""

    cell_s: float
    cumulated: NDArray[np.float64]

    def quantile_s(self, quantile: float) -> float:
        """Return a quantile of the wait, e.g. 0.99; infinite beyond the grid."""
        return self.response_quantile_s(quantile, _NO_SERVICE)

    def response_quantile_s(self, quantile: float, service: "Service") -> float:
        """Return a quantile of the wait plus the service time of a request that is drawn from ``service``."""
        low_s, high_s = 0.0, self.cell_s * (len(self.cumulated) - 1) + max(service.times_s)
        if self._share_within(high_s, service) < quantile:
            return math.inf
        for _ in range(_BISECTIONS):
            middle_s = (low_s + high_s) / 2
            if self._share_within(middle_s, service) >= quantile:
                high_s = middle_s
            else:
                low_s = middle_s
        return high_s

    def _share_within(self, limit_s: float, service: "Service") -> float:
        grid = np.arange(len(self.cumulated))
        return math.fsum(
            share * float(np.interp((limit_s - time) / self.cell_s, grid, self.cumulated, left=0.0))
            for time, share in zip(service.times_s, service.shares, strict=True)
        )


def wait_distribution(rate_rps: float, service: "Service") -> WaitDistribution:
    """Return the distribution of the same wait. Raises ValueError from a load of 1 on.

    The wait is the sum of K residual service times, where K is geometric: P(K = k) = (1 - load) load^k. The residual of
    a mix of constant times has a density that falls in steps. On a grid, the distribution of the sum is the power
    series (1 - load) / (1 - load R(z)), where R(z) contains the probabilities of a residual. The error is at most one
    cell of the grid: a thousandth of the longest service time.
    """
    load = rate_rps * service.mean_s
    if load >= 1:
        raise ValueError(f"a load of {load:g} has no steady state")
    cell_s = max(service.times_s) / GRID_POINTS_PER_LONGEST
    residual = _residual_cells(service, cell_s)
    # A residual is counted at both ends of its cell with equal parts, which keeps its mean.
    at_grid = np.append(residual, 0.0) / 2 + np.insert(residual, 0, 0.0) / 2
    scale = 1 - load * at_grid[0]
    denominator = np.insert(-load * at_grid[1:] / scale, 0, 1.0)
    series = np.ones(1)
    while len(series) < MAX_GRID_POINTS and (1 - load) / scale * series.sum() < 1 - SMALLEST_TAIL:
        series = _twice_the_terms(series, denominator)
    cumulated = np.cumsum((1 - load) / scale * series[:MAX_GRID_POINTS])
    return WaitDistribution(cell_s, cumulated[: int(np.searchsorted(cumulated, 1 - SMALLEST_TAIL)) + 1])


def _twice_the_terms(series: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return twice as many terms of the power series 1 / denominator, by one step of Newton's method."""
    terms = len(series)
    size = 4 * terms  # no product wraps around
    spectrum = np.fft.rfft(series, size)
    error = np.fft.irfft(np.fft.rfft(denominator[: 2 * terms], size) * spectrum, size)[terms : 2 * terms]
    more = np.fft.irfft(np.fft.rfft(error, size) * spectrum, size)[:terms]
    return np.concatenate([series, -more])


def _residual_cells(service: Service, cell_s: float) -> NDArray[np.float64]:
    """Return the probability of each cell of the residual service time, whose density is P(S > t) / E[S]."""
    edges = np.arange(GRID_POINTS_PER_LONGEST + 1) * cell_s
    cumulated = np.zeros_like(edges)
    for time, share in zip(service.times_s, service.shares, strict=True):
        cumulated += share * np.minimum(edges, time)
    cells: NDArray[np.float64] = np.diff(cumulated) / cumulated[-1]
    return cells


def shared_response_s(rate_rps: float, service: Service, own_s: float, cpus: int = 1) -> float:
    """Return the mean response time of requests that need ``own_s``, where all share the CPUs equally.

    This is a process for each client: the kernel gives each runnable process its share. The mean number of requests is
    that of M/M/cpus for any service time, and the response time is proportional to the request's own need.
    """
    load = rate_rps * service.mean_s / cpus
    if load >= 1:
        return math.inf
    return own_s * (1 + erlang_c(cpus, cpus * load) / (cpus * (1 - load)))


def shared_response_quantile_s(
    rate_rps: float, service: Service, own_s: float, quantile: float, cpus: int = 1
) -> float:
    """Return a quantile of the response time of requests that are so short that no other one begins or ends meanwhile.

    Such a request shares the CPUs with the n requests that it finds, and takes own x max(1, (n + 1) / cpus).
    """
    load = rate_rps * service.mean_s / cpus
    if load >= 1:
        return math.inf
    busy = erlang_c(cpus, cpus * load)  # P(n >= cpus); from there on, P(n >= cpus + k) = busy load^k
    beyond = 1 - quantile
    more = 0 if busy <= beyond else math.floor(math.log(beyond / busy) / math.log(load)) + 1
    return own_s * max(1.0, (cpus + more) / cpus)


def erlang_c(servers: int, offered: float) -> float:
    """Return the probability that all servers of M/M/servers are busy (Erlang 1917).

    offered: rate times mean service time.
    """
    blocked = 1.0
    for server in range(1, servers + 1):  # Erlang's recursion of the loss probability
        blocked = offered * blocked / (server + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def work_mix(times_s: Sequence[float], weights: Sequence[float]) -> Service:
    """Return the service of a mix with weights that need not add up to 1."""
    total = math.fsum(weights)
    return Service(tuple(times_s), tuple(weight / total for weight in weights))
