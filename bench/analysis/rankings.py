"""Ranks as groups: which places an arm can have, as far as the comparisons tell arms apart. Pure.

An arm's rank is a range: better than it are those that were told to be, and worse likewise; with the others it shares
the places between. Groups by a chain of ties would put arms into one group that were told apart.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from bench.analysis.summary import AGAINST, PAIR
from bench.schema.arms import Arm
from bench.schema.metrics import headline

Ranks = Mapping[str, tuple[int, int]]


def ranks(rows: Iterable[Mapping[Any, Any]], unranked: Iterable[str] = ()) -> Ranks:
    """First and last place of each arm, by name, among those of its transport.

    rows: comparisons of one load, as dictionaries; of every metric, of which the one that its scenario asks for first
    counts. unranked: models that are left out, as are arms with invalid figures.
    """
    out = set(unranked)
    better: dict[str, set[str]] = {}
    worse: dict[str, set[str]] = {}
    rivals: dict[str, set[str]] = {}
    for row in rows:
        one, other = str(row["arm"]), str(row["reference"])
        asked = row["kind"] in (AGAINST, PAIR) and row["metric"] == headline(str(row["scenario_kind"]))
        if not asked or row["verdict"] == "invalid" or out & {Arm.parse(one).label, Arm.parse(other).label}:
            continue
        for arm, rival in ((one, other), (other, one)):
            rivals.setdefault(arm, set()).add(rival)
        if row["conclusion"] in ("faster", "slower"):
            first, second = (one, other) if row["conclusion"] == "faster" else (other, one)
            better.setdefault(second, set()).add(first)
            worse.setdefault(first, set()).add(second)
    return {
        arm: (1 + len(better.get(arm, ())), 1 + len(others) - len(worse.get(arm, ()))) for arm, others in rivals.items()
    }


def in_words(places: tuple[int, int] | None) -> str:
    """``2`` or ``2-4``; ``-`` for what has no rank."""
    if places is None:
        return "-"
    first, last = places
    return str(first) if first == last else f"{first}-{last}"
