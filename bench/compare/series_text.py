"""Series of several runs as text: the first sentences, and the cells of their tables. Pure."""

import math
from collections.abc import Sequence

from bench.compare.change_points import MIN_RUNS, RELIABLE_RUNS
from bench.compare.level_shifts import LevelShift, group_shifts
from bench.compare.series import Point, Series
from bench.formatting import compact
from bench.schema.arms import BASELINE_MODEL
from bench.schema.code_words import in_words
from bench.schema.metrics import METRICS
from bench.translation import gettext, ngettext
from clients.quality_codes import INVALID

MAX_GROUPS = 2  # of changes in the first lines


def series_sentences(selected: Sequence[Series], shifts: Sequence[LevelShift], threshold: float) -> list[str]:
    """Return at most five lines: how many series changed, the newest changes, and what limits their detection."""
    runs = len({point.position for series in selected for point in series.points})
    large = len({id(shift.series) for shift in shifts if shift.is_large(threshold)})
    small = len({id(shift.series) for shift in shifts}) - large
    line = gettext(
        "{runs}, {selected} series: {large} changed by {threshold:g}% or more",
        runs=ngettext("{count} run", "{count} runs", runs),
        selected=len(selected),
        large=large,
        threshold=100 * threshold,
    )
    line = gettext("{line}, {small} by less", line=line, small=small) if small else line
    if unsearched := sum(len(series.sound_points) < MIN_RUNS for series in selected):
        line = gettext(
            "{line}; no conclusion is possible for {unsearched}, with fewer than {min_runs} valid values",
            line=line,
            unsearched=unsearched,
            min_runs=MIN_RUNS,
        )
    lines = [line]
    groups = group_shifts(shifts, threshold)
    lines += [str(group) for group in groups[:MAX_GROUPS]]
    if more := sum(len(group.shifts) for group in groups[MAX_GROUPS:]):
        lines[-1] += gettext("; {changes} in earlier runs", changes=ngettext("{count} change", "{count} changes", more))
    return lines + _limits(selected)


def point_texts(point: Point) -> tuple[str, str]:
    """Return a value and its interval; ``-`` for an invalid figure, since a reader would take it for a result."""
    if point.verdict == INVALID:
        return "-", "-"
    return compact(point.median), "-" if math.isnan(point.low) else gettext(
        "{low} to {high}", low=compact(point.low), high=compact(point.high)
    )


def point_columns(metric: str) -> tuple[str, ...]:
    """Return the headings of ``point_rows``, e.g. ``median requests/s``."""
    unit = METRICS[metric].unit
    heading = gettext("median {unit}", unit="µs" if unit == "us" else gettext(unit))
    return gettext("run"), heading, gettext("interval"), gettext("verdict"), ""


def point_rows(series: Series, machine_changes: Sequence[Point]) -> list[tuple[str, ...]]:
    """Return a row for each run: its label, the value, its interval, the verdict, and whether the level changed.

    machine_changes: points at which the baseline changed, too.
    """
    changes = series.changes
    return [
        (point.run, *point_texts(point), in_words(point.verdict), _change_text(point, changes, machine_changes))
        for point in series.points
    ]


def _change_text(point: Point, changes: Sequence[Point], machine_changes: Sequence[Point]) -> str:
    if point not in changes:
        return ""
    return (
        gettext("<- changed, as did {baseline_model}", baseline_model=BASELINE_MODEL)
        if point in machine_changes
        else gettext("<- changed")
    )


def describe_point(series: Series, point: Point) -> str:
    """Return a point on one line: ``select/tcp, capacity, 16 connections in RUN: 31.2k (30.1k to 32.3k), valid``."""
    median, interval = point_texts(point)
    value = "" if point.verdict == INVALID else f"{median} ({interval}), "
    return gettext(
        "{arm}, {load_point} in {run}: {value}{verdict}",
        arm=series.arm,
        load_point=series.load_point,
        run=point.run,
        value=value,
        verdict=in_words(point.verdict),
    )


def _limits(selected: Sequence[Series]) -> list[str]:
    """Return how far changes can be detected in these runs."""
    lines = []
    if invalid := sum(point.verdict == INVALID for series in selected for point in series.points):
        left_out = gettext(
            "{invalid_values} left out of the search for changes",
            invalid_values=ngettext("{count} invalid value", "{count} invalid values", invalid),
        )
        lines.append(gettext("{left_out} (see report.md of each run)", left_out=left_out))
    searched = [count for series in selected if (count := len(series.sound_points)) >= MIN_RUNS]
    if searched and min(searched) < RELIABLE_RUNS:
        lines.append(
            gettext(
                "fewer than {reliable_runs} runs: only changes far larger than the noise can be detected",
                reliable_runs=RELIABLE_RUNS,
            )
        )
    return lines
