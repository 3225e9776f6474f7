"""The words for a change of a metric: memory is ``less`` and a rate is ``higher``, never ``faster``. Pure."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from bench.schema.metrics import METRICS
from bench.translation import N_, gettext


class _Words(NamedTuple):
    subject: str
    rise: str
    fall: str


_HIGHER, _LONGER, _MORE = (N_("higher"), N_("lower")), (N_("longer"), N_("shorter")), (N_("more"), N_("less"))
_WORDS = {
    "throughput_rps": _Words(N_("requests/s"), *_HIGHER),
    "max_rate_rps": _Words(N_("max rate"), *_HIGHER),
    "sessions_per_s": _Words(N_("sessions/s"), *_HIGHER),
    "latency_p50_us": _Words(N_("median latency"), *_LONGER),
    "latency_p99_us": _Words(N_("p99 latency"), *_LONGER),
    "service_p50_us": _Words(N_("median service time"), *_LONGER),
    "service_p99_us": _Words(N_("p99 service time"), *_LONGER),
    "cpu_us_per_request": _Words(N_("CPU time per request"), *_MORE),
    "memory_mb": _Words(N_("memory"), *_MORE),
}


_CHANGE_QUESTIONS = {
    "throughput_rps": N_("How did the requests per second change between two runs?"),
    "max_rate_rps": N_("How did the highest rate that meets the objective change between two runs?"),
    "sessions_per_s": N_("How did the sessions per second change between two runs?"),
    "latency_p50_us": N_("How did the median latency change between two runs?"),
    "latency_p99_us": N_("How did the 99th percentile of the latency change between two runs?"),
    "service_p50_us": N_("How did the median service time change between two runs?"),
    "service_p99_us": N_("How did the 99th percentile of the service time change between two runs?"),
    "cpu_us_per_request": N_("How did the CPU time per request change between two runs?"),
    "memory_mb": N_("How did the memory of each server change between two runs?"),
}


def change_question(metric: str) -> str:
    """Return the question that a chart of a compared metric answers: its title."""
    return gettext(_CHANGE_QUESTIONS[metric])


def history_question(metric: str) -> str:
    """Return the question that a chart of a metric over many runs answers: its title."""
    return gettext("Has this changed over the runs: {metric}?", metric=METRICS[metric].label)


def subject(metric: str) -> str:
    """Return the name of a metric in a sentence; the column's name if it has no other."""
    return gettext(_WORDS[metric].subject) if metric in _WORDS else metric


def direction(metric: str, ratio: float) -> str:
    """Return the word for a ratio other than 1: ``less``, ``higher``."""
    words = _WORDS.get(metric, _Words(metric, *_HIGHER))
    return gettext(words.rise if ratio > 1 else words.fall)


def better_direction(metric: str) -> str:
    """Return the word for a better figure: ``higher`` for a rate, ``shorter`` for a time, ``less`` for memory."""
    return direction(metric, math.inf if METRICS[metric].more_is_better else 0.0)


def percent(ratio: float) -> str:
    """Return a ratio as a signed change: ``+4.2%``, ``-20%``; ``x 12`` from ten times on."""
    if math.isnan(ratio):
        return "-"
    if math.isinf(ratio) or ratio >= 10:
        return gettext("unbounded") if math.isinf(ratio) else f"x {ratio:.3g}"
    return f"{100 * (ratio - 1):+.{_decimals(ratio)}f}%"


def range_of_changes(metric: str, ratios: Sequence[float]) -> str:
    """Return the sizes of changes: ``2.0% to 4.0% less``, or ``3.0% lower to 8.0% higher`` for both directions."""
    lowest, highest = min(ratios), max(ratios)
    if (lowest < 1) != (highest < 1):
        return gettext(
            "{lowest} {direction} to {highest} {direction_2}",
            lowest=_size(lowest),
            direction=direction(metric, lowest),
            highest=_size(highest),
            direction_2=direction(metric, highest),
        )
    smaller, larger = sorted((lowest, highest), key=lambda ratio: abs(ratio - 1))
    sizes = dict.fromkeys((_size(smaller), _size(larger)))
    return f"{gettext(' to ').join(sizes)} {direction(metric, larger)}"


def _size(ratio: float) -> str:
    return percent(ratio).lstrip("+-")


def _decimals(ratio: float) -> int:
    return 1 if abs(ratio - 1) < 0.0995 else 0
