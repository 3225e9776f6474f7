"""The points of charts: medians with their intervals."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis import statistics
from bench.analysis.cases import text
from bench.formatting import compact, with_interval
from bench.report.charts.sweeps import Sweep
from bench.report.tables import outcome_of
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.code_words import in_words
from bench.schema.load_points import connections_text
from bench.translation import gettext, ngettext


@dataclass(frozen=True, slots=True)
class Point:
    """A median with its interval."""

    arm: Arm
    connections: int
    median: float
    low: float
    high: float
    verdict: str  # failed or skipped if nothing was measured
    codes: str  # doubts, or the reason
    blocks: int
    findings: str = ""  # about the server
    predicted: float = math.nan  # by a formula; nan without a prediction

    @property
    def label(self) -> str:
        """The name of the arm where a panel shows its transport."""
        return self.arm.label

    @property
    def description(self) -> str:
        """All of it in words: ``asyncio (TCP), 64 connections: 212k [206k, 215k], valid``."""
        parts = [f"{self.arm.display_label} ({self.arm.transport.upper()}), {connections_text(self.connections)}"]
        parts.append(f": {with_interval(self.median, self.low, self.high)}, {in_words(self.verdict)}")
        if self.codes:
            parts.append(f" ({self.codes})")
        if math.isfinite(self.predicted):
            parts.append(gettext("; predicted {predicted}", predicted=compact(self.predicted)))
        if self.findings:
            parts.append(gettext("; finding: {findings}", findings=self.findings))
        return "".join(parts)

    @property
    def has_prediction(self) -> bool:
        """Return whether there is a predicted number that every axis can show; a logarithmic one shows no 0."""
        return math.isfinite(self.predicted) and self.predicted > 0

    @property
    def drawable(self) -> bool:
        """Return whether there is a finite number.

        An infinite one (too much was lost) has no position on an axis.
        """
        return math.isfinite(self.median)


def row_name(label: str) -> str:
    """Return the name of a row of a chart: a label, with a mark if it is the baseline."""
    return gettext("{label} (baseline)", label=label) if label == BASELINE_MODEL else label


def select_points(summary: pd.DataFrame, sweep: Sweep, metric: str) -> list[Point]:
    """Return all points of a metric, including those without a number."""
    rows = sweep.rows(summary)
    return [_point(row) for row in rows[rows["metric"] == metric].to_dict("records")]


def all_points(summary: pd.DataFrame, sweep: Sweep, metric: str) -> list[Point]:
    """Return the points of a metric, and those of servers that were skipped and so have no rate."""
    rows = sweep.all_rows(summary)
    return [_point(row) for row in rows[rows["metric"] == metric].to_dict("records")]


def _point(row: Mapping[Any, Any]) -> Point:
    verdict, codes = outcome_of(row)
    return Point(
        arm=Arm.parse(str(row["arm"])),
        connections=int(row["connections"]),
        median=float(row["median"]),
        low=float(row["low"]),
        high=float(row["high"]),
        verdict=verdict,
        codes=codes,
        blocks=int(row["blocks"]),
        findings=text(row["findings"]),
        predicted=float(row["predicted"]) if row.get("predicted") is not None else math.nan,
    )


def trial_points(trials: pd.DataFrame, sweep: Sweep, values: "pd.Series[float]") -> list[Point]:
    """Return the points of a quantity that the summary does not have.

    Their interval is the range of the blocks.

    values: one for each row of trials.
    """
    rows = sweep.rows(trials.assign(value=values))
    rows = rows[(rows["status"] == "ok") & rows["value"].notna()]
    return [
        Point(
            arm=Arm.parse(str(arm)),
            connections=int(str(connections)),
            median=float(of_case["value"].median()),
            low=float(of_case["value"].min()),
            high=float(of_case["value"].max()),
            verdict="valid",
            codes="",
            blocks=len(of_case),
        )
        for (arm, connections), of_case in rows.groupby(["arm", "connections"])
    ]


def transports(points: Iterable[Point]) -> list[str]:
    """Return the transports that have a number to draw, TCP first."""
    return sorted({point.arm.transport for point in points if point.drawable})


def of_transport(points: Iterable[Point], transport: str) -> list[Point]:
    """Return the points of one transport."""
    return [point for point in points if point.arm.transport == transport]


def describe_interval(points: Iterable[Point]) -> str:
    """Return the number of blocks, and what the bars are. A single block has no interval."""
    blocks = max((point.blocks for point in points), default=0)
    if blocks < 2:
        return gettext("{blocks}, without intervals", blocks=ngettext("{count} block", "{count} blocks", blocks))
    _, _, coverage = statistics.order_ranks(blocks)
    return gettext("median of {blocks} blocks, bars: {coverage:.0f}% interval", blocks=blocks, coverage=100 * coverage)
