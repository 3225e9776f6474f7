"""Bisection for the highest rate that meets an objective. Pure."""

import math
from collections import Counter
from dataclasses import dataclass, field

from bench.analysis.search_votes import bounds, decision


@dataclass(slots=True)
class Search:
    """One search over steps of the rate, each ``width`` above the step before."""

    lowest_rps: float
    highest_rps: float
    width: float
    votes: dict[int, Counter[bool]] = field(default_factory=dict)

    @property
    def top(self) -> int:
        """The highest step; the lowest is 0."""
        return max(1, math.ceil(math.log(self.highest_rps / self.lowest_rps) / math.log1p(self.width)))

    def rate_rps(self, step: int) -> float:
        """Return the rate of a step."""
        return self.lowest_rps * (1 + self.width) ** step

    @property
    def next_step(self) -> int | None:
        """The step to try next; None if the search is over.

        Both ends are tried first, the lower end before the upper end.
        """
        lowest_passes = self._decided(0)
        if lowest_passes is None:
            return 0
        if not lowest_passes:
            return None
        top_passes = self._decided(self.top)
        if top_passes is None:
            return self.top
        if top_passes:
            return None
        lower, upper = self.bounds
        assert lower is not None
        assert upper is not None
        return (lower + upper) // 2 if upper - lower > 1 else None

    def record(self, step: int, *, passed: bool) -> None:
        """Count a trial."""
        self.votes.setdefault(step, Counter())[passed] += 1

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """The bounds that the trials so far give; see ``search_votes.bounds``."""
        return bounds(self.votes)

    def _decided(self, step: int) -> bool | None:
        return decision(self.votes.get(step, Counter()))
