"""The baseline beside the fastest server: whether the figures of a run allow to call it a limit. Pure.

The baseline is meant to show how much this machine and this generator can do. It does so only where no server is
faster, which each run decides from the ratios inside its rounds.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import group_by_load_point
from bench.formatting import format_ratio, join_words
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind
from bench.translation import gettext, ngettext
from clients.quality_codes import INVALID

Row = Mapping[Any, Any]  # a row of comparisons.csv


@dataclass(frozen=True, slots=True)
class Standing:
    """The rate of the baseline over that of the fastest server of its transport, with the interval."""

    baseline: Arm
    fastest: Arm
    connections: int
    ratio: float
    low: float
    high: float

    @property
    def is_limit(self) -> bool:
        """Return whether no server is faster, by the interval: the baseline shows a limit of machine and generator.

        Without an interval (a single block) that is not known.
        """
        return self.low > 1

    @property
    def figures(self) -> str:
        """The ratio with its interval: ``1.12 times (1.08 to 1.16)``."""
        times = gettext("{ratio} times", ratio=format_ratio(self.ratio))
        is_known = math.isfinite(self.low) and math.isfinite(self.high)
        return (
            gettext("{times} ({low} to {high})", times=times, low=format_ratio(self.low), high=format_ratio(self.high))
            if is_known
            else times
        )


def standings(comparisons: Iterable[Row]) -> list[Standing]:
    """Return the standing of the baseline over each transport, TCP first.

    comparisons: rows of comparisons.csv at one load point. Pairs with invalid figures do not count.
    """
    found: dict[str, Standing] = {}
    for row in comparisons:
        ratio = float(row["ratio"])
        if row["kind"] != ComparisonKind.BASELINE or row["verdict"] == INVALID or math.isnan(ratio):
            continue
        standing = Standing(
            Arm.parse(row["arm"]),
            Arm.parse(row["reference"]),
            int(row["connections"]),
            ratio,
            float(row["low"]),
            float(row["high"]),
        )
        transport = standing.baseline.transport
        if transport not in found or ratio < found[transport].ratio:
            found[transport] = standing
    return [found[transport] for transport in sorted(found)]


def describe_standing(standing: Standing, unranked: Collection[str] = ()) -> str:
    """Return what the baseline shows at one load point, as a sentence. unranked: models that are not ranked."""
    baseline, fastest = standing.baseline.label, standing.fastest.label
    reached = gettext(
        "{baseline} reaches {figures} the rate of {fastest}, the fastest server",
        baseline=baseline,
        figures=standing.figures,
        fastest=fastest,
    )
    if fastest in unranked:
        reached = gettext("{reached} (not ranked, because it needs several CPUs)", reached=reached)
    over = gettext("Over {transport}, {reached}", transport=standing.baseline.transport.upper(), reached=reached)
    if standing.is_limit:
        return gettext("{over}: the limit of this machine with this generator.", over=over)
    if standing.ratio < 1:
        return gettext("{over}: a compiled baseline, not a limit.", over=over)
    return gettext(
        "{over}: the interval leaves open whether a server is faster, so this is not known to be a limit.", over=over
    )


def baseline_note(comparisons: pd.DataFrame) -> list[str]:
    """Return a line for a chart of rates, or none if it has no baseline with valid figures.

    comparisons: rows of comparisons.csv of one sweep.
    """
    found = [
        standing
        for _, rows in group_by_load_point(comparisons).items()
        for standing in standings(rows.to_dict("records"))
    ]
    if not found:
        return []
    label = found[0].baseline.label
    over = [
        gettext(
            "{of_transport} over {transport}",
            of_transport=join_words(format_ratio(each.ratio) for each in of_transport),
            transport=transport.upper(),
        )
        for transport in sorted({each.baseline.transport for each in found})
        if (of_transport := [each for each in found if each.baseline.transport == transport])
    ]
    counts = list(dict.fromkeys(each.connections for each in found))
    at = gettext(" at {counts} connections", counts=join_words(map(str, counts))) if len(counts) > 1 else ""
    line = gettext(
        "{label}, the compiled baseline, serves this many times the rate of the fastest server{at}: {over}.",
        label=label,
        at=at,
        over=join_words(over),
    )
    exceeded = [each for each in found if not each.is_limit]
    if not exceeded:
        return [gettext("{line} So it shows the limit of this machine with this generator.", line=line)]
    places = [
        gettext(
            "{transport} at {connections}",
            transport=each.baseline.transport.upper(),
            connections=ngettext("{count} connection", "{count} connections", each.connections),
        )
        for each in exceeded
    ]
    return [gettext("{line} It is not known to be a limit over {places}.", line=line, places=join_words(places))]
