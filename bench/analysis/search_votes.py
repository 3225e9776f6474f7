"""The votes of a search: at each step, the majority of its trials decides. Pure.

A single trial decides too little on a machine that drifts, and a single bad trial must not decide. A simulation with
10% bad trials, each losing a fifth of its rate, gave this scatter of the result: 4% with single trials, 1.4% with the
majority of five. Requiring all five trials finds a rate that is 8% too low.
Source: MLRsearch (RFC 9971), with an exceed ratio of one half.
"""

from collections import Counter
from collections.abc import Mapping

TRIALS_PER_STEP = 5  # three that agree decide
MAX_LATE_SHARE = 0.01  # of the requests may take longer than the objective, which is a 99th percentile

Votes = Mapping[int, Counter[bool]]  # for each step: how many trials passed, and how many did not


def decision(votes: Counter[bool]) -> bool | None:
    """Return whether most trials of a step pass; None while that is undecided."""
    if 2 * votes[True] > TRIALS_PER_STEP:
        return True
    return False if 2 * votes[False] > TRIALS_PER_STEP else None


def bounds(votes: Votes) -> tuple[int | None, int | None]:
    """Return the highest step that passed and the lowest that failed; None if missing."""
    passed = [step for step, of_step in votes.items() if decision(of_step)]
    failed = [step for step, of_step in votes.items() if decision(of_step) is False]
    return max(passed, default=None), min(failed, default=None)
