"""Series of several runs as text: the first sentences, and the cells of their tables. Pure."""

import math
from collections.abc import Sequence

from bench.compare.change_points import MIN_RUNS, RELIABLE_RUNS
from bench.compare.level_shifts import LevelShift, group_shifts
from bench.compare.series import Point, Series
from bench.formatting import compact, plural
from bench.schema.arms import BASELINE_MODEL
from bench.schema.metrics import METRICS
from clients.quality_codes import INVALID

MAX_GROUPS = 2  # of changes in the first lines


def series_sentences(selected: Sequence[Series], shifts: Sequence[LevelShift], threshold: float) -> list[str]:
    """Return at most five lines: how many series changed, the newest changes, and what limits their detection."""
    runs = len({point.position for series in selected for point in series.points})
    large = len({id(shift.series) for shift in shifts if shift.is_large(threshold)})
    small = len({id(shift.series) for shift in shifts}) - large
    line = f"{plural(runs, 'run')}, {len(selected)} series: {large} changed by {100 * threshold:g}% or more"
    lines = [f"{line}, {small} by less" if small else line]
    groups = group_shifts(shifts, threshold)
    lines += [str(group) for group in groups[:MAX_GROUPS]]
    if more := sum(len(group.shifts) for group in groups[MAX_GROUPS:]):
        lines[-1] += f"; {plural(more, 'change')} in earlier runs"
    return lines + _limits(selected)


def point_texts(point: Point) -> tuple[str, str]:
    """Return a value and its interval; ``-`` for an invalid figure, since a reader would take it for a result."""
    if point.verdict == INVALID:
        return "-", "-"
    return compact(point.median), "-" if math.isnan(point.low) else f"{compact(point.low)} to {compact(point.high)}"


def point_columns(metric: str) -> tuple[str, ...]:
    """Return the headings of ``point_rows``, e.g. ``median requests/s``."""
    unit = METRICS[metric].unit
    return "run", f"median {'µs' if unit == 'us' else unit}", "interval", "verdict", ""


def point_rows(series: Series, machine_changes: Sequence[Point]) -> list[tuple[str, ...]]:
    """Return a row for each run: its label, the value, its interval, the verdict, and whether the level changed.

    machine_changes: points at which the baseline changed, too.
    """
    changes = series.changes
    return [
        (point.run, *point_texts(point), point.verdict, _change_text(point, changes, machine_changes))
        for point in series.points
    ]


def _change_text(point: Point, changes: Sequence[Point], machine_changes: Sequence[Point]) -> str:
    if point not in changes:
        return ""
    return f"<- changed, as did {BASELINE_MODEL}" if point in machine_changes else "<- changed"


def describe_point(series: Series, point: Point) -> str:
    """Return a point on one line: ``select/tcp, capacity, 16 connections in RUN: 31.2k (30.1k to 32.3k), valid``."""
    median, interval = point_texts(point)
    value = "" if point.verdict == INVALID else f"{median} ({interval}), "
    return f"{series.arm}, {series.load_point} in {point.run}: {value}{point.verdict}"


def _limits(selected: Sequence[Series]) -> list[str]:
    """Return how far changes can be detected in these runs."""
    lines = []
    if invalid := sum(point.verdict == INVALID for series in selected for point in series.points):
        left_out = f"{plural(invalid, 'invalid value')} left out of the search for changes"
        lines.append(f"{left_out} (see report.md of each run)")
    fewest = min(len(series.sound_points) for series in selected)
    if fewest < MIN_RUNS:
        lines.append(f"fewer than {MIN_RUNS} valid values: no search for changes")
    elif fewest < RELIABLE_RUNS:
        lines.append(f"fewer than {RELIABLE_RUNS} runs: only changes far larger than the noise can be detected")
    return lines
