"""The time that a server takes to recover from an overload. Pure.

A server has recovered once its replies are as fast as before the overload: once the mean latency of a short stretch
is at most the 99th percentile of the phase before, and stays there to the end of the phase. A queue that has built up
drains until then. A stretch in which requests were due but none was answered in time is not recovered.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

_ROUNDING_S = 1e-6
_MIN_DUE = 5.0  # requests of a stretch: with fewer, some stretches have no reply by chance


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
    stretch_s = float(goodput["bin_s"])
    ends_s = [0.0, *itertools.accumulate(float(each["seconds"]) for each in phases)]
    begin_s, end_s = ends_s[phase], ends_s[phase + 1]
    due = float(phases[phase]["rate_rps"]) * stretch_s
    slow_until_s = begin_s
    for number, (replies, latency_us) in enumerate(zip(goodput["replies"], goodput["latency_us"], strict=True)):
        start_s = number * stretch_s
        is_whole = begin_s - _ROUNDING_S <= start_s <= end_s - stretch_s + _ROUNDING_S
        is_slow = latency_us > usual_us if replies else due >= _MIN_DUE
        if is_whole and is_slow:
            slow_until_s = start_s + stretch_s
    return math.inf if slow_until_s > end_s - stretch_s / 2 else slow_until_s - begin_s


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
