"""The part that each of several generators had in a load, and how far one of them fell behind. Pure.

Connections and rates are divided in proportion, so each generator sends as many requests per connection as the others.
One that sends less was slower than the others, or had a longer way to the server, and the load was not what was asked
for.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clients.histogram import has_enough_beyond, quantile_ns
from clients.load_spec import LoadSpec
from clients.merged_counts import add_arrays

# Beyond these multiples of its standard error, a mean differs by more than chance in 99% of cases: Student's t, by the
# degrees of freedom of the scatter. Unfair servers make connections scatter, and few connections make it uncertain.
_STUDENT_T = (3.0, 63.7, 9.9, 5.8, 4.6, 4.0, 3.7, 3.5, 3.4, 3.2, 3.2)
_LARGE_SAMPLE_T = 3.0


@dataclass(frozen=True, slots=True)
class SliceStart:
    """The starts of all generators in one slice."""

    bound_s: float  # what is unknown about their clocks
    margin_s: float  # before the window and after it, beside the warm-up
    warmup_s: float  # before the window, in all
    late_s: Mapping[int, float]  # by which each generator began late, by its number

    @property
    def skew_s(self) -> float:
        """Two generators began at most this far apart."""
        return self.bound_s + max(self.late_s.values())

    def missing_s(self, number: int) -> float:
        """Return how long the window had begun before a generator did."""
        return max(0.0, self.late_s.get(number, 0.0) - self.warmup_s)


@dataclass(frozen=True, slots=True)
class GeneratorShare:
    """The part of one generator in a load."""

    connections: int
    sent: int
    unsent: int
    answered: int
    load_ratio: float | None  # of its part of the load, beside what the others sent of theirs; None: nothing to compare
    shortfall_share: float  # of its part, that it did not send: 0 if chance explains it
    cpu_share: float  # of its busiest thread
    run_delay_share: float
    lateness_p99_us: float | None  # None in a closed loop
    late_start_us: float  # the latest start of a slice
    missing_share: float  # of the windows, that had begun before it did


@dataclass(frozen=True, slots=True)
class _Evenness:
    """Requests that a generator sent, and what it would have sent if it had been like the others."""

    sent: float = 0.0
    expected: float = 0.0
    tolerance: float = 0.0  # the difference that chance and unfair service may explain

    @property
    def shortfall_share(self) -> float:
        missing = self.expected - self.sent
        return missing / self.expected if missing > self.tolerance else 0.0


def describe_shares(
    parts: Mapping[str, Mapping[int, Mapping[str, Any]]],
    shares: Mapping[int, Mapping[str, LoadSpec]],
    starts: Sequence[SliceStart],
    duration_s: float,
) -> dict[int, GeneratorShare]:
    """Return the part of each generator by its number.

    parts: plain counts of each generator, by population. shares: the load of each generator. starts: of the slices.
    duration_s: of all windows.
    """
    return {
        number: _describe(
            {name: of_all[number] for name, of_all in parts.items() if number in of_all},
            own,
            _evenness(parts, shares, number),
            [(start.late_s.get(number, 0.0), start.missing_s(number)) for start in starts],
            duration_s,
        )
        for number, own in shares.items()
    }


def _describe(
    counts: Mapping[str, Mapping[str, Any]],
    specs: Mapping[str, LoadSpec],
    evenness: _Evenness,
    starts: Sequence[tuple[float, float]],
    duration_s: float,
) -> GeneratorShare:
    totals = [each["totals"] for each in counts.values()]
    tallies, first = [each["tally"] for each in totals], totals[0]  # all populations share the threads
    elapsed_s = first["elapsed_s"] or math.inf
    return GeneratorShare(
        connections=sum(spec.connections for spec in specs.values()),
        sent=sum(tally["sent"] for tally in tallies),
        unsent=sum(tally["unsent"] for tally in tallies),
        answered=sum(tally["ok"] for tally in tallies),
        load_ratio=evenness.sent / evenness.expected if evenness.expected else None,
        shortfall_share=evenness.shortfall_share,
        cpu_share=first["busiest_cpu_s"] / elapsed_s,
        run_delay_share=first["run_delay_s"] / elapsed_s,
        lateness_p99_us=_lateness_p99_us([totals[k] for k, spec in enumerate(specs.values()) if spec.open_loop]),
        late_start_us=1e6 * max((late_s for late_s, _ in starts), default=0.0),
        missing_share=sum(missing_s for _, missing_s in starts) / duration_s if duration_s else 0.0,
    )


def _lateness_p99_us(totals: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the 99th percentile of the lateness. totals: of the populations in an open loop."""
    if not totals:
        return None
    lateness = add_arrays([each["histograms"]["lateness"] for each in totals])
    return quantile_ns(lateness, 0.99) / 1e3 if has_enough_beyond(int(lateness.sum()), 0.99) else None


def _evenness(
    parts: Mapping[str, Mapping[int, Mapping[str, Any]]], shares: Mapping[int, Mapping[str, LoadSpec]], number: int
) -> _Evenness:
    """Return what one generator sent, and what it would have sent at the pace of the others, over all populations."""
    found = [
        _evenness_of_population(of_all, {k: own[name] for k, own in shares.items() if name in own}, number)
        for name, of_all in parts.items()
        if number in of_all and len(of_all) > 1
    ]
    return _Evenness(
        sent=sum(each.sent for each in found),
        expected=sum(each.expected for each in found),
        tolerance=math.hypot(*(each.tolerance for each in found)),
    )


def _evenness_of_population(
    counts: Mapping[int, Mapping[str, Any]], specs: Mapping[int, LoadSpec], number: int
) -> _Evenness:
    """Return the evenness of one population. Clients that do not ask for replies have no pace."""
    spec = specs[number]
    if spec.behaviour != "normal":
        return _Evenness()
    requests = {k: part["totals"]["tally"]["sent"] for k, part in counts.items()}
    sent, connections = requests.pop(number), sum(each.connections for k, each in specs.items() if k != number)
    others_sent, ratio = sum(requests.values()), spec.connections / connections
    if not others_sent:
        return _Evenness()
    # Counts scatter at least by chance, like those of Poisson's distribution.
    tolerance = _LARGE_SAMPLE_T * math.sqrt(sent + ratio**2 * others_sent)
    if not spec.open_loop:
        scatter = sent**2 / spec.connections + (ratio * others_sent) ** 2 / connections
        tolerance = max(tolerance, _scatter([part["served"] for part in counts.values()]) * math.sqrt(scatter))
    return _Evenness(sent, ratio * others_sent, tolerance)


def _scatter(served: Sequence[Sequence[int]]) -> float:
    """Return by how much connections of the same generator differ, by chance at most, as a share of their mean.

    served: replies of each connection, of each generator.
    """
    freedom = sum(len(of_one) - 1 for of_one in served if of_one)
    replies = [count for of_one in served for count in of_one]
    mean = statistics.fmean(replies) if replies else 0.0
    if freedom < 1 or not mean:
        return 0.0
    squares = sum((len(of_one) - 1) * statistics.variance(of_one) for of_one in served if len(of_one) > 1)
    factor = _STUDENT_T[freedom] if freedom < len(_STUDENT_T) else _LARGE_SAMPLE_T
    return factor * math.sqrt(squares / freedom) / mean
