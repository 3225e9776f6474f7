"""The answer in words, made from comparisons and the bounds of searches. Pure: rows in, sentences out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import pandas as pd

from bench.analysis import statistics
from bench.analysis.comparisons import noise_floor_share
from bench.analysis.rankings import ranks
from bench.formatting import compact, joined, number_in_words
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, ScenarioKind, headline

UNKNOWN = "unknown"
RESOLUTION = 0.05  # a difference that a reader would want to know of
BEST = {
    "throughput_rps": "most requests per second",
    "sessions_per_s": "most sessions per second",
    "cpu_us_per_request": "least CPU time per request",
}
THINGS = {
    "throughput_rps": "requests per second",
    "sessions_per_s": "sessions per second",
    "cpu_us_per_request": "CPU time per request",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What can be said at one load."""

    load: str  # in words
    best: str  # who is first over each transport, in sentences
    ratios: tuple[str, ...] = ()  # sentences: by how much, against what


def answers(comparisons: pd.DataFrame, unranked: Sequence[str] = ()) -> list[Answer]:
    """What the comparisons say, in words: first the most connections of the first scenario, then the other loads.

    unranked: models of which nothing is said.
    """
    found: list[tuple[tuple[int, int], Answer]] = []
    if comparisons.empty:
        return []
    sessions = set(comparisons.loc[comparisons["scenario_kind"] == ScenarioKind.SESSIONS, "scenario"])
    scenarios = sorted(dict.fromkeys(comparisons["scenario"]), key=lambda name: name in sessions)
    for key, rows in comparisons.groupby(list(LoadPoint.COLUMNS), dropna=False):
        scenario, connections, message_bytes, _ = cast("tuple[Any, ...]", key)
        asked = [
            row
            for row in rows[rows["metric"] == headline(str(rows["scenario_kind"].iloc[0]))].to_dict("records")
            if not {Arm.parse(row["arm"]).label, Arm.parse(row["reference"]).label} & set(unranked)
        ]
        by_transport = {
            name: [
                row
                for row in asked
                if row["kind"] == ComparisonKind.REFERENCE and Arm.parse(row["arm"]).transport == name
            ]
            for name in ("tcp", "udp")
        }
        best = [f"Over {name.upper()}, {_first(asked, name)}." for name, mine in by_transport.items() if mine]
        ratios = [_ratios(mine, name) for name, mine in by_transport.items() if mine]
        if across := _udp_against_tcp(asked):
            ratios.append(across)
        if ratios:
            answer = Answer(str(LoadPoint.of(scenario, connections, message_bytes)), " ".join(best), tuple(ratios))
            found.append(((scenarios.index(scenario), -connections), answer))
    return [answer for _, answer in sorted(found, key=lambda one: one[0])]


def answers_of_searches(summary: pd.DataFrame, unranked: Sequence[str] = ()) -> list[Answer]:
    """Between which rates the limit of each arm lies: bounds, of which no word says more than they do."""
    searched = summary[summary["metric"].eq("max_rate_rps") & summary["low"].notna()]
    found = []
    for key, rows in searched.groupby(list(LoadPoint.COLUMNS), dropna=False, sort=False):
        scenario, connections, message_bytes, _ = cast("tuple[Any, ...]", key)
        mine = [row for row in rows.to_dict("records") if Arm.parse(row["arm"]).label not in unranked]
        told = [
            f"Over {name.upper()}, the highest rate that meets the objective, in requests per second: {bounds}."
            for name in ("tcp", "udp")
            if (bounds := _bounds([row for row in mine if Arm.parse(row["arm"]).transport == name]))
        ]
        if told:
            found.append(Answer(str(LoadPoint.of(scenario, connections, message_bytes)), " ".join(told)))
    return found


def _bounds(rows: list[dict[Any, Any]]) -> str:
    """The bounds of some searches, the highest first. An upper one that was not found is nowhere."""
    found = []
    for row in sorted(rows, key=lambda row: -float(row["low"])):
        beyond = "or more" if math.isnan(row["high"]) else f"to {compact(row['high'])}"
        doubt = "" if row["verdict"] == "valid" else f" ({row['verdict']})"
        found.append(f"{Arm.parse(row['arm']).label} {compact(row['low'])} {beyond}{doubt}")
    return joined(found) if found else ""


def noise(comparisons: pd.DataFrame) -> str:
    """How far controls seemed to lie apart, for each metric."""
    if comparisons.empty:
        return ""
    parts = []
    for metric, rows in comparisons[comparisons["arm"].map(lambda name: Arm.parse(name).control)].groupby(
        "metric", sort=False
    ):
        size = noise_floor_share(rows)
        if size is not None:
            parts.append(f"{100 * size:.1f} % in {METRICS[str(metric)].label}")
    return "; ".join(parts)


def _ratios(mine: list[dict[Any, Any]], name: str) -> str:
    """A sentence or more on the arms of one transport against their reference. mine: rows of these comparisons."""
    reference, thing = Arm.parse(mine[0]["reference"]).label, THINGS[mine[0]["metric"]]
    told = sorted(
        (row for row in mine if row["conclusion"] in ("faster", "slower")), key=lambda row: -float(row["ratio"])
    )
    if told:
        numbers = joined(f"{Arm.parse(row['arm']).label} {_times(row)}" for row in told)
        parts = [f"{name.upper()}, against the {thing} of {reference}: {numbers}."]
    else:
        parts = [f"{name.upper()}: no model could be told from {reference} in {thing}."]
    for word, text in (
        (Conclusion.EQUIVALENT, "Equivalent to it within 5 %"),
        (Conclusion.INCONCLUSIVE, "Not resolved"),
    ):
        same = [row for row in mine if row["conclusion"] == word]
        if same:
            names = (f"{Arm.parse(row['arm']).label} {_times(row)}" for row in same)
            parts.append(f"{text}: {joined(names)}.{_what_it_takes(same) if word == Conclusion.INCONCLUSIVE else ''}")
    return " ".join(parts)


def _first(rows: list[dict[Any, Any]], name: str) -> str:
    """Who is first, or may be."""
    first = sorted(
        Arm.parse(arm).label for arm, (best, _) in ranks(rows).items() if best == 1 and Arm.parse(arm).transport == name
    )
    words = BEST[rows[0]["metric"]]
    if not first:
        return f"no model can be said to have the {words}: the numbers are invalid"
    if len(first) == 1:
        return f"{first[0]} has the {words}"
    return f"which of {joined(first)} has the {words} could not be told"


def _what_it_takes(rows: list[dict[Any, Any]]) -> str:
    """How many blocks would tell a difference of 5 % in these comparisons."""
    wanted = [
        statistics.blocks_for(
            RESOLUTION, statistics.LogRatio(row["ratio"], row["low"], row["high"], 0, 0, 0), int(row["blocks"])
        )
        for row in rows
        if row["verdict"] != "invalid"
    ]
    known = [blocks for blocks in wanted if blocks == blocks]
    if not known or max(known) <= max(int(row["blocks"]) for row in rows):
        return ""
    return f" A difference of {100 * RESOLUTION:.0f} % there would take some {max(known):,.0f} blocks."


def _udp_against_tcp(rows: list[dict[Any, Any]]) -> str:
    mine = [row for row in rows if row["kind"] == ComparisonKind.TRANSPORTS]
    told = sorted(
        (row for row in mine if row["conclusion"] in ("faster", "slower")), key=lambda row: -float(row["ratio"])
    )
    if not told:
        return ""
    numbers = joined(f"{Arm.parse(row['arm']).label} {_times(row)}" for row in told)
    return f"UDP against TCP of the same model: {numbers}."


def _times(row: Mapping[Any, Any]) -> str:
    doubt = "" if row["verdict"] == "valid" else f", {row['verdict']}"
    ratio, low, high = (number_in_words(row[name]) for name in ("ratio", "low", "high"))
    return f"{ratio} times ({low} to {high}{doubt})"
