"""The time that a server takes to recover from an overload. Pure.

A server has recovered once its replies are as fast as before the overload: once the mean latency of a short stretch
is at most the 99th percentile of the phase before, and stays there to the end of the phase. A queue that has built up
drains until then. A stretch is long enough for _MIN_DUE requests; without a reply in time it is not recovered.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

_ROUNDING_S = 1e-6
_MIN_DUE = 10.0  # requests of a stretch: with fewer, some stretches have no reply by chance


def recovery_s(document: Mapping[str, Any], phase: int) -> float | None:
    """Return the seconds from the start of a phase until the server has recovered.

    document: of a population, with its phases and its goodput. The phase follows one at a higher rate, which follows
    one at a lower rate; other phases have no such time. It is infinite if the server does not recover in the phase.
    """
    phases: Sequence[Mapping[str, Any]] = document["phases"]
    usual_us = _usual_latency_us(phases, phase)
    goodput = document["goodput"]
    if usual_us is None or goodput is None:
        return None
    bin_s = float(goodput["bin_s"])
    ends_s = [0.0, *itertools.accumulate(float(each["seconds"]) for each in phases)]
    begin_s, end_s = ends_s[phase], ends_s[phase + 1]
    bins_at_once = max(1, math.ceil(_MIN_DUE / (float(phases[phase]["rate_rps"]) * bin_s) - _ROUNDING_S))
    stretch_s = bins_at_once * bin_s
    first, count = round(begin_s / bin_s), int((end_s - begin_s) / bin_s + _ROUNDING_S)
    if count < bins_at_once:
        return None
    slow_until_s = 0.0
    for start in range(0, count - bins_at_once + 1, bins_at_once):
        stretch = slice(first + start, first + start + bins_at_once)
        if not _is_usual(goodput["replies"][stretch], goodput["latency_us"][stretch], usual_us):
            slow_until_s = start * bin_s + stretch_s
    last_s = count // bins_at_once * stretch_s
    return math.inf if slow_until_s > last_s - stretch_s / 2 else slow_until_s


def _is_usual(replies: Sequence[int], latency_us: Sequence[float | None], usual_us: float) -> bool:
    """Return whether a stretch, in which requests were due, has replies that are as fast as usual on average."""
    answered = sum(replies)
    total_us = sum(count * (mean_us or 0.0) for count, mean_us in zip(replies, latency_us, strict=True))
    return answered > 0 and total_us <= usual_us * answered


def _usual_latency_us(phases: Sequence[Mapping[str, Any]], phase: int) -> float | None:
    """Return the 99th percentile of the latency before the overload; None if the phase does not follow an overload."""
    if phase < 2:
        return None
    usual, overload, after = (float(phases[number]["rate_rps"] or 0.0) for number in (phase - 2, phase - 1, phase))
    if not 0 < usual < overload or not 0 < after < overload:
        return None
    latency_us = phases[phase - 2]["latency_us"] or {}
    found = [latency_us.get(name) for name in ("p99", "p90", "p50")]
    return next((float(value) for value in found if isinstance(value, int | float)), None)
