"""The search for the highest load that meets an objective: bisection, with a majority of trials at each load. Pure.

One trial decides nothing on a machine that drifts, and one bad trial of ten must not either: where 10 % of the trials
lose a fifth of their rate, a bisection by single trials scatters by 4 %, one by the majority of five by 1.4 %, and one
that wants all five finds 8 % too little. After MLRsearch (RFC 9971), with an exceed ratio of one half.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

BEYOND = 0.01  # of the requests may take longer than an objective, which is of the 99th percentile
TRIALS = 5  # at one load; three that agree decide
Votes = dict[int, Counter[bool]]  # of each step: how many trials passed, and how many did not


@dataclass(slots=True)
class Search:
    """One search on a ladder of loads, each ``width`` above the one before."""

    lowest_rps: float
    highest_rps: float
    width: float
    votes: Votes = field(default_factory=dict)

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
        """See the function of this name."""
        return bounds(self.votes)

    def _decided(self, step: int) -> bool | None:
        return _decided(self.votes.get(step, Counter()))


def bounds(votes: Votes) -> tuple[int | None, int | None]:
    """The highest step that most trials passed, and the lowest that most did not; None where there is none."""
    passed = [step for step, of_rung in votes.items() if _decided(of_rung)]
    failed = [step for step, of_rung in votes.items() if _decided(of_rung) is False]
    return max(passed, default=None), min(failed, default=None)


def _decided(votes: Counter[bool]) -> bool | None:
    """Whether the load is held; None while the trials left could turn it."""
    if 2 * votes[True] > TRIALS:
        return True
    return False if 2 * votes[False] > TRIALS else None
