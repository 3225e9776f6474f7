"""The search for the highest load that meets an objective: bisection on a ladder of loads. Pure."""

import math
from collections import Counter
from dataclasses import dataclass, field

from bench.analysis.search_votes import bounds, decision


@dataclass(slots=True)
class Search:
    """One search on a ladder of loads, each ``width`` above the one before."""

    lowest_rps: float
    highest_rps: float
    width: float
    votes: dict[int, Counter[bool]] = field(default_factory=dict)

    @property
    def top(self) -> int:
        """The highest step; the lowest is 0."""
        return max(1, math.ceil(math.log(self.highest_rps / self.lowest_rps) / math.log1p(self.width)))

    def load_rps(self, step: int) -> float:
        """The load of a step."""
        return self.lowest_rps * (1 + self.width) ** step

    @property
    def next_step(self) -> int | None:
        """What to try next: both ends first, the lower one before the upper; None if all is known."""
        if self._decided(0) is None:
            return 0
        if not self._decided(0):
            return None
        if self._decided(self.top) is None:
            return self.top
        if self._decided(self.top):
            return None
        lower, upper = self.bounds
        assert lower is not None
        assert upper is not None
        return (lower + upper) // 2 if upper - lower > 1 else None

    def tell(self, step: int, *, passed: bool) -> None:
        """Count a trial."""
        self.votes.setdefault(step, Counter())[passed] += 1

    @property
    def bounds(self) -> tuple[int | None, int | None]:
        """The highest step that passed and the lowest that failed; None for a bound that is missing."""
        return bounds(self.votes)

    def _decided(self, step: int) -> bool | None:
        return decision(self.votes.get(step, Counter()))
