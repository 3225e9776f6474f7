"""Numbers and names as people read them."""

import math
from collections.abc import Iterable
from typing import Any


def compact(value: float) -> str:
    """Three figures, thousands as k and millions as M: ``31.2k``. What was not measured is ``-``."""
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
    """A median with the larger side of its interval in per cent, so that none looks too narrow: ``31.2k ±1.3%``."""
    if not all(map(math.isfinite, (median, low, high))) or median <= 0:
        return compact(median)
    percent = 100 * max(high - median, median - low) / median
    return f"{compact(median)} ±{percent:.0f}%" if percent >= 1.95 else f"{compact(median)} ±{percent:.1f}%"


def format_duration(seconds: float) -> str:
    """Return a duration rounded up: ``50 s``, ``1 min 20 s`` or ``6 min``."""
    if seconds > 120:
        return f"{math.ceil(seconds / 60)} min"
    minutes, rest = divmod(10 * max(1, math.ceil(seconds / 10)), 60)
    return " ".join(([f"{minutes} min"] if minutes else []) + ([f"{rest} s"] if rest else []))


def plural(count: int, noun: str) -> str:
    """Return ``1 block`` or ``3 blocks``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def visible(text: str) -> str:
    """One line that does nothing to a terminal: a server's last words may hold escape sequences, a folder anything."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in " ".join(text.split()))


def all_visible(value: Any) -> Any:
    """A value of JSON with all its texts made visible."""
    if isinstance(value, dict):
        return {visible(key): all_visible(one) for key, one in value.items()}
    if isinstance(value, list):
        return [all_visible(one) for one in value]
    return visible(value) if isinstance(value, str) else value


def in_brackets(ends: tuple[float, float, float]) -> str:
    """``31.2k [30.1k, 32.3k]``."""
    median, low, high = ends
    if math.isnan(median):
        return "-"
    return compact(median) if math.isnan(low) else f"{compact(median)} [{compact(low)}, {compact(high)}]"


def in_megabytes(value: float) -> str:
    """``13.7``."""
    return "-" if math.isnan(value) else three_figures(value)


def number_in_words(value: object) -> str:
    """A ratio with two decimals, or three figures: ``1.07``, ``12.3``."""
    number = float(str(value))
    return (
        "unknown"
        if math.isnan(number)
        else "unbounded"
        if math.isinf(number)
        else f"{number:.3g}"
        if number >= 10
        else f"{number:.2f}"
    )


def joined(parts: Iterable[str]) -> str:
    """``a, b and c``."""
    *head, last = parts
    return f"{', '.join(head)} and {last}" if head else last
