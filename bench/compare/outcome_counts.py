"""Counts of changes between two runs: those that differ, that are known to be small, or that show nothing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.compare.changes import Change
from bench.schema.conclusions import Conclusion
from clients.quality_codes import INVALID


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """The numbers of changes. Together, different, equivalent and inconclusive ones are all comparisons.

    equivalent: known to be small. inconclusive: the true change may be large, or none. invalid: inconclusive because
    of invalid figures or of the machine's drift.
    """

    comparisons: int
    different: int
    equivalent: int
    inconclusive: int
    invalid: int


def count_outcomes(changes: Sequence[Change]) -> OutcomeCounts:
    """Return the numbers of changes by their conclusion."""
    conclusions = [Conclusion(change.conclusion) for change in changes]
    return OutcomeCounts(
        comparisons=len(changes),
        different=sum(conclusion.is_difference for conclusion in conclusions),
        equivalent=conclusions.count(Conclusion.EQUIVALENT),
        inconclusive=conclusions.count(Conclusion.INCONCLUSIVE),
        invalid=sum(change.verdict == INVALID for change in changes),
    )
