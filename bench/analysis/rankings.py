"""The rank of each arm: the range of places that the comparisons allow. Pure.

Arms concluded to be better come before an arm, arms concluded to be worse come after it, and it shares the places in
between. Grouping by chains of ties would put arms into one group that are known to differ.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.schema.metrics import headline
from clients.quality_codes import INVALID

_RANKING_KINDS = (ComparisonKind.REFERENCE, ComparisonKind.PAIR)
Ranks = Mapping[str, tuple[int, int]]


def ranks(comparisons: Iterable[Mapping[Any, Any]], unranked: Iterable[str] = ()) -> Ranks:
    """Return the first and last place of each arm among the arms of its transport.

    comparisons: rows of comparisons.csv at one load point. Only those of the scenario's headline metric count.
    unranked: labels of models to leave out. Arms with invalid numbers are left out, too.
    """
    left_out = set(unranked)
    better: dict[str, set[str]] = {}
    worse: dict[str, set[str]] = {}
    rivals: dict[str, set[str]] = {}
    for row in comparisons:
        pair = arm, reference = str(row["arm"]), str(row["reference"])
        if not _counts(row) or any(Arm.parse(name).label in left_out for name in pair):
            continue
        rivals.setdefault(arm, set()).add(reference)
        rivals.setdefault(reference, set()).add(arm)
        if Conclusion(row["conclusion"]).is_difference:
            first, second = pair if row["conclusion"] == Conclusion.FASTER else (reference, arm)
            better.setdefault(second, set()).add(first)
            worse.setdefault(first, set()).add(second)
    return {
        arm: (1 + len(better.get(arm, ())), 1 + len(of_arm) - len(worse.get(arm, ()))) for arm, of_arm in rivals.items()
    }


def format_rank(places: tuple[int, int] | None) -> str:
    """Return a rank as text: ``2``, ``2-4``, or ``-`` for an arm without a rank."""
    if places is None:
        return "-"
    first, last = places
    return str(first) if first == last else f"{first}-{last}"


def unranked_models(trials: pd.DataFrame) -> list[str]:
    """Return the models with several processes that had a single CPU.

    Their numbers are shown but not ranked.
    """
    if trials.empty:
        return []
    single_cpu = trials["server_cpus"].fillna("").astype(str).str.removesuffix(".0").str.isdigit()
    return sorted(trials[single_cpu & (trials["workers"] > 1)]["model"].unique())


def _counts(row: Mapping[Any, Any]) -> bool:
    """Return whether a comparison counts for the rank.

    It compares arms of one transport in the headline metric, and it is not invalid.
    """
    is_headline = row["metric"] == headline(str(row["scenario_kind"]))
    return row["kind"] in _RANKING_KINDS and is_headline and row["verdict"] != INVALID
