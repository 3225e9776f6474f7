"""Sentences on the CPU time that a server saves for each request, beside the ratios. Pure.

A ratio looks the same for a handler of 4 µs and of 4 ms. The difference in µs shows what it is worth.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.formatting import compact, join_words, three_figures
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.translation import N_, gettext
from clients.quality_codes import INVALID

COST = "cpu_us_per_request"
Row = Mapping[Any, Any]  # a row of comparisons.csv
_TO_REFERENCE = N_("Over {transport}, CPU time per request against {reference}: {differences}.")
_TO_TCP = N_("CPU time per request, UDP against TCP: {differences}.")
_LESS = N_("{label} {figure} µs less ({low} to {high})")
_MORE = N_("{label} {figure} µs more ({low} to {high})")


def saved_over(rows: Iterable[Row], transport: str) -> str:
    """Return what the servers of a transport save against their reference; "" if no difference is significant.

    rows: of one load point.
    """
    different = [
        row for row in _different(rows, ComparisonKind.REFERENCE) if Arm.parse(row["arm"]).transport == transport
    ]
    if not different:
        return ""
    reference = Arm.parse(different[0]["reference"]).label
    return gettext(_TO_REFERENCE, transport=transport.upper(), reference=reference, differences=_listed(different))


def saved_by_udp(rows: Iterable[Row]) -> str:
    """Return what each model saves over UDP; "" if no difference is significant. rows: of one load point."""
    different = _different(rows, ComparisonKind.TRANSPORTS)
    return gettext(_TO_TCP, differences=_listed(different)) if different else ""


def difference_text(row: Row) -> str:
    """Return a difference with its interval: ``-1.04 [-1.10, -0.98]``; ``-`` for an unknown one."""
    value, low, high = _figures(row)
    if math.isnan(value):
        return "-"
    return _signed(value) if math.isnan(low) else f"{_signed(value)} [{_signed(low)}, {_signed(high)}]"


def _different(rows: Iterable[Row], kind: ComparisonKind) -> list[Row]:
    found = [
        row
        for row in rows
        if row["metric"] == COST
        and row["kind"] == kind
        and row["verdict"] != INVALID
        and Conclusion(row["conclusion"]).is_difference
        and _excludes_zero(row)
    ]
    return sorted(found, key=lambda row: _figures(row)[0])


def _excludes_zero(row: Row) -> bool:
    value, low, high = _figures(row)
    return all(map(math.isfinite, (value, low, high))) and (low > 0 or high < 0)


def _listed(rows: Sequence[Row]) -> str:
    return join_words(map(_in_words, rows))


def _in_words(row: Row) -> str:
    value, *ends = _figures(row)
    low, high = sorted(end if value > 0 else -end for end in ends)
    return gettext(
        _MORE if value > 0 else _LESS,
        label=Arm.parse(row["arm"]).label,
        figure=three_figures(abs(value)),
        low=_signed(low, plus=""),
        high=_signed(high, plus=""),
    )


def _figures(row: Row) -> tuple[float, float, float]:
    value, low, high = (
        math.nan if row.get(name) is None else float(row[name])
        for name in ("difference", "difference_low", "difference_high")
    )
    return value, low, high


def _signed(value: float, plus: str = "+") -> str:
    return f"{'-' if value < 0 else plus if value > 0 else ''}{compact(abs(value))}"
