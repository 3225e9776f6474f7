"""The effect of other clients on the first population: a server is immune, degrades or breaks. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import pandas as pd

from bench.analysis.cases import text
from bench.analysis.statistics import MIN_BLOCKS_FOR_95
from bench.plan.matrix import CLIENT_LIMIT
from bench.schema.arms import Arm
from clients.quality_codes import INVALID

MIN_FACTOR = 2.0  # a 99th percentile that doubles is a difference that users notice


class Effect(StrEnum):
    """The effect on the requests of the first population when the number of other clients grows."""

    IMMUNE = "immune"
    DEGRADES = "degrades"
    BREAKS = "breaks"
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """The effect on one arm.

    connections: the smallest number of other clients with that effect; of an immune or undecided arm, the largest one
    that was measured. factor: 99th percentile of the latency there, relative to that at the fewest clients; nan if it
    breaks. reason: why it breaks, or why nothing is known. before: the number of clients before the one at which it
    breaks. predicted: the smallest measured number at which it is predicted to break; None if there is none.
    """

    arm: Arm
    effect: Effect
    connections: int
    factor: float = math.nan
    reason: str = ""
    before: int | None = None
    predicted: int | None = None


def disturbances(rows: pd.DataFrame) -> list[Disturbance]:
    """Return the effect on each competing arm.

    rows: of ``summary.csv``, with the 99th percentile of the latency of one population at each number of other clients.

    An arm *breaks* where it is not made for this many clients, fails, or leaves too many requests unanswered for a
    finite percentile. It *degrades* from the number on from which the percentile has at least doubled, with intervals
    apart, there and with all more clients. It is *immune* if no percentile has doubled. All else is *undecided*, and
    so are both with too few blocks for intervals: two blocks called ``epoll`` degraded at 1,000 clients, not at 3,000.
    """
    of_arms = {Arm.parse(str(name)): of_arm for name, of_arm in rows.groupby("arm", sort=True)}
    return [
        _disturbance(arm, of_arm.sort_values("connections").to_dict("records"))
        for arm, of_arm in of_arms.items()
        if arm.competes
    ]


def _disturbance(arm: Arm, records: list[dict[Any, Any]]) -> Disturbance:
    predicted = [int(row["connections"]) for row in records if row.get("predicted") == math.inf]
    return replace(_measured(arm, records), predicted=min(predicted, default=None))


def _measured(arm: Arm, records: list[dict[Any, Any]]) -> Disturbance:
    usual, *others = records
    if not _is_known(usual):
        return Disturbance(arm, Effect.UNKNOWN, int(usual["connections"]), reason=_reason(usual))
    for row, row_before in zip(others, records, strict=False):
        if _breaks(row):
            before = int(row_before["connections"])
            return Disturbance(arm, Effect.BREAKS, int(row["connections"]), reason=_reason(row), before=before)
    known = [row for row in others if _is_known(row)]
    if not known:
        return Disturbance(arm, Effect.UNKNOWN, int(usual["connections"]), reason="measured with one load only")
    last = int(known[-1]["connections"])
    factors = [float(row["median"]) / float(usual["median"]) for row in known]
    if min(int(row["blocks"]) for row in (usual, *known)) < MIN_BLOCKS_FOR_95:
        return Disturbance(arm, Effect.UNDECIDED, last, factors[-1], reason="too few blocks for 95% intervals")
    doubled = [factor >= MIN_FACTOR for factor in factors]
    clearly = [more and float(row["low"]) > float(usual["high"]) for more, row in zip(doubled, known, strict=True)]
    first = next((position for position in range(len(known)) if all(clearly[position:])), None)
    if first is not None:
        return Disturbance(arm, Effect.DEGRADES, int(known[first]["connections"]), factors[first])
    return Disturbance(arm, Effect.UNDECIDED if any(doubled) else Effect.IMMUNE, last, factors[-1])


def _is_known(row: Mapping[Any, Any]) -> bool:
    return text(row["verdict"]) != INVALID and math.isfinite(float(row["median"])) and float(row["median"]) > 0


def _breaks(row: Mapping[Any, Any]) -> bool:
    """Return whether the server, not the machine, is why there is no finite number."""
    if text(row["status"]) == "failed" or CLIENT_LIMIT in text(row["reason"]):
        return True
    return float(row["median"]) == math.inf


def _reason(row: Mapping[Any, Any]) -> str:
    if reason := text(row["reason"]):
        return reason
    return "too many requests are lost" if float(row["median"]) == math.inf else "its figures are invalid"
