"""Change points: where the level of a series of values changes. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ruptures  # type: ignore[import-untyped]  # the package has no type annotations
from numpy.typing import NDArray
from scipy import special

MIN_RUNS = 4  # needed to look for a change
RELIABLE_RUNS = 8  # with fewer runs, a change of ten times the noise is missed too often
ERROR_RATE = 0.007  # of a false change in a series of pure noise; half of it for an end that is a single run
MAX_DEGREES = 8  # the noise between runs has heavier tails than a normal distribution
MIN_NOISE = 0.001  # three printed digits show no less
_QUANTILE_95 = 1.96  # half-width of a 95% interval in standard errors


def change_points(values: Sequence[float], lows: Sequence[float] = (), highs: Sequence[float] = ()) -> list[int]:
    """Return the position of the first run of each new level of a series.

    lows, highs: 95% intervals of the values, if known.

    For each number of changes, from many to none, the candidates are the positions with the least scatter (dynamic
    programming; Bai and Perron 2003). They are accepted if all neighbouring levels differ by Student's t, as Worsley
    (1979) tests a single change: corrected for the number of positions (Bonferroni) and of changes. The noise is the
    larger of the scatter of runs around their levels and the width of their own intervals. A single run between two
    levels that do not differ is not a level.
    """
    if len(values) < MIN_RUNS or not all(0 < value < math.inf for value in values):
        return []
    logs = np.log(np.asarray(values, dtype=float))
    variances = _interval_variances(lows, highs) if len(lows) else np.zeros(len(logs))
    search = ruptures.KernelCPD(kernel="linear", min_size=1).fit(logs[:, None])
    for changes in range(len(values) // 3, 0, -1):  # at least three runs per level on average, to estimate the noise
        ends = [int(end) for end in search.predict(n_bkps=changes)]
        levels = _Levels(logs, variances, tuple(zip([0, *ends], ends, strict=False)))
        if all(levels.significantly_different(k, k + 1) for k in range(changes)):
            return levels.starts()
    return []


def _interval_variances(lows: Sequence[float], highs: Sequence[float]) -> NDArray[np.float64]:
    """Return the variance of each run's logarithm; 0 if its interval is unbounded."""
    ends = np.asarray([lows, highs], dtype=float)
    ends[~((ends > 0) & np.isfinite(ends))] = np.nan
    errors: NDArray[np.float64] = np.log(ends[1] / ends[0]) / 2 / _QUANTILE_95
    return np.nan_to_num(errors**2)


@dataclass(frozen=True, slots=True)
class _Levels:
    """A series that is cut into levels."""

    logs: NDArray[np.float64]
    variances: NDArray[np.float64]  # of each run, from its own interval
    cuts: tuple[tuple[int, int], ...]  # start and end of each level

    def significantly_different(self, left: int, right: int) -> bool:
        """Return whether two levels differ by more than noise can explain."""
        pair = (left, right)
        tests = (len(self.logs) - 1) * 10 ** (len(self.cuts) - 2)  # a tenth of the error rate for each further change
        has_single_end = any(self._size(k) == 1 and k in (0, len(self.cuts) - 1) for k in pair)
        tail = ERROR_RATE / 2 / tests / (2 if has_single_end else 1)
        squares = sum(((self.logs[slice(*cut)] - self._mean(k)) ** 2).sum() for k, cut in enumerate(self.cuts))
        degrees = len(self.logs) - len(self.cuts)
        scatter = max(squares / degrees, MIN_NOISE**2) * sum(1 / self._size(k) for k in pair)
        of_intervals = sum(self.variances[slice(*self.cuts[k])].sum() / self._size(k) ** 2 for k in pair)
        # Each has a quantile of its own: an interval rests on many blocks, the scatter on a few runs.
        threshold = max(
            float(special.stdtrit(min(degrees, MAX_DEGREES), 1 - tail)) * math.sqrt(scatter),
            float(special.stdtrit(MAX_DEGREES, 1 - tail)) * math.sqrt(of_intervals),
        )
        return abs(self._mean(left) - self._mean(right)) > threshold

    def starts(self) -> list[int]:
        """Return the first run of each new level. A single outlier is not a level."""
        inner = range(1, len(self.cuts) - 1)
        outliers = [k for k in inner if self._size(k) == 1 and not self.significantly_different(k - 1, k + 1)]
        left_out = {level for k in outliers for level in (k, k + 1)}
        return [start for k, (start, _) in enumerate(self.cuts) if k and k not in left_out]

    def _size(self, k: int) -> int:
        start, end = self.cuts[k]
        return end - start

    def _mean(self, k: int) -> float:
        return float(self.logs[slice(*self.cuts[k])].mean())
