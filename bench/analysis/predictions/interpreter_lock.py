"""Waits of light requests in threads that share the interpreter lock with a heavy one. Pure.

CPython's lock (``Python/ceval_gil.c``, ``.h`` before 3.12): a thread that wants the lock waits for it at most one
switch interval, 5 ms by default. Then it asks the holder to drop the lock, and the holder does so between two
bytecodes. A light request needs the lock for so short a time that it gives it back, at its next system call, long
before an interval is over. All threads that already wait then have their turn before the heavy one, which asks for the
lock after them.

So a heavy request of H seconds is cut into stints. A stint begins with the heavy thread alone. It ends one interval
after the first light request arrives, or with the heavy request. The first light request of a stint waits for an
interval, and those that arrive after it wait for the rest of the same interval. With few light requests, each is the
first of its stint, and waits for min(R, interval), where R is the rest of the heavy request.

Several heavy requests take turns, one interval each. Their number is that of a processor that is shared equally:
P(n) = (1 - a) a^n (Kleinrock 1976, Queueing Systems II, section 4.4). The light requests take a part of the processor,
so a = heavy load / (1 - light load), as for the classes of a shared processor (Kelly 1979, section 3.3).
A light request waits for the rest of one turn, half of it on average, and for one turn of each other heavy request. The
rest of that request is as likely to be long as short, so its turn takes min(R, interval) too.

A thread that wakes up is assumed to have a CPU at once. On one CPU the heavy thread has it, and the kernel may let it
finish its time slice first: then the waits are longer.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEFAULT_SWITCH_INTERVAL_S = 0.005  # sys.getswitchinterval()
_GRID_POINTS = 4000  # of the heavy request's time
_BISECTIONS = 40
_CELLS_PER_TURN = 100  # of the distribution of waits
_SMALLEST_TAIL = 1e-6


@dataclass(frozen=True, slots=True)
class LockLoad:
    """The load of the lock: rates and CPU times of both kinds of requests, and the switch interval."""

    light_rps: float
    heavy_rps: float
    heavy_s: float
    interval_s: float = DEFAULT_SWITCH_INTERVAL_S
    light_s: float = 0.0

    @property
    def heavy_load(self) -> float:
        """The share of the time in which a heavy request is there; 1 or more in an overload.

        They have what the light requests leave.
        """
        left = 1 - self.light_rps * self.light_s
        return self.heavy_rps * self.heavy_s / left if left > 0 else math.inf

    @property
    def turn_s(self) -> float:
        """The longest time that a heavy request holds the lock while another thread waits."""
        return min(self.interval_s, self.heavy_s)


@dataclass(frozen=True, slots=True)
class _Stints:
    """The expected stints of one heavy request, by its time that is left when the first light request arrives.

    left_s: those times on a grid. expected: how many stints begin at each of them.
    """

    left_s: NDArray[np.float64]
    expected: NDArray[np.float64]

    @classmethod
    def of(cls, load: LockLoad) -> "_Stints":
        """Walk down the heavy request's time, with exponential times between light requests.

        In each cell of the grid a stint begins with the exact probability, if none is on. It takes one interval, and
        ends between two points of the grid, which share it so that the mean is kept.
        """
        step_s = load.heavy_s / _GRID_POINTS
        decay = math.exp(-load.light_rps * step_s)
        cells_per_interval = load.interval_s / step_s
        without_stint = [0.0] * _GRID_POINTS + [1.0]  # by the cells that are left
        expected = [0.0] * _GRID_POINTS
        for cell in reversed(range(_GRID_POINTS)):
            expected[cell] = begins = (1 - decay) * without_stint[cell + 1]
            without_stint[cell] += decay * without_stint[cell + 1]
            after = min(cell + 0.5 - cells_per_interval, cell)
            if after > 0:
                below = int(after)
                without_stint[below] += (below + 1 - after) * begins
                without_stint[below + 1] += (after - below) * begins
        return cls((np.arange(_GRID_POINTS, dtype=np.float64) + 0.5) * step_s, np.array(expected))

    def total(self, of_stint: NDArray[np.float64]) -> float:
        """Return the expected sum over all stints. of_stint: the expected sum of one stint, for each time in left_s."""
        return float(self.expected @ of_stint)


def mean_lock_wait_s(load: LockLoad) -> float:
    """Return the mean wait of a light request for the lock, over all light requests. Infinite from a load of 1 on."""
    if load.heavy_load >= 1:
        return math.inf

    stints = _Stints.of(load)
    held_s = np.minimum(stints.left_s, load.interval_s)
    beside_one_s = stints.total(held_s + load.light_rps * held_s**2 / 2) / (load.light_rps * load.heavy_s)
    others = load.heavy_load / (1 - load.heavy_load)  # mean number beside the first, where there is one
    mean_turn_s = load.turn_s * (1 - load.turn_s / (2 * load.heavy_s))  # E[min(R, interval)], R uniform
    rest_of_turn_s = (1 - load.heavy_load) * beside_one_s + load.heavy_load * load.turn_s / 2
    return load.heavy_load * (rest_of_turn_s + others * mean_turn_s)


def lock_wait_quantile_s(load: LockLoad, quantile: float) -> float:
    """Return a quantile of that wait, e.g. 0.99: 0 if fewer requests than that wait at all."""
    if load.heavy_load >= 1:
        return math.inf
    beyond = 1 - quantile
    if load.heavy_load <= beyond:
        return 0.0
    grid_s, beside_several = _tail_beside_several(load)
    stints = _Stints.of(load)
    low, high = 0.0, float(grid_s[-1])
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        beside_one = (1 - load.heavy_load) * load.heavy_load * _share_beside_one(middle, stints, load)
        if beside_one + float(np.interp(middle, grid_s, beside_several)) > beyond:
            low = middle
        else:
            high = middle
    return high


def _tail_beside_several(load: LockLoad) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a grid of waits, and which share of all light requests finds several heavy ones and waits longer.

    Such a wait is the rest of a turn, and a turn of each other heavy request: min(R, interval), R uniform.
    """
    half_cells = np.full(_CELLS_PER_TURN + 1, 1 / _CELLS_PER_TURN)
    half_cells[[0, -1]] /= 2  # each cell counts at both of its ends with equal parts, which keeps the mean
    turn = half_cells * load.turn_s / load.heavy_s
    turn[-1] += 1 - load.turn_s / load.heavy_s
    heavy = max(2, math.ceil(math.log(_SMALLEST_TAIL) / math.log(load.heavy_load)))
    total = np.zeros(heavy * _CELLS_PER_TURN + 1)
    wait, share = half_cells, (1 - load.heavy_load) * load.heavy_load
    for _ in range(2, heavy + 1):
        wait, share = np.convolve(wait, turn), share * load.heavy_load
        total[: len(wait)] += share * wait
    tail = total.sum() - np.cumsum(total)
    return np.arange(len(total)) * load.turn_s / _CELLS_PER_TURN, tail


def _share_beside_one(wait_s: float, stints: _Stints, load: LockLoad) -> float:
    """Return the share of light requests that wait longer, of those that find one heavy request."""
    beyond_s = np.minimum(stints.left_s, load.interval_s) - wait_s
    longer_waits = np.where(beyond_s > 0, 1 + load.light_rps * beyond_s, 0.0)
    return stints.total(longer_waits) / (load.light_rps * load.heavy_s)
