"""Checks that cast doubt on the generator's or the server's figures. Pure."""

import math
from dataclasses import dataclass, field

from clients.engine.histogram_slots import Counts
from clients.fairness import fairness
from clients.histogram import has_enough_beyond, quantile_ns, share_between
from clients.load_context import NO_CONTEXT, LoadContext
from clients.load_spec import LoadSpec
from clients.measurement import Totals, credited_replies, errors_of
from clients.quality_codes import QUANTILES, Figure, QualityFlag, Quantity
from clients.steady_state import drift_share, warmup_share

_PUNCTUAL_NS = 50_000
_PUNCTUAL_SHARE = 0.05  # of a percentile
_CLOCK_READING_NS = 500  # per request, between its time stamp and the clock reading that counts it
_KINDS_WITH_CODES = {"closed", "reset", "connect_refused", "no_ports", "no_descriptors"}  # other errors are ERRORS
# Codes that only report that a client behaves as it was asked to.
_MEANT: dict[str, set[str]] = {
    "normal": set(),
    "silent": {"NO_REQUESTS_SENT", "STARVED_CONNECTIONS", "UNFAIR_SERVICE"},
    "trickle": {"NO_REQUESTS_SENT", "NO_REPLIES", "STARVED_CONNECTIONS", "UNFAIR_SERVICE"},
    "never_reads": {
        "NO_REQUESTS_SENT",
        "NO_REPLIES",
        "LOSS",
        "BLOCKED_BY_LOSS",
        "STARVED_CONNECTIONS",
        "UNFAIR_SERVICE",
    },
}
_SILENCE = ("NO_REQUESTS_SENT", "NO_REPLIES")
_MIN_REQUESTS = 1000  # fewer have no tail to judge
_DELAYED_ACK_NS = (38_000_000, 48_000_000)
_SYN_RETRANSMITS_NS = ((900_000_000, 1_400_000_000), (1_900_000_000, 2_400_000_000))


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known about one load."""

    spec: LoadSpec
    totals: Totals
    served: list[int]  # replies per connection
    lost: int
    context: LoadContext = NO_CONTEXT


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a load, on each of its percentiles, and the flags that were raised.

    A doubt about one percentile does not count for the verdict on the load.
    """

    verdict: str
    flags: list[QualityFlag]  # doubts and findings
    percentile_verdicts: dict[str, str] = field(default_factory=dict)  # of the latency, else of the service time


def judge(facts: Facts) -> Judgement:
    """Judge a load. A value that is unknown (nan) raises no flag."""
    values = _check_counts(facts) | _check_generator(facts) | _check_latency_shape(facts)
    values |= _check_open_loop(facts) if facts.spec.open_loop else _check_closed_loop(facts)
    for code in _MEANT[facts.spec.behaviour] | (set() if facts.context.active else _MEANT["silent"]):
        values.pop(code, None)
    if facts.context.answered_before:  # the server was reachable, so its silence is what the phase shows
        values["SILENT_PHASE"] = max(values.pop(code, 0.0) for code in _SILENCE)
    flags = facts.context.thresholds.raise_flags(values)
    quantity = Quantity.LATENCY if facts.spec.open_loop else Quantity.SERVICE_TIME
    figures = {name: Figure(quantity, name) for name in QUANTILES}
    percentiles = {name: facts.context.thresholds.worst(flags, figure) for name, figure in figures.items()}
    return Judgement(facts.context.thresholds.worst(flags), flags, percentiles)


def _check_counts(facts: Facts) -> dict[str, float]:
    tally = facts.totals.tally
    sent, lost = tally["sent"], facts.lost
    # An open loop counts a latency whenever its reply came, and a burst of 10 ms has all its replies afterwards.
    answered = tally["ok"] if facts.context.is_phase or facts.spec.open_loop else tally["credit"]
    values = {
        "NO_REQUESTS_SENT": float(sent == 0),
        "NO_REPLIES": float(sent > 0 and answered == 0),
        "SERVER_GONE": float(facts.context.server_listens is False),
        "CORRUPT_REPLIES": float(tally["corrupt"] or tally["wrong_reply"]),
        "LATE_REPLIES": float(tally["late"]),
        "PORTS_EXHAUSTED": float(tally["no_ports"]),
        "DESCRIPTORS_EXHAUSTED": float(tally["no_descriptors"]),
        "CONNECTIONS_CLOSED": float(tally["closed"]),
        "CONNECTIONS_RESET": float(tally["reset"]),
        "CONNECTIONS_REFUSED": float(tally["connect_refused"]),
        "ERRORS": float(sum(count for kind, count in errors_of(tally).items() if kind not in _KINDS_WITH_CODES)),
    }
    if facts.context.drops is not None:
        values["GENERATOR_DROPS"] = float(facts.context.drops["generator"])
        values["UNEXPLAINED_LOSS"] = max(0, lost - sum(facts.context.drops.values())) / sent if sent else 0.0
    return values


def _check_generator(facts: Facts) -> dict[str, float]:
    totals = facts.totals
    elapsed_s = totals.elapsed_s or math.inf
    return {
        "GENERATOR_SATURATED": totals.busiest_cpu_s / elapsed_s,
        "GENERATOR_BEHIND": facts.context.shortfall_share,
        "GENERATOR_MISSING": facts.context.missing_share,
        "RUN_DELAY": totals.run_delay_s / elapsed_s,
        "CPU_STEAL": math.nan if facts.context.steal_share is None else facts.context.steal_share,
        "GENERATOR_GC": float(totals.gc_runs),
        "MAJOR_FAULTS": float(totals.major_faults),
        "SLOW_CLOCKSOURCE": float(not facts.context.good_clock),
        "LITTLES_LAW_VIOLATED": littles_law_gap(totals),
    }


def _check_latency_shape(facts: Facts) -> dict[str, float]:
    """Look for known causes and for drift in the shapes of the histograms."""
    counts, connect = facts.totals.primary, facts.totals.histograms["connect"]
    values = {"SYN_RETRANSMITS": sum(share_between(connect, *limits_ns) for limits_ns in _SYN_RETRANSMITS_NS)}
    if counts.sum() >= _MIN_REQUESTS and not _is_shorter_than_delayed_ack(facts):
        values["DELAYED_ACK"] = _delayed_ack_share(counts)
    if facts.context.whole_load is not None:
        values["DRIFT"] = drift_share(facts.context.whole_load)
        values["WARMUP_TOO_SHORT"] = warmup_share(facts.context.whole_load) if values["DRIFT"] > 0 else 0.0
    return values


def _is_shorter_than_delayed_ack(facts: Facts) -> bool:
    """Return whether a phase is so short that its latencies show how long its requests wait for one another."""
    return facts.context.is_phase and facts.totals.duration_s * 1e9 < _DELAYED_ACK_NS[1]


def _delayed_ack_share(counts: Counts) -> float:
    """Return the share of latencies around 40 ms.

    Returns 0 unless that is 5 times the share of the bands on either side.
    """
    low_ns, high_ns = _DELAYED_ACK_NS
    cluster = share_between(counts, low_ns, high_ns)
    neighbours = share_between(counts, low_ns - 10_000_000, low_ns) + share_between(
        counts, high_ns, high_ns + 10_000_000
    )
    return cluster if cluster > 5 * neighbours / 2 else 0.0


def _check_closed_loop(facts: Facts) -> dict[str, float]:
    sent = facts.totals.tally["sent"]
    values = {"LOSS": _lost_by_others_share(facts), "BLOCKED_BY_LOSS": _blocked_share(facts)}
    if facts.served and not facts.spec.in_sessions and sent:
        spread = fairness(facts.served)
        values["STARVED_CONNECTIONS"] = float(spread["starved"])
        if spread["jain"] is not None:
            values["UNFAIR_SERVICE"] = spread["jain"] / spread["jain_expected"]
    return values


def _check_open_loop(facts: Facts) -> dict[str, float]:
    spec, totals = facts.spec, facts.totals
    tally = totals.tally
    scheduled, counted = tally["scheduled"], tally["counted"]
    values = {
        "OPEN_LOOP_LOSS": _lost_by_others_share(facts),
        "UNSENT": tally["unsent"] / scheduled if scheduled else 0.0,
        "CONNECTION_WAIT": tally["pooled"] / counted if counted else 0.0,
        "NEAR_GENERATOR_LIMIT": spec.rate_rps / facts.context.baseline_rps if facts.context.baseline_rps else math.nan,
    }
    if counted >= _MIN_REQUESTS:
        values["OVERLOAD"] = credited_replies(tally) / counted
    return values | _check_percentiles(totals)


def _check_percentiles(totals: Totals) -> dict[str, float]:
    """Return what the generator did to each percentile of the latency: a value for each code and percentile.

    A percentile with too few requests beyond it, or with an infinite value, has none.
    """
    missing = totals.tally["counted"] - int(totals.primary.sum())
    values: dict[str, float] = {}
    for name, quantile in QUANTILES.items():
        latency_ns = quantile_ns(totals.primary, quantile, missing)
        is_printed = has_enough_beyond(totals.tally["counted"], 0.5 if quantile == 1 else quantile)
        if is_printed and math.isfinite(latency_ns):
            values[f"LATE_SENDS@{name}"] = late_sends_share(totals.histograms["lateness"], latency_ns)
            values[f"LATENESS_IN_LATENCY@{name}"] = lateness_share(totals, quantile, missing)
            values[f"POLL_BATCH_DELAY@{name}"] = poll_batch_share(totals.histograms["turnaround"], quantile, latency_ns)
    return values


def _lost_by_others_share(facts: Facts) -> float:
    """Return the share of requests that were lost, but not at the generator's own sockets."""
    sent = facts.totals.tally["sent"]
    at_generator = facts.context.drops["generator"] if facts.context.drops is not None else 0
    return max(0, facts.lost - at_generator) / sent if sent else 0.0


def _blocked_share(facts: Facts) -> float:
    """Return the share of the connections' time that a closed loop spent on waiting for lost replies.

    A lost request blocks its place until the timeout, or to the end of its slice: on average half a slice. That is too
    much for a request that is lost because its connection ends, and no share is more than all of the time.
    """
    spec, totals = facts.spec, facts.totals
    if not totals.slices or totals.duration_s <= 0:
        return 0.0
    blocked_s = facts.lost * min(spec.timeout_s, totals.duration_s / totals.slices / 2)
    return min(1.0, blocked_s / (spec.connections * spec.depth * totals.duration_s))


def late_sends_share(lateness: Counts, percentile_ns: float) -> float:
    """Return the share of requests that were sent too late for a percentile of the latency.

    Source: 1 - Caladan's "schedule adherence". A request is punctual within 50 us, or within 5% of the percentile if
    that is more.
    """
    limit_ns = max(_PUNCTUAL_NS, 0 if math.isnan(percentile_ns) else _PUNCTUAL_SHARE * percentile_ns)
    return 1 - share_between(lateness, 0, int(limit_ns)) if int(lateness.sum()) else math.nan


def lateness_share(totals: Totals, quantile: float, missing: int = 0) -> float:
    """Return how much the generator's lateness raises a percentile of the latency, as a share.

    missing: requests that were never answered.
    """
    without_lateness_ns = quantile_ns(totals.histograms["without_send_delay"], quantile, missing)
    return quantile_ns(totals.primary, quantile, missing) / without_lateness_ns - 1


def poll_batch_share(turnaround: Counts, quantile: float, latency_ns: float) -> float:
    """Return the time of a poll's events as a share of a percentile of the latency.

    A reply waits in the generator for the events of its poll that come before it. Half of the requests beyond a
    percentile may be there because of this wait and the other half because of the server, whatever the two have to do
    with each other. So the wait counts up to the percentile that lies half as far from the end.
    """
    return quantile_ns(turnaround, (1 + quantile) / 2) / latency_ns


def littles_law_gap(totals: Totals) -> float:
    """Return how far the observed number in flight violates Little's law.

    That is the gap between the observed mean number in flight and rate x mean time in flight, as a share. Rate x mean
    time is the time that all requests spent in flight inside the window over the window's length, so it is exact at the
    window's ends, too. nan if nothing was in flight. Source: Little (1961).
    """
    watched_ns, flights_ns = totals.tally["in_flight_ns"], totals.tally["flights_ns"]
    tolerance_ns = _CLOCK_READING_NS * totals.tally["ok"]
    return max(0, abs(watched_ns - flights_ns) - tolerance_ns) / flights_ns if flights_ns else math.nan
