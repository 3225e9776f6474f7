"""The factor between each server and the best one of its transport, in the answer to a question. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import rows_at
from bench.analysis.comparisons import is_within_noise, noise_floor_at
from bench.analysis.rankings import ranks
from bench.report.questions import Question
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from clients.quality_codes import INVALID, VALID

Row = Mapping[Any, Any]  # a row of comparisons.csv


@dataclass(frozen=True, slots=True)
class Standing:
    """The place of a server. times_behind: the factor between it and a better one; 1 for the best and its equals.

    verdict: on the comparison that decided the factor.
    """

    times_behind: float
    alone: bool = False  # no other server is as good
    equivalent: bool = False  # to each of the others that are as good: their difference is known to be small
    verdict: str = VALID

    @property
    def is_best(self) -> bool:
        """True for the best server and for those that do not differ from it."""
        return self.times_behind == 1


def standings(question: Question, comparisons: pd.DataFrame, unranked: Sequence[str] = ()) -> dict[str, Standing]:
    """Return the standing of each arm that was ranked.

    A lead within the noise floor is none. unranked: models that are left out.
    """
    rows = rows_at(comparisons[comparisons["metric"] == question.metric], question.load_point)
    noise = noise_floor_at(question.load_point, question.metric, comparisons)
    records = rows.to_dict("records")
    behind = {arm: _times_behind(arm, records, noise, unranked) for arm in ranks(records, unranked)}
    best_of: dict[str, list[str]] = {}
    for arm, (times, _) in behind.items():
        if times == 1:
            best_of.setdefault(Arm.parse(arm).transport, []).append(arm)
    return {
        arm: Standing(times, best == [arm], _is_equivalent(arm, best, records), verdict)
        for arm, (times, verdict) in behind.items()
        for best in (best_of.get(Arm.parse(arm).transport, []),)
    }


def _is_equivalent(arm: str, best: Sequence[str], rows: Iterable[Row]) -> bool:
    """Return whether an arm is compared with every other of the best ones, and equivalent to all."""
    conclusions = {
        frozenset((str(row["arm"]), str(row["reference"]))): row["conclusion"]
        for row in rows
        if row["kind"] in (ComparisonKind.REFERENCE, ComparisonKind.PAIR)
    }
    others = [other for other in best if other != arm]
    return bool(others) and all(conclusions.get(frozenset((arm, other))) == Conclusion.EQUIVALENT for other in others)


def _times_behind(arm: str, rows: Iterable[Row], noise: float | None, unranked: Sequence[str]) -> tuple[float, str]:
    """Return the largest factor by which another arm of the transport is better, with the verdict on it.

    The factor is 1 within the noise floor.
    """
    largest = (1.0, VALID)
    for row in rows:
        if row["kind"] not in (ComparisonKind.REFERENCE, ComparisonKind.PAIR) or row["verdict"] == INVALID:
            continue
        pair = (str(row["arm"]), str(row["reference"]))
        if arm not in pair or any(Arm.parse(name).label in unranked for name in pair):
            continue
        worse = Conclusion.SLOWER if arm == pair[0] else Conclusion.FASTER  # conclusions are about the first of a pair
        if row["conclusion"] == worse:
            ratio = float(row["ratio"])
            factor = math.inf if ratio == 0 else max(ratio, 1 / ratio)
            if factor > largest[0] and not is_within_noise(factor, noise):
                largest = (factor, str(row["verdict"]))
    return largest
