"""Waits in a queue that is served in order of arrival, or by equal shares. Pure.

Sources: Pollaczek (1930) and Khinchine (1932) for the mean wait of M/G/1, and for the wait as a geometric sum of
residual service times (Kleinrock 1975, Queueing Systems I, sections 5.6 and 5.8). Panjer (1981, ASTIN Bulletin 12) for
the recursion of such a sum. Kelly (1979, Reversibility and Stochastic Networks, section 3.3) for equal shares.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRID_POINTS_PER_LONGEST = 1000  # of the wait's distribution, in the longest service time
MAX_GRID_POINTS = 40_000


@dataclass(frozen=True, slots=True)
class Service:
    """The service times of a mix of requests: constant times in seconds, each with its share of the requests."""

    times_s: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times_s) != len(self.shares) or not math.isclose(sum(self.shares), 1):
            raise ValueError("each service time needs a share, and the shares must add up to 1")
        if min(self.times_s) <= 0 or min(self.shares) < 0:
            raise ValueError("service times must be above 0, and shares at least 0")

    @property
    def mean_s(self) -> float:
        """The mean service time in seconds."""
        return math.fsum(share * time for time, share in zip(self.times_s, self.shares, strict=True))

    @property
    def second_moment_s2(self) -> float:
        """The mean of the squared service time, in square seconds."""
        return math.fsum(share * time**2 for time, share in zip(self.times_s, self.shares, strict=True))


def mean_wait_s(rate_rps: float, service: Service) -> float:
    """Return the mean wait before service of Poisson arrivals at one server, in order of arrival.

    Pollaczek and Khinchine: rate E[S^2] / (2 (1 - load)). Infinite from a load of 1 on.
    """
    load = rate_rps * service.mean_s
    return rate_rps * service.second_moment_s2 / (2 * (1 - load)) if load < 1 else math.inf


def wait_quantile_s(rate_rps: float, service: Service, quantile: float) -> float:
    """Return a quantile of the same wait, e.g. 0.99; infinite from a load of 1 on.

    The wait is the sum of K residual service times, where K is geometric: P(K = k) = (1 - load) load^k. The residual of
    a mix of constant times has a density that falls in steps. On a grid, the distribution of the sum follows from
    Panjer's recursion. The error is at most one cell of the grid: a thousandth of the longest service time.
    """
    load = rate_rps * service.mean_s
    if load >= 1:
        return math.inf
    if 1 - load >= quantile:
        return 0.0
    cell_s = max(service.times_s) / GRID_POINTS_PER_LONGEST
    residual = _residual_cells(service, cell_s)
    # A residual is counted at both ends of its cell with equal parts, which keeps its mean.
    at_grid = np.append(residual, 0.0) / 2 + np.insert(residual, 0, 0.0) / 2
    scale = load / (1 - load * at_grid[0])
    wait = np.zeros(MAX_GRID_POINTS)
    wait[0] = (1 - load) / (1 - load * at_grid[0])
    total = wait[0]
    reverse = at_grid[:0:-1]  # without point 0, longest first
    for point in range(1, MAX_GRID_POINTS):
        reach = min(point, len(reverse))
        wait[point] = scale * float(reverse[len(reverse) - reach :] @ wait[point - reach : point])
        if total + wait[point] >= quantile:
            return float(cell_s * (point - 1 + (quantile - total) / wait[point]))
        total += wait[point]
    return math.inf


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
