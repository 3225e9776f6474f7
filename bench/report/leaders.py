"""The servers that share the best figure, and those behind them, for a sentence with one number. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.formatting import join_words
from bench.report.charts.points import Point
from bench.report.headlines import MIN_ADVICE_SHARE
from bench.schema.arms import Arm
from bench.translation import N_, gettext
from clients.quality_codes import INVALID

MIN_BLOCKS = 3  # of fewer, intervals are so short by chance that they are often apart
WITHOUT = N_("there is no valid figure of {names}")


@dataclass(frozen=True, slots=True)
class Leaders:
    """The names of servers by their figures, of which the smallest is best.

    best: no other one is clearly better. value: the largest of their figures. behind: clearly worse. infinite: without
    an end. invalid: their figures are.
    """

    best: tuple[str, ...]
    value: float
    behind: tuple[str, ...] = ()
    infinite: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()


def find_leaders(points: Sequence[Point]) -> Leaders:
    """Return the servers by their figures, which differ clearly if their intervals are apart and by more than 5%."""
    known = [point for point in points if point.arm.competes and not math.isnan(point.median)]
    names = server_names([point.arm for point in known])
    invalid = [point for point in known if point.verdict == INVALID]
    infinite = [point for point in known if point not in invalid and math.isinf(point.median)]
    finite = sorted(
        (point for point in known if point not in invalid and point not in infinite), key=lambda point: point.median
    )
    best = [point for point in finite if not _is_behind(point, finite[0])]
    return Leaders(
        best=tuple(names[point.arm] for point in best),
        value=max((point.median for point in best), default=math.nan),
        behind=tuple(names[point.arm] for point in finite if point not in best),
        infinite=tuple(names[point.arm] for point in infinite),
        invalid=tuple(names[point.arm] for point in invalid),
    )


def server_names(arms: Sequence[Arm]) -> dict[Arm, str]:
    """Return the names of servers, with the transport if there are several."""
    several = len({arm.transport for arm in arms}) > 1
    return {arm: arm.display_name if several else arm.label for arm in arms}


def with_rest(claim: str, rest: Mapping[str, Sequence[str]]) -> str:
    """Return ``asyncio answers within 1 s, but not select``. rest: names, by the clause that contains them."""
    clauses = [gettext(clause, names=join_words(names)) for clause, names in rest.items() if names]
    return gettext("{claim}, but {rest}", claim=claim, rest=join_words(clauses)) if clauses else claim


def _is_behind(point: Point, first: Point) -> bool:
    return min(point.blocks, first.blocks) >= MIN_BLOCKS and is_clearly_more(
        (point.median, point.low), (first.median, first.high)
    )


def is_clearly_more(value_low: tuple[float, float], least_high: tuple[float, float]) -> bool:
    """Return whether a figure is more than the least one, by its interval and by a share that is worth a word."""
    (value, low), (least, high) = value_low, least_high
    return low > high and value > least * (1 + MIN_ADVICE_SHARE)
