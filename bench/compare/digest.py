"""The changes that a reader needs first: large ones one by one, and the others by their number. Pure."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.compare.changes import Change
from bench.compare.wording import range_of_changes, subject
from bench.schema.conclusions import Conclusion
from bench.translation import gettext, ngettext

DEFAULT_THRESHOLD = 0.05  # a change of a few per cent is seldom a reason to act
MIN_ALIKE = 4  # fewer changes are listed one by one


@dataclass(frozen=True, slots=True)
class Movement:
    """Changes of one metric in one direction."""

    changes: tuple[Change, ...]

    def __str__(self) -> str:
        """Return ``memory 2.0% to 4.0% less in 36 cases``, and the server if all are of one."""
        metric = self.changes[0].metric
        sizes = range_of_changes(metric, [change.judged_ratio for change in self.changes])
        servers = {change.arm for change in self.changes}
        of_server = gettext(" of {server}", server=servers.pop()) if len(servers) == 1 else ""
        return gettext(
            "{subject}{of_server} {sizes} in {cases}",
            subject=subject(metric),
            of_server=of_server,
            sizes=sizes,
            cases=ngettext("{count} case", "{count} cases", len(self.changes)),
        )


@dataclass(frozen=True, slots=True)
class Digest:
    """The significant changes of a comparison."""

    listed: tuple[Change, ...]  # one by one
    alike: tuple[Movement, ...]  # at least as large, but many that moved alike
    small: tuple[Movement, ...]  # below the threshold

    @property
    def large(self) -> list[Change]:
        """The changes that are as large as the threshold: those that are listed, then those that moved alike."""
        return [*self.listed, *(change for movement in self.alike for change in movement.changes)]

    @property
    def largest(self) -> Movement | None:
        """The listed changes of the metric and the server that certainly changed most; None if none is listed."""
        groups: dict[tuple[str, str, bool], list[Change]] = {}
        for change in self.listed:
            groups.setdefault((change.arm, change.metric, change.judged_ratio > 1), []).append(change)
        if not groups:
            return None
        return Movement(tuple(max(groups.values(), key=lambda members: max(map(_certain_size, members)))))

    @property
    def small_count(self) -> int:
        """The number of changes below the threshold."""
        return _count(self.small)


def make_digest(changes: Iterable[Change], threshold: float = DEFAULT_THRESHOLD) -> Digest:
    """Return the digest of changes. threshold: size from which on a change is listed, as a share."""
    significant = [
        change for change in changes if Conclusion(change.conclusion).is_difference and not change.same_program
    ]
    small = [change for change in significant if abs(change.judged_ratio - 1) < threshold]
    large = [change for change in significant if change not in small]
    alike = [part for movement in _movements(large) if (part := _alike_part(movement)) is not None]
    in_line = [change for movement in alike for change in movement.changes]
    return Digest(
        listed=tuple(change for change in large if change not in in_line),
        alike=tuple(alike),
        small=tuple(_movements(small)),
    )


def judged_ratios(changes: Iterable[Change], is_included: Callable[[Change], bool]) -> dict[str, list[float]]:
    """Return the judged ratios of the changes that are included, by metric."""
    ratios: dict[str, list[float]] = {}
    for change in changes:
        if is_included(change):
            ratios.setdefault(change.metric, []).append(change.judged_ratio)
    return ratios


def _movements(changes: Iterable[Change]) -> list[Movement]:
    """Group changes by metric and direction."""
    groups: dict[tuple[str, bool], list[Change]] = {}
    for change in changes:
        groups.setdefault((change.metric, change.judged_ratio > 1), []).append(change)
    return [Movement(tuple(members)) for members in groups.values()]


def _alike_part(movement: Movement) -> Movement | None:
    """Return the changes whose intervals contain the median change; None if they are few."""
    median = statistics.median(change.judged_ratio for change in movement.changes)
    alike = tuple(change for change in movement.changes if _contains(change.judged_interval, median))
    return Movement(alike) if len(alike) >= MIN_ALIKE else None


def _certain_size(change: Change) -> float:
    """Return the size of a change on a logarithmic scale, by the end of its interval that is nearer to 1."""
    ends = [end for end in change.judged_interval if 0 < end < math.inf]
    return min((abs(math.log(end)) for end in ends), default=0.0)


def _contains(interval: tuple[float, float], ratio: float) -> bool:
    return interval[0] <= ratio <= interval[1]


def _count(movements: Iterable[Movement]) -> int:
    return sum(len(movement.changes) for movement in movements)
