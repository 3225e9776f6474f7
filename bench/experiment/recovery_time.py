"""The time that a server takes to recover from an overload. Pure.

A server has recovered once its replies are as fast as before the overload: once the mean latency of a short stretch
is at most the 99th percentile of the phase before, and stays there to the end of the phase. A queue that has built up
drains until then. Replies are fast, too, where a server refuses or loses most requests. So a stretch in which more than
a few requests were given up, late, refused or reset is not recovered, nor is one without a reply.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

# Requests due in a stretch. A stretch of Poisson arrivals is then empty by chance with a probability of exp(-20), and
# one slow request among twenty does not make their mean slow.
_MIN_DUE = 20.0
_MAX_FAILED_SHARE = 0.05  # of the requests that ended in a stretch: one of twenty, so that one may fail by chance


def recovery_s(document: Mapping[str, Any], phase: int) -> float | None:
    """Return the seconds from the start of a phase until the server has recovered.

    document: of a population, with its phases and its goodput. The phase follows one at a higher rate, which follows
    one at a lower rate; other phases have no such time, nor has one with so few requests that it is a single stretch.
    It is infinite if the server does not recover in the phase.
    """
    phases: Sequence[Mapping[str, Any]] = document["phases"]
    usual_us = _usual_latency_us(phases, phase)
    goodput = document["goodput"]
    if usual_us is None or goodput is None:
        return None
    bin_s, rate_rps = float(goodput["bin_s"]), float(phases[phase]["rate_rps"])
    ends_s = [0.0, *itertools.accumulate(float(each["seconds"]) for each in phases)]
    begin, end = round(ends_s[phase] / bin_s), round(ends_s[phase + 1] / bin_s)
    bins_of_stretch = max(1, math.ceil(_MIN_DUE / (rate_rps * bin_s)))
    if end - begin < 2 * bins_of_stretch:
        return None
    starts = range(begin, end - bins_of_stretch + 1, bins_of_stretch)  # the last stretch has the remaining bins, too
    recovered_at = begin
    for start, stop in itertools.pairwise([*starts, end]):
        if not _is_usual(goodput, slice(start, stop), usual_us):
            recovered_at = stop
    return math.inf if recovered_at == end else (recovered_at - begin) * bin_s


def _is_usual(goodput: Mapping[str, Any], stretch: slice, usual_us: float) -> bool:
    """Return whether the requests of a stretch of bins were answered, and as fast as usual."""
    in_stretch = [*zip(goodput["replies"][stretch], goodput["latency_us"][stretch], strict=True)]
    replies, failed = sum(count for count, _ in in_stretch), sum(goodput["failed"][stretch])
    in_all_us = sum(count * mean_us for count, mean_us in in_stretch if count)
    is_answered = replies > 0 and failed <= _MAX_FAILED_SHARE * (replies + failed)
    return is_answered and bool(in_all_us / replies <= usual_us)


def _usual_latency_us(phases: Sequence[Mapping[str, Any]], phase: int) -> float | None:
    """Return the 99th percentile of the latency before the overload; None if the phase does not follow an overload.

    Of fewer than 1,000 requests it is the longest latency: a lower percentile would often be below the mean of twenty.
    """
    if phase < 2:
        return None
    usual, overload, after = (float(phases[number]["rate_rps"] or 0.0) for number in (phase - 2, phase - 1, phase))
    if not 0 < usual < overload or not 0 < after < overload:
        return None
    before = phases[phase - 2]
    if before["ledger"]["lost"] > _MAX_FAILED_SHARE * before["sent"]:
        return None  # it was overloaded before the overload
    latency_us = before["latency_us"] or {}
    found = [latency_us.get(name) for name in ("p99", "max", "p90")]  # the longest one may be infinite
    return next((float(value) for value in found if isinstance(value, int | float)), None)
