"""Where a series of figures changes its level. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ruptures  # type: ignore[import-untyped]  # it has no types of its own
from numpy.typing import NDArray
from scipy import special

LEAST_RUNS = 4  # to look for a change in
ENOUGH_RUNS = 8  # with fewer a change of ten times the noise is missed too often
CHANCE = 0.007  # with which noise alone is called a change in a series; half of it for an end that is a single run
TAILS = 8  # degrees of freedom at most: the noise of runs has heavier tails than Gauss's
LEAST_NOISE = 0.001  # three printed figures show no less
_QUANTILE_95 = 1.96  # half of a 95 % interval in standard errors


def change_points(values: Sequence[float], lows: Sequence[float] = (), highs: Sequence[float] = ()) -> list[int]:
    """Where the logarithms of a series change their level: the first run of each new one.

    lows, highs: 95 % intervals of the values, if there are any. For each number of changes, from many to none, the
    places are those that leave the least scatter (dynamic programming; Bai and Perron 2003). They stand if every two
    neighbouring levels differ by Student's t, as Worsley (1979) tests for one change: corrected for the places where it
    could be (Bonferroni) and for the number of changes. The noise is the larger of what runs scatter around their
    levels and what their own intervals say. A single run between two levels that do not differ is no level.
    """
    if len(values) < LEAST_RUNS or not all(0 < value < math.inf for value in values):
        return []
    logs = np.log(np.asarray(values, dtype=float))
    own = _own_variances(lows, highs) if len(lows) else np.zeros(len(logs))
    search = ruptures.KernelCPD(kernel="linear", min_size=1).fit(logs[:, None])
    for count in range(len(values) // 3, 0, -1):  # of each level three runs, on average: else nothing tells the noise
        ends = [int(end) for end in search.predict(n_bkps=count)]
        levels = _Levels(logs, own, tuple(zip([0, *ends], ends, strict=False)))
        if all(levels.differ(k, k + 1) for k in range(count)):
            return levels.beginnings()
    return []


def _own_variances(lows: Sequence[float], highs: Sequence[float]) -> NDArray[np.float64]:
    """What each run's interval says of the variance of its logarithm; nothing where it has none."""
    ends = np.asarray([lows, highs], dtype=float)
    ends[~((ends > 0) & np.isfinite(ends))] = np.nan
    errors: NDArray[np.float64] = np.log(ends[1] / ends[0]) / 2 / _QUANTILE_95
    return np.nan_to_num(errors**2)


@dataclass(frozen=True, slots=True)
class _Levels:
    """A series cut into levels."""

    logs: NDArray[np.float64]
    own: NDArray[np.float64]  # variances
    cuts: tuple[tuple[int, int], ...]

    def differ(self, one: int, other: int) -> bool:
        """Whether two levels do, by more than the noise can make."""
        tests = (len(self.logs) - 1) * 10 ** (len(self.cuts) - 2)  # the tenth part of the chance for each change more
        lone = any(self._size(k) == 1 and k in (0, len(self.cuts) - 1) for k in (one, other))
        chance = CHANCE / 2 / tests / (2 if lone else 1)
        squares = sum(((self.logs[slice(*cut)] - self._mean(k)) ** 2).sum() for k, cut in enumerate(self.cuts))
        degrees = len(self.logs) - len(self.cuts)
        scatter = max(squares / degrees, LEAST_NOISE**2) * (1 / self._size(one) + 1 / self._size(other))
        own = sum(self.own[slice(*self.cuts[k])].sum() / self._size(k) ** 2 for k in (one, other))
        # Each with its own quantile: an interval rests on many blocks, the scatter on a few runs.
        least = max(
            float(special.stdtrit(min(degrees, TAILS), 1 - chance)) * math.sqrt(scatter),
            float(special.stdtrit(TAILS, 1 - chance)) * math.sqrt(own),
        )
        return abs(self._mean(one) - self._mean(other)) > least

    def beginnings(self) -> list[int]:
        """The first run of each level but the first, without runs that stand out alone."""
        alone = [k for k in range(1, len(self.cuts) - 1) if self._size(k) == 1 and not self.differ(k - 1, k + 1)]
        left_out = {place for k in alone for place in (k, k + 1)}
        return [begin for k, (begin, _) in enumerate(self.cuts) if k and k not in left_out]

    def _size(self, k: int) -> int:
        begin, end = self.cuts[k]
        return end - begin

    def _mean(self, k: int) -> float:
        return float(self.logs[slice(*self.cuts[k])].mean())
