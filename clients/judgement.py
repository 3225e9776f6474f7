"""What the generator can say against its own figures, and against the server's. Pure; the thresholds are in codes."""

import math
from dataclasses import dataclass

from clients.fairness import fairness
from clients.histogram import LEAST_BEYOND, Counts, quantile_ns, share_between
from clients.settings import Settings
from clients.target import Slice, Totals, errors_of
from clients.verdicts import CODES, cell, worst
from clients.windows import drift_share, warmup_share

_PUNCTUAL_NS = 50_000
_PUNCTUAL_SHARE = 0.05  # of the median latency
_LATENESS_QUANTILES = (0.5, 0.99, 0.999)
_READINGS_NS = 500  # of each request, between a time stamp of it and the reading of the clock that counts it
_LEAST_TO_JUDGE = 1000  # requests; fewer have no tail to speak of


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of a load."""

    settings: Settings
    totals: Totals
    served: list[int]  # replies of each connection
    lost: int
    parts: Slice | None = None  # the whole load as one slice, if it was one
    ceiling_rps: float | None = None  # what the generator can do at most at this load
    drops: dict[str, int] | None = None  # datagrams that the kernel dropped, by place
    steal_share: float | None = None
    good_clock: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a load, and the codes with their figures."""

    verdict: str
    codes: list[str]


def judge(facts: Facts) -> Judgement:
    """Judge a load. A figure that is not known (nan) says nothing."""
    figures = _of_counts(facts) | _of_generator(facts) | _of_time(facts)
    figures |= _of_open_loop(facts) if facts.settings.open_loop else _of_closed_loop(facts)
    known = {name: figures[name] for name in CODES if name in figures}
    found = {name: CODES[name].verdict(figure) for name, figure in known.items()}
    codes = [cell(name, known[name]) for name, verdict in found.items() if verdict != "valid"]
    return Judgement(worst(found.values()), codes)


def _of_counts(facts: Facts) -> dict[str, float]:
    tally = facts.totals.tally
    sent, lost = tally["sent"], facts.lost
    figures = {
        "NOTHING_SENT": float(sent == 0),
        "NO_REPLIES": float(sent > 0 and tally["ok"] == 0),
        "CORRUPT": float(tally["corrupt"] or tally["wrong_reply"]),
        "LATE": float(tally["late"]),
        "NO_PORTS": float(tally["no_ports"]),
        "ERRORS": float(sum(errors_of(tally).values())),
    }
    if facts.drops is not None:
        figures["CLIENT_DROPS"] = float(facts.drops["generator"])
        figures["UNEXPLAINED_LOSS"] = max(0, lost - sum(facts.drops.values())) / sent if sent else 0.0
    return figures


def _of_generator(facts: Facts) -> dict[str, float]:
    totals = facts.totals
    elapsed_s = totals.elapsed_s or math.inf
    return {
        "GENERATOR_BUSY": totals.cpu_share_s / elapsed_s,
        "RUN_DELAY": totals.stolen_s / elapsed_s,
        "STEAL": math.nan if facts.steal_share is None else facts.steal_share,
        "GC": float(totals.gc_runs),
        "PAGING": float(totals.major_faults),
        "CLOCK": float(not facts.good_clock),
        "LITTLE": little_gap(totals),
    }


def _of_time(facts: Facts) -> dict[str, float]:
    """What the shapes of the histograms tell."""
    figures = {}
    counts, connect = facts.totals.headline, facts.totals.histograms["connect"]
    if counts.sum() >= _LEAST_TO_JUDGE:
        heap = share_between(counts, 38_000_000, 48_000_000)
        beside = share_between(counts, 28_000_000, 38_000_000) + share_between(counts, 48_000_000, 58_000_000)
        figures["NAGLE"] = heap if heap > 5 * beside / 2 else 0.0
    figures["BACKLOG"] = share_between(connect, 900_000_000, 1_400_000_000)
    figures["BACKLOG"] += share_between(connect, 1_900_000_000, 2_400_000_000)
    if facts.parts is not None:
        figures["DRIFT"] = drift_share(facts.parts)
        figures["WARMUP"] = warmup_share(facts.parts) if figures["DRIFT"] > 0 else 0.0
    return figures


def _of_closed_loop(facts: Facts) -> dict[str, float]:
    sent = facts.totals.tally["sent"]
    figures = {"LOSS": facts.lost / sent if sent else 0.0}
    if not facts.settings.in_sessions and sent:
        spread = fairness(facts.served)
        figures["STARVED"] = float(spread["starved"])
        if spread["jain"] is not None:
            figures["UNFAIR"] = spread["jain"] / spread["jain_expected"]
    return figures


def _of_open_loop(facts: Facts) -> dict[str, float]:
    settings, totals = facts.settings, facts.totals
    tally, lateness = totals.tally, totals.histograms["lateness"]
    scheduled, counted = tally["scheduled"], tally["counted"]
    figures = {
        "LOST": facts.lost / tally["sent"] if tally["sent"] else 0.0,
        "UNSENT": tally["unsent"] / scheduled if scheduled else 0.0,
        "POOL": tally["pooled"] / counted if counted else 0.0,
        "CEILING": settings.rate_rps / facts.ceiling_rps if facts.ceiling_rps else math.nan,
    }
    if counted >= _LEAST_TO_JUDGE:
        p99_ns = quantile_ns(totals.headline, 0.99)
        figures["OVERLOAD"] = tally["replies"] / counted
        figures["ADHERENCE"] = adherence(lateness, quantile_ns(totals.headline, 0.5))
        figures["LATENESS"] = lateness_share(totals)
        figures["TURNAROUND"] = quantile_ns(totals.histograms["turnaround"], 0.999) / p99_ns
    return figures


def adherence(lateness: Counts, median_ns: float) -> float:
    """Share of the requests that were punctual. Source: Caladan's "schedule adherence"."""
    limit_ns = max(_PUNCTUAL_NS, 0 if math.isnan(median_ns) else _PUNCTUAL_SHARE * median_ns)
    total = int(lateness.sum())
    return share_between(lateness, 0, int(limit_ns)) if total else math.nan


def lateness_share(totals: Totals) -> float:
    """How much larger a percentile is than it would be without the generator's lateness: the worst of three."""
    own = totals.histograms["own"]
    told = [quantile for quantile in _LATENESS_QUANTILES if own.sum() * (1 - quantile) >= LEAST_BEYOND]
    shares = [quantile_ns(totals.headline, quantile) / quantile_ns(own, quantile) - 1 for quantile in told]
    return max(shares, default=math.nan)


def little_gap(totals: Totals) -> float:
    """Difference between the mean number in flight as it was watched, and rate x mean time in flight, as a share.

    Rate x mean time is the time that all requests spent in flight inside the window, over its length; so it is exact at
    the ends of the window, too. ``nan`` where nothing was in flight. Source: Little (1961).
    """
    watched_ns, flights_ns = totals.tally["in_flight_ns"], totals.tally["flights_ns"]
    between_readings_ns = _READINGS_NS * totals.tally["ok"]
    return max(0, abs(watched_ns - flights_ns) - between_readings_ns) / flights_ns if flights_ns else math.nan
