"""Sentences on the ratios of servers to the reference of their transport. Pure.

Where the reference was not measured, the server that ranks first takes its place.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.analysis import statistics
from bench.analysis.comparisons import is_within_noise
from bench.analysis.rankings import ranks
from bench.formatting import format_ratio, join_words
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.translation import N_, gettext
from clients.quality_codes import INVALID

WITHIN_NOISE = N_("within the noise floor")
RESOLUTION = 0.05  # a difference that a reader would want to detect
Row = Mapping[Any, Any]  # a row of comparisons.csv
_OPPOSITE = {Conclusion.FASTER.value: Conclusion.SLOWER.value, Conclusion.SLOWER.value: Conclusion.FASTER.value}


def ratio_sentences(rows: Sequence[Row], transport: str, quantity: str) -> str:
    """Return how the arms of one transport compare with their reference.

    The text is empty if all their figures are invalid, and if there is nothing to compare. rows: of one metric at one
    load point. quantity: its name.
    """
    compared = with_reference(rows, transport)
    if not compared or any(map(is_measured, compared)):
        return _relative_to_one(compared, transport, quantity)
    missing = Arm.parse(compared[0]["reference"]).label
    sentences = _relative_to_one(_relative_to_first(rows, transport), transport, quantity)
    return (
        gettext(
            "{missing} was not measured over {transport}. {sentences}",
            missing=missing,
            transport=transport.upper(),
            sentences=sentences,
        )
        if sentences
        else ""
    )


def with_reference(rows: Iterable[Row], transport: str) -> list[Row]:
    """Return the comparisons of the arms of one transport with their reference."""
    kind = ComparisonKind.REFERENCE
    return [row for row in rows if row["kind"] == kind and Arm.parse(row["arm"]).transport == transport]


def is_measured(row: Row) -> bool:
    """Return whether some block measured both arms of a comparison."""
    return int(row["blocks"]) > 0


def by_ratio(rows: Iterable[Row]) -> list[Row]:
    """Return the significant differences, the largest ratio first."""
    different = [row for row in rows if _is_difference(row)]
    return sorted(different, key=lambda row: -float(row["ratio"]))


def times(row: Row) -> str:
    """Return ``select 1.15 times (1.12 to 1.18)``; a single block has no interval.

    row: may have the noise floor as ``noise``. A significant difference within it is marked.
    """
    ends = [format_ratio(end) for end in (float(row["low"]), float(row["high"])) if not math.isnan(end)]
    remarks = [gettext(" to ").join(ends)] if len(ends) == 2 else []
    remarks += (
        [gettext(WITHIN_NOISE)]
        if is_within_noise(float(row["ratio"]), row.get("noise")) and _is_difference(row)
        else []
    )
    remarks += [] if row["verdict"] == "valid" else [in_words(row["verdict"])]
    text = gettext("{label} {ratio} times", label=Arm.parse(row["arm"]).label, ratio=format_ratio(float(row["ratio"])))
    return f"{text} ({', '.join(remarks)})" if remarks else text


def _is_difference(row: Row) -> bool:
    return row["conclusion"] in _OPPOSITE


def _relative_to_first(rows: Sequence[Row], transport: str) -> list[Row]:
    """Return the comparisons with the arm that ranks first; the first by name among equals."""
    rank_of = {arm: rank for arm, rank in ranks(rows).items() if Arm.parse(arm).transport == transport}
    if not rank_of:
        return []
    first = min(rank_of, key=lambda arm: (rank_of[arm], arm))
    pairs = [row for row in rows if row["kind"] == ComparisonKind.PAIR and first in (row["arm"], row["reference"])]
    return [row if row["reference"] == first else _other_way_round(row) for row in pairs]


def _other_way_round(row: Row) -> Row:
    """Return a comparison of the second arm of a pair with the first."""
    ratio, low, high = (_inverse(float(row[name])) for name in ("ratio", "high", "low"))
    conclusion = _OPPOSITE.get(row["conclusion"], row["conclusion"])
    changes = {"ratio": ratio, "low": low, "high": high, "conclusion": conclusion}
    return {**row, "arm": row["reference"], "reference": row["arm"], **changes}


def _inverse(ratio: float) -> float:
    return 1 / ratio if ratio else math.inf


def _relative_to_one(rows: Sequence[Row], transport: str, quantity: str) -> str:
    """Return sentences on arms compared with the same other one; "" if all their figures are invalid."""
    if all(row["verdict"] == INVALID for row in rows):
        return ""
    over, reference = gettext("Over {transport}", transport=transport.upper()), Arm.parse(rows[0]["reference"]).label
    if different := by_ratio(rows):
        sentences = [
            gettext(
                "{over}, {quantity} relative to {reference}: {different}.",
                over=over,
                quantity=quantity,
                reference=reference,
                different=join_words(map(times, different)),
            )
        ]
    else:
        sentences = [
            gettext(
                "{over}, no server differs significantly from {reference} in {quantity}.",
                over=over,
                reference=reference,
                quantity=quantity,
            )
        ]
    if equivalent := [row for row in rows if row["conclusion"] == Conclusion.EQUIVALENT]:
        sentences.append(gettext("Equivalent within 5%: {equivalent}.", equivalent=join_words(map(times, equivalent))))
    undecided = [row for row in rows if row["conclusion"] == Conclusion.INCONCLUSIVE]
    if inconclusive := [row for row in undecided if not math.isnan(row["ratio"])]:
        sentences.append(
            gettext(
                "Inconclusive: {inconclusive}.{blocks_needed}",
                inconclusive=join_words(map(times, inconclusive)),
                blocks_needed=_blocks_needed(inconclusive),
            )
        )
    without_ratio = [row for row in undecided if math.isnan(row["ratio"])]
    if unbounded := [Arm.parse(row["arm"]).label for row in without_ratio if is_measured(row)]:
        sentences.append(gettext("The measured values allow no ratio: {unbounded}.", unbounded=join_words(unbounded)))
    if apart := [Arm.parse(row["arm"]).label for row in without_ratio if not is_measured(row)]:
        sentences.append(
            gettext(
                "No block measured {reference} together with {apart}.", reference=reference, apart=join_words(apart)
            )
        )
    return " ".join(sentences)


def _blocks_needed(rows: Sequence[Row]) -> str:
    """Return how many blocks would detect a difference of 5%, if more are needed."""
    needed = [_blocks_for_resolution(row) for row in rows if row["verdict"] != INVALID]
    finite = [blocks for blocks in needed if not math.isnan(blocks)]
    if not finite or max(finite) <= max(int(row["blocks"]) for row in rows):
        return ""
    return gettext(
        " Detecting a difference of {resolution:.0f}% would take about {finite:,.0f} blocks.",
        resolution=100 * RESOLUTION,
        finite=max(finite),
    )


def _blocks_for_resolution(row: Row) -> float:
    interval = statistics.LogRatio(row["ratio"], row["low"], row["high"], 0, 0, 0)
    return statistics.blocks_for(RESOLUTION, interval, int(row["blocks"]))
