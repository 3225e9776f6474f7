"""The notes below a chart: missing and doubtful points, and noise.

This module does not import matplotlib.
"""

import math
from collections.abc import Sequence

import pandas as pd

from bench.analysis.comparisons import noise_floor_share
from bench.formatting import format_percent, join_words
from bench.report.charts.points import Point
from bench.report.charts.sweeps import Sweep
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.load_points import connections_text
from bench.schema.quality_words import describe_flags, short_text, worst_text
from bench.translation import N_, gettext
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import QualityFlag

MAX_REASONS = 3  # with a line each below a chart; the report's table has all of them
PREDICTION_NOTE = N_("Ticks: calculated from figures at other load points, by a formula (docs/predictions.md).")
CROSSED_OUT_AND_GREY = (N_("Crossed out"), N_("Grey"))
NOT_MEASURED = ("failed", "skipped")


def notes(
    points: Sequence[Point],
    comparisons: pd.DataFrame,
    sweep: Sweep,
    metric: str,
    looks: tuple[str, str] | None = CROSSED_OUT_AND_GREY,
) -> list[str]:
    """Return what a reader has to know before trusting the chart, one line each.

    looks: how invalid and suspect points look. None if the chart marks neither them, nor points with findings, nor
    predictions.
    """
    lines = _missing_points(points)
    for number, verdict in enumerate(("invalid", "suspect")):
        lines += _doubtful_points(points, verdict, _beginning(verdict, looks[number] if looks else ""))
    lines += _findings(
        points, gettext("Ring (finding about the server)") if looks else gettext("Finding about the server")
    )
    if looks and any(point.drawable and point.has_prediction for point in points):
        lines.append(gettext(PREDICTION_NOTE))
    if lost := [("", point) for point in points if point.median == math.inf]:
        lines += [
            gettext("Too many requests were lost for a figure: {places}.", places=places)
            for _, places in _by_reason(lost)
        ]
    lines += _noise_notes(points, comparisons, sweep, metric)
    return lines


def _beginning(verdict: str, look: str) -> str:
    """Return how a line about doubtful points begins. look: of these points; empty if the chart does not mark them."""
    word = in_words(verdict)
    return f"{gettext(look)} ({word})" if look else word.capitalize()


def describe_codes(cell: str) -> str:
    """Return the findings of a cell of quality codes as text."""
    return _describe(DEFAULT_THRESHOLDS.parse(cell))


def _missing_points(points: Sequence[Point]) -> list[str]:
    missing = [
        (f"{in_words(point.verdict)}: {point.codes}", point) for point in points if point.verdict in NOT_MEASURED
    ]
    return [
        gettext("Not measured: {places} ({reason})", places=places, reason=reason)
        for reason, places in _by_reason(missing)
    ]


def _doubtful_points(points: Sequence[Point], verdict: str, beginning: str) -> list[str]:
    """Return a line for each reason. beginning: of the line.

    Points with too many reasons share one line, with the worst of each reason.
    """
    doubtful = [point for point in points if point.verdict == verdict and not point.arm.control]
    flags = {point.codes: DEFAULT_THRESHOLDS.parse(point.codes) for point in doubtful}
    reasons = [(_describe(flags[point.codes]), point) for point in doubtful]
    if len(flags) > MAX_REASONS:
        merged = DEFAULT_THRESHOLDS.merge(flag for of_point in flags.values() for flag in of_point)
        reasons = [(gettext("worst of each: {merged}", merged=_describe(merged)), point) for point in doubtful]
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
        found = worst_text(worst) if len(of_code) > 1 else short_text(worst)
        ((_, where),) = _by_reason([("", point) for point in of_code])
        lines.append(f"{beginning}: {where}: {found} ({worst.code.name})")
    return lines


def _describe(flags: Sequence[QualityFlag]) -> str:
    return describe_flags(flags) or gettext("no reason given")


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
            floor = (
                ""
                if share is None
                else gettext("; noise floor of ratios within rounds: {share}", share=format_percent(share))
            )
            return [gettext("Thin grey: {labels} (control){floor}.", labels=", ".join(labels), floor=floor)]
    return (
        [
            gettext(
                "Thin grey: {controls} (control); its distance from {controls_2} is noise.",
                controls=", ".join(controls),
                controls_2=controls[0],
            )
        ]
        if controls
        else []
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
    return "; ".join(
        gettext("{names} at {connections}", names=", ".join(names), connections=_connections(counts))
        for counts, names in by_connections.items()
    )


def _connections(counts: Sequence[int]) -> str:
    *head, last = counts
    text = gettext("{last} connections", last=last) if head else connections_text(last)
    return join_words([*map(str, head), text])
