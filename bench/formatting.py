"""Numbers and names as people read them."""

import math
from collections.abc import Iterable

from bench.translation import gettext


def compact(value: float) -> str:
    """Return three figures, with k for thousands and M for millions: ``31.2k``.

    A missing value is ``-``.
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * factor:
            return three_figures(value / factor) + suffix
    return three_figures(value)


def on_axis(value: float) -> str:
    """A round number beside an axis: ``20k``, ``2.5M``, ``0``."""
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def three_figures(value: float) -> str:
    """A number below a thousand or so with three figures, and two decimals at most."""
    size = abs(value)
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{value:.{decimals}f}"


def spread(median: float, low: float, high: float) -> str:
    """Return a median with its interval in per cent: ``31.2k ±1.3%``, or ``31.2k -4/+19%`` if it is asymmetric.

    A single block has no interval, and nothing is printed for it: ±0.0% would claim that the figure is exact.
    """
    if not all(map(math.isfinite, (median, low, high))) or median <= 0 or low == high:
        return compact(median)
    below, above = 100 * (median - low) / median, 100 * (high - median) / median
    if _is_symmetric(below, above):
        return f"{compact(median)} ±{_percent(max(below, above))}%"
    return f"{compact(median)} -{_percent(below)}/+{_percent(above)}%"


def _is_symmetric(below: float, above: float) -> bool:
    """Return whether one number describes both sides of an interval: they differ by at most a tenth of the larger."""
    smaller, larger = sorted((below, above))
    return smaller >= 0.9 * larger


def _percent(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1.95 else f"{value:.1f}"


def format_duration(seconds: float) -> str:
    """Return a duration rounded up: ``50 s``, ``1 min 20 s`` or ``6 min``."""
    if seconds > 120:
        return f"{math.ceil(seconds / 60)} min"
    minutes, rest = divmod(10 * max(1, math.ceil(seconds / 10)), 60)
    return " ".join(([f"{minutes} min"] if minutes else []) + ([f"{rest} s"] if rest else []))


def plural(count: int, noun: str) -> str:
    """Return ``1 block`` or ``3 blocks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def with_interval(median: float, low: float, high: float) -> str:
    """Return a median with its interval: ``31.2k [30.1k, 32.3k]``.

    A missing median is ``-``.
    """
    if math.isnan(median) or math.isnan(low):
        return compact(median)
    return f"{compact(median)} [{compact(low)}, {compact(high)}]"


def format_ratio(value: float) -> str:
    """Return a ratio with two decimals, or three figures from 10 on: ``1.07``."""
    if math.isnan(value):
        return gettext("unknown")
    if math.isinf(value):
        return gettext("unbounded")
    return f"{value:.3g}" if value >= 10 else f"{value:.2f}"


def format_percent(share: float) -> str:
    """Return a share as a percentage with one decimal: ``2.2%``."""
    return f"{100 * share:.1f}%"


def join_words(parts: Iterable[str]) -> str:
    """Return ``a, b and c``."""
    *head, last = parts
    return gettext("{first} and {last}", first=", ".join(head), last=last) if head else last


def join_alternatives(parts: Iterable[str]) -> str:
    """Return ``a, b or c``."""
    *head, last = parts
    return gettext("{first} or {last}", first=", ".join(head), last=last) if head else last
