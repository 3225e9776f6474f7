"""The value of a quality code that decided a verdict, with the thresholds that it passed. Pure.

A median comes from several blocks. A code that varies with the machine decides by how many blocks it hit
(``Thresholds.verdict_of_blocks``), so that its worst value alone does not explain a verdict.
"""

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from bench.analysis.cases import CaseKey, records_by_case, text
from bench.schema.load_points import LoadPoint
from bench.translation import N_, gettext
from clients.quality_codes import INVALID, QUANTILES, QualityCode, QualityFlag, Thresholds

BlockFlags = Mapping[CaseKey, Sequence[Sequence[QualityFlag]]]  # of each measured block, by planned case

_ABOVE = N_("above {limit} in {blocks} of {count} blocks, at most {worst}")
_BELOW = N_("below {limit} in {blocks} of {count} blocks, at least {worst}")
_HALF = N_("{middle} or worse in half of the {count} blocks")
_WORST = N_("{worst} in the worst of {count} blocks")
_LIMITS = N_("suspect {side} {suspect}, invalid {side} {invalid}")
_LIMITS_OF_BLOCKS = N_(
    "suspect {side} {suspect} in half of the blocks or {side} {invalid} in one, invalid "
    "{side} {invalid} in half of them"
)
_SUSPECT_ONLY = N_("suspect {side} {suspect}")
_SUSPECT_IN_HALF = N_("suspect {side} {suspect} in half of the blocks")
_OF_TAIL = N_("{limits} (share of all requests, for the {percentile})")


def flags_of_blocks(trials: pd.DataFrame, thresholds: Thresholds) -> BlockFlags:
    """Return the flags of each block in which a case was measured."""
    if trials.empty:
        return {}
    found: dict[CaseKey, list[list[QualityFlag]]] = {}
    used = trials.loc[trials["status"] == "ok", ["arm", *LoadPoint.COLUMNS, "codes"]]  # of a hundred columns
    for case, rows in records_by_case(used).items():
        found.setdefault(case.planned, []).extend(thresholds.parse(text(row["codes"])) for row in rows)
    return found


def deciding_value(worst: QualityFlag, blocks: Sequence[Sequence[QualityFlag]]) -> str:
    """Return what decided: the value, or how many blocks had a worse one than the threshold.

    worst: the worst flag of a case. blocks: all flags of each of its blocks.
    """
    if not worst.figure or worst.code.is_finding or not worst.code.transient or len(blocks) < 2:
        return worst.figure
    values = [flag for of_block in blocks for flag in of_block if flag.name == worst.name]
    values.sort(key=lambda flag: -flag.badness)
    beyond, raised, count = _counts(worst, blocks)
    if 2 * beyond >= count or (not beyond and 2 * raised >= count):
        return gettext(_HALF, middle=values[(count + 1) // 2 - 1].figure, count=count)
    if not beyond:
        return gettext(_WORST, worst=worst.figure, count=count)
    template = _BELOW if worst.code.low_is_bad else _ABOVE
    limit = _limit(worst.code, worst.code.invalid, worst.percentile)
    return gettext(template, limit=limit, blocks=beyond, count=count, worst=worst.figure)


def limits(code: QualityCode, percentiles: Collection[str] = ()) -> str:
    """Return the thresholds of a code: ``suspect above 1.0%, invalid above 5.0%``.

    percentiles: of the figures that it concerns; a code about the requests beyond a percentile has thresholds for each.
    The text is empty for a code whose every value is suspect.
    """
    if not code.meaning or not code.format or code.is_finding:
        return ""
    if not code.of_tail:
        return _limits(code, "")
    known = [name for name in QUANTILES if name in percentiles and name != "max"]
    return "; ".join(gettext(_OF_TAIL, limits=_limits(code, name), percentile=name) for name in known)


def badness(worst: QualityFlag, blocks: Sequence[Sequence[QualityFlag]]) -> tuple[int, float]:
    """Return numbers that grow with the doubt: how much the code decided, then how bad its worst value is.

    The value is relative to the thresholds of its percentile.
    """
    beyond, raised, count = _counts(worst, blocks)
    level = 2 if 2 * beyond >= count else 1 if beyond or 2 * raised >= count else 0
    return level, worst.badness / _share_beyond(worst.code, worst.percentile)


def _counts(worst: QualityFlag, blocks: Sequence[Sequence[QualityFlag]]) -> tuple[int, int, int]:
    """Return in how many blocks the code was beyond its threshold for invalid, in how many raised, and all."""
    flags = [flag for of_block in blocks for flag in of_block if flag.name == worst.name]
    beyond = sum(flag.code.verdict(flag.value, flag.percentile) == INVALID for flag in flags)
    return beyond, len(flags), len(blocks)


def _limits(code: QualityCode, percentile: str) -> str:
    suspect, invalid = (_limit(code, limit, percentile) for limit in (code.suspect, code.invalid))
    side = gettext("below") if code.low_is_bad else gettext("above")
    if not suspect and not invalid:
        return ""
    if not invalid:
        template = _SUSPECT_IN_HALF if code.transient else _SUSPECT_ONLY
    elif not suspect:
        return gettext("invalid {side} {invalid}", side=side, invalid=invalid)
    else:
        template = _LIMITS_OF_BLOCKS if code.transient else _LIMITS
    return gettext(template, side=side, suspect=suspect, invalid=invalid)


def _limit(code: QualityCode, limit: float | None, percentile: str) -> str:
    return code.format.format(limit * _share_beyond(code, percentile)) if limit else ""


def _share_beyond(code: QualityCode, percentile: str) -> float:
    """Return the factor of the thresholds; 1 for the maximum, which has none."""
    return (1 - QUANTILES[percentile]) or 1.0 if code.of_tail and percentile in QUANTILES else 1.0
