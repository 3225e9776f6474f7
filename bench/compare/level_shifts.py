"""The changes of level in the series of several runs, largest first. Pure."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.compare.digest import DEFAULT_THRESHOLD, MIN_ALIKE
from bench.compare.series import Point, Series
from bench.compare.wording import range_of_changes, subject
from bench.formatting import join_words
from bench.schema.arms import BASELINE_MODEL
from bench.translation import gettext, ngettext


@dataclass(frozen=True, slots=True)
class LevelShift:
    """The change of a series from one level to the next."""

    series: Series
    point: Point  # first of the new level
    ratio: float  # of the median of the new level to that of the level before
    with_machine: bool  # the baseline changed in the same run

    def is_large(self, threshold: float) -> bool:
        """Return whether the change is at least as large as a share."""
        return abs(self.ratio - 1) >= threshold


@dataclass(frozen=True, slots=True)
class ShiftGroup:
    """Shifts in the same run and the same direction."""

    shifts: tuple[LevelShift, ...]

    def __str__(self) -> str:
        """Return ``from RUN on: memory 2.0% to 4.0% less in 12 cases; native changed, too, in 3 of them``."""
        first = self.shifts[0]
        sizes = range_of_changes(first.series.metric, [shift.ratio for shift in self.shifts])
        few = join_words(f"{shift.series.arm} ({shift.series.load_point})" for shift in self.shifts)
        where = (
            gettext("in {cases}", cases=ngettext("{count} case", "{count} cases", len(self.shifts)))
            if len(self.shifts) >= MIN_ALIKE
            else gettext("for {few}", few=few)
        )
        machine = sum(shift.with_machine for shift in self.shifts)
        as_machine = (
            gettext(
                "; {baseline_model} changed, too, in {machine} of them", baseline_model=BASELINE_MODEL, machine=machine
            )
            if machine
            else ""
        )
        return gettext(
            "from {run} on: {subject} {sizes} {where}{as_machine}",
            run=first.point.run,
            subject=subject(first.series.metric),
            sizes=sizes,
            where=where,
            as_machine=as_machine,
        )


def level_shifts(series: Sequence[Series]) -> list[LevelShift]:
    """Return every change of level of all series, in the order of the runs."""
    found = []
    for each in series:
        machine = {point.position for point in each.machine_changes(series)}
        found += [LevelShift(each, point, ratio, point.position in machine) for point, ratio in _ratios_of_levels(each)]
    return sorted(found, key=lambda shift: shift.point.position)


def group_shifts(shifts: Iterable[LevelShift], threshold: float = DEFAULT_THRESHOLD) -> list[ShiftGroup]:
    """Return the shifts that are as large as the threshold, by run and direction; the newest run first."""
    groups: dict[tuple[int, bool], list[LevelShift]] = {}
    for shift in shifts:
        if shift.is_large(threshold):
            groups.setdefault((-shift.point.position, shift.ratio > 1), []).append(shift)
    return [ShiftGroup(tuple(groups[key])) for key in sorted(groups)]


def _ratios_of_levels(series: Series) -> Iterator[tuple[Point, float]]:
    """Yield the first point of each new level, with the ratio of its median to that of the level before."""
    sound, changes = series.sound_points, series.changes
    if not changes:  # perhaps because no point is sound
        return
    starts = [0, *(sound.index(point) for point in changes), len(sound)]
    medians = [
        statistics.median(math.log(point.median) for point in sound[start:end]) for start, end in pairwise(starts)
    ]
    for point, (before, after) in zip(changes, pairwise(medians), strict=True):
        yield point, math.exp(after - before)
