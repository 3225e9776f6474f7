"""The first sentences about a series of runs: which figures changed, and what limits their detection. Pure."""

from collections.abc import Sequence

from bench.compare.change_points import MIN_RUNS, RELIABLE_RUNS
from bench.compare.level_shifts import LevelShift, group_shifts
from bench.compare.series import Series
from bench.formatting import plural

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


def _limits(selected: Sequence[Series]) -> list[str]:
    """Return how far changes can be detected in these runs."""
    lines = []
    if invalid := sum(point.verdict == "invalid" for series in selected for point in series.points):
        left_out = f"{plural(invalid, 'invalid value')} left out of the search for changes"
        lines.append(f"{left_out} (see report.md of each run)")
    fewest = min(len(series.sound_points) for series in selected)
    if fewest < MIN_RUNS:
        lines.append(f"fewer than {MIN_RUNS} valid values: no search for changes")
    elif fewest < RELIABLE_RUNS:
        lines.append(f"fewer than {RELIABLE_RUNS} runs: only changes far larger than the noise can be detected")
    return lines
