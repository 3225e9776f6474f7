"""The notes below a chart: missing and doubtful points, and noise.

This module does not import matplotlib.
"""

import math
from collections.abc import Sequence

import pandas as pd

from bench.analysis.comparisons import noise_floor_share
from bench.analysis.rankings import unranked_models
from bench.formatting import format_percent, join_words, plural
from bench.report.charts.points import Point
from bench.report.charts.sweeps import Sweep
from bench.schema.arms import Arm
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import QualityFlag, describe_flags

MAX_REASONS = 3  # with a line each below a chart; the report's table has all of them
PREDICTION_NOTE = "Ticks: what a closed form predicts from figures at other load points (docs/predictions.md)."
NOT_MEASURED = ("failed", "skipped")


def notes(
    points: Sequence[Point],
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    sweep: Sweep,
    metric: str,
    looks: tuple[str, str] | None = ("Crossed out", "Grey"),
) -> list[str]:
    """Return what a reader has to know before trusting the chart, one line each.

    looks: how invalid and suspect points look. None if the chart marks neither them, nor points with findings, nor
    predictions.
    """
    lines = _missing_points(points)
    for number, verdict in enumerate(("invalid", "suspect")):
        lines += _doubtful_points(points, verdict, f"{looks[number]} ({verdict})" if looks else verdict.capitalize())
    lines += _findings(points, "Ring (finding about the server)" if looks else "Finding about the server")
    if looks and any(point.drawable and not math.isnan(point.predicted) for point in points):
        lines.append(PREDICTION_NOTE)
    if lost := [("", point) for point in points if point.median == math.inf]:
        lines += [f"Too many requests were lost for a figure: {places}." for _, places in _by_reason(lost)]
    lines += _noise_notes(points, comparisons, sweep, metric)
    drawn = {point.label for point in points if point.drawable}
    if unranked := sorted(set(unranked_models(sweep.rows(trials))) & drawn):
        lines.append(f"Not ranked, because it needs several CPUs and the servers had one: {', '.join(unranked)}.")
    return lines


def describe_codes(cell: str) -> str:
    """Return the findings of a cell of quality codes as text."""
    return _describe(DEFAULT_THRESHOLDS.parse(cell))


def _missing_points(points: Sequence[Point]) -> list[str]:
    missing = [(f"{point.verdict}: {point.codes}", point) for point in points if point.verdict in NOT_MEASURED]
    return [f"Not measured: {places} ({reason})" for reason, places in _by_reason(missing)]


def _doubtful_points(points: Sequence[Point], verdict: str, beginning: str) -> list[str]:
    """Return a line for each reason. beginning: of the line.

    Points with too many reasons share one line, with the worst of each reason.
    """
    doubtful = [point for point in points if point.verdict == verdict and not point.arm.control]
    flags = {point.codes: DEFAULT_THRESHOLDS.parse(point.codes) for point in doubtful}
    reasons = [(_describe(flags[point.codes]), point) for point in doubtful]
    if len(flags) > MAX_REASONS:
        merged = DEFAULT_THRESHOLDS.merge(flag for of_point in flags.values() for flag in of_point)
        reasons = [(f"worst of each: {_describe(merged)}", point) for point in doubtful]
    return [f"{beginning}: {places}: {reason}" for reason, places in _by_reason(reasons)]


def _findings(points: Sequence[Point], beginning: str) -> list[str]:
    """Return a line for each finding about servers, with its worst value and its places. beginning: of the line."""
    places: dict[str, list[Point]] = {}
    flags: list[QualityFlag] = []
    for point in points:
        for flag in DEFAULT_THRESHOLDS.parse(point.findings) if point.drawable and not point.arm.control else ():
            places.setdefault(flag.code.name, []).append(point)
            flags.append(flag)
    lines = []
    for worst in DEFAULT_THRESHOLDS.merge(flags):
        of_code = places[worst.code.name]
        found = worst.worst_description if len(of_code) > 1 else worst.short_description
        ((_, where),) = _by_reason([("", point) for point in of_code])
        lines.append(f"{beginning}: {where}: {found} ({worst.code.name})")
    return lines


def _describe(flags: Sequence[QualityFlag]) -> str:
    return describe_flags(flags) or "no reason given"


def _noise_notes(points: Sequence[Point], comparisons: pd.DataFrame, sweep: Sweep, metric: str) -> list[str]:
    """Return what the control shows about the noise."""
    controls = sorted({point.label for point in points if point.arm.control and point.drawable})
    if not comparisons.empty:
        rows = sweep.rows(comparisons)
        is_control = rows["arm"].map(lambda name: Arm.parse(name).control).astype(bool)
        rows = rows[(rows["metric"] == metric) & is_control & rows["low"].notna()]
        if not rows.empty:
            labels = sorted({Arm.parse(arm).label for arm in rows["arm"]})
            share = noise_floor_share(rows)
            floor = "" if share is None else f"; noise floor of ratios within rounds: {format_percent(share)}"
            return [f"Thin grey: {', '.join(labels)} (control){floor}."]
    return (
        [f"Thin grey: {', '.join(controls)} (control); its distance from {controls[0]} is noise."] if controls else []
    )


def _by_reason(reasons: Sequence[tuple[str, Point]]) -> list[tuple[str, str]]:
    """Return (reason, its places): a reason that points share is printed once."""
    by_reason: dict[str, dict[str, set[int]]] = {}
    for reason, point in reasons:
        by_reason.setdefault(reason, {}).setdefault(point.arm.display_name, set()).add(point.connections)
    return [(reason, _places(arms)) for reason, arms in by_reason.items()]


def _places(arms: dict[str, set[int]]) -> str:
    """Return ``select/tcp, select/udp at 16 connections; native/tcp at ...``."""
    by_connections: dict[tuple[int, ...], list[str]] = {}
    for arm, connections in arms.items():
        by_connections.setdefault(tuple(sorted(connections)), []).append(arm)
    return "; ".join(f"{', '.join(names)} at {_connections(counts)}" for counts, names in by_connections.items())


def _connections(counts: Sequence[int]) -> str:
    *head, last = counts
    text = plural(last, "connection") if not head else f"{last} connections"
    return join_words([*map(str, head), text])
