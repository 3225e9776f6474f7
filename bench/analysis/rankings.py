"""The rank of each arm: the range of places that the comparisons allow. Pure.

Arms concluded to be better come before an arm, arms concluded to be worse come after it, and it shares the places in
between. Grouping by chains of ties would put arms into one group that are known to differ.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
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
    better: dict[str, int] = {}
    worse: dict[str, int] = {}
    rivals: dict[str, int] = {}
    for pair, winner in _decided_pairs(comparisons, unranked):
        for arm in pair:
            rivals[arm] = rivals.get(arm, 0) + 1
            if winner:
                counts = worse if arm == winner else better
                counts[arm] = counts.get(arm, 0) + 1
    return {arm: (1 + better.get(arm, 0), 1 + count - worse.get(arm, 0)) for arm, count in rivals.items()}


def best_first(
    comparisons: Iterable[Mapping[Any, Any]], costs: Mapping[str, float], unranked: Iterable[str] = ()
) -> list[str]:
    """Return the ranked arms by their costs, lowest first, but no arm before one that is concluded to be better.

    comparisons, unranked: as for ``ranks``. costs: by arm; an arm without costs comes last.
    """
    better: dict[str, set[str]] = {}
    for pair, winner in _decided_pairs(comparisons, unranked):
        for arm in pair:
            better.setdefault(arm, set()).update({winner} - {arm, ""})
    remaining = sorted(better, key=lambda arm: (costs.get(arm, math.inf), arm))
    ordered = []
    while remaining:
        # Conclusions could form a circle; then the costs alone decide.
        free = [arm for arm in remaining if better[arm].isdisjoint(remaining)] or remaining
        ordered.append(free[0])
        remaining.remove(free[0])
    return ordered


def _decided_pairs(
    comparisons: Iterable[Mapping[Any, Any]], unranked: Iterable[str]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each pair of ranked arms, and the better one of them; empty if neither is concluded to be better."""
    left_out = set(unranked)
    for row in comparisons:
        pair = arm, reference = str(row["arm"]), str(row["reference"])
        if not _counts(row) or any(Arm.parse(name).label in left_out for name in pair):
            continue
        winners = {Conclusion.FASTER: arm, Conclusion.SLOWER: reference}
        yield pair, winners.get(Conclusion(row["conclusion"]), "")


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

    It compares arms of one transport in the headline metric, some block measured both, and it is not invalid.
    """
    is_headline = row["metric"] == headline(str(row["scenario_kind"]))
    is_measured = int(row["blocks"]) > 0
    return row["kind"] in _RANKING_KINDS and is_headline and is_measured and row["verdict"] != INVALID
