"""The result document of one trial: plain dicts and numbers.

Keys are stable and have their units in their names.
"""

from typing import Any

from clients.addresses import format_url
from clients.engine.histogram_slots import Counts
from clients.fairness import fairness
from clients.histogram import summary_us
from clients.load_context import NO_CONTEXT, LoadContext
from clients.load_spec import LoadSpec
from clients.measurement import LoadCounts, Totals, errors_of, lost_of, replies_per_s
from clients.quality_checks import Facts, judge
from clients.quality_codes import doubts, findings
from clients.steady_state import precision, to_json, windows

# 1: first. 2: open loop, depth, lateness, facts about the generator. 3: new names of codes and shares, flags.
# 4: findings apart from codes, and a verdict for each percentile.
SCHEMA = 4


def named_histograms(spec: LoadSpec, counts: LoadCounts | Totals) -> dict[str, Counts]:
    """Return the histograms by the names that rows and documents use.

    Each has the shape (SLOTS,).
    """
    primary = counts.primary.sum(axis=0) if counts.primary.ndim == 2 else counts.primary
    if not spec.open_loop:
        return {"service": primary, "connect": counts.histograms["connect"]}
    return {"latency": primary} | {name: counts.histograms[name] for name in ("service", "lateness", "connect")}


def never_answered(spec: LoadSpec, counts: LoadCounts | Totals) -> dict[str, int]:
    """Return the number of requests without a latency, for each latency.

    They are in no slot of its histogram. They were given up, broken, or answered late or wrongly. The latency of an
    open loop includes requests that were never sent.
    """
    missing = counts.tally["counted"] - int(counts.primary.sum())
    if not spec.open_loop:
        return {"service": missing}
    sent = int(counts.histograms["lateness"].sum())
    return {"latency": missing, "service": sent - int(counts.histograms["service"].sum())}


def make_document(
    spec: LoadSpec, totals: Totals, served: list[int], cpus: tuple[int, ...], context: LoadContext = NO_CONTEXT
) -> dict[str, Any]:
    """Return the document of all loads of a generator.

    served: replies of each connection; empty if that is unknown.
    """
    rate = replies_per_s(totals.tally, totals.duration_s)
    whole_load = context.whole_load
    return {
        "schema": SCHEMA,
        **_describe_load(spec),
        "warmup_s": context.warmup_s,
        **_describe_counts(spec, totals, rate),
        "kernel_drops": context.drops,
        **_describe_latencies(spec, totals),
        "fairness": fairness(served) if served and not spec.in_sessions else None,
        "windows": [] if whole_load is None else windows(whole_load),
        "precision": None if whole_load is None else precision(whole_load),
        "generator": _describe_generator(totals, cpus, rate, context),
        "verdict": _describe_verdict(spec, totals, served, context),
    }


def _describe_load(spec: LoadSpec) -> dict[str, Any]:
    return {
        "target": format_url(spec.transport, spec.host, spec.port),
        "protocol": spec.protocol,
        "transport": spec.transport,
        "loop": "open" if spec.open_loop else "closed",
        "lifecycle": spec.lifecycle,
        "behaviour": spec.behaviour,
        "trickle_s": spec.trickle_s if spec.behaviour == "trickle" else None,
        "retries": spec.retries,
        "connections": spec.connections,
        "message_bytes": max(spec.sizes) if spec.protocol != "hola" else None,
        "mix": [list(pair) for pair in spec.mix] or None,
        **_describe_work(spec),
        "requests_per_session": spec.messages_per_session if spec.in_sessions else None,
        "depth": spec.depth,
        "think_s": spec.think_s,
        "rate_rps": spec.rate_rps or None,
        "arrivals": spec.arrivals if spec.open_loop else None,
        "seed": spec.seed,
    }


def _describe_work(spec: LoadSpec) -> dict[str, Any]:
    """Return what each request asks of the server; null for a protocol without work, or for a mix of works."""
    is_work, is_mix = spec.protocol == "work", bool(spec.work_mix)
    return {
        "wait_us": spec.wait_us if is_work and not is_mix else None,
        "compute_units": spec.compute_units if is_work and not is_mix else None,
        "compute_kind": spec.compute_kind if is_work else None,
        "work_mix": [list(work) for work in spec.work_mix] or None,
    }


def _describe_counts(spec: LoadSpec, totals: Totals, rate: float | None) -> dict[str, Any]:
    tally = totals.tally
    return {
        "duration_s": totals.duration_s,
        "scheduled": tally["scheduled"] if spec.open_loop else None,
        "sent": tally["sent"],
        "unsent": tally["unsent"],
        "retried": tally["retried"],
        "connects": tally["connects"],
        "unread_bytes": tally["unread_bytes"] if spec.behaviour == "never_reads" else None,
        "replies": tally["replies"],
        "throughput_rps": rate,
        "sessions": tally["sessions"] if spec.in_sessions else None,
        "sessions_per_s": sessions_per_s(spec, rate),
        "ledger": {
            "ok": tally["ok"],
            "late": tally["late"],
            "lost": lost_of(tally),
            "corrupt": tally["corrupt"],
            "duplicate": tally["duplicate"],
            "reordered": tally["reordered"],
        },
        "errors": errors_of(tally),
    }


def _describe_latencies(spec: LoadSpec, totals: Totals) -> dict[str, Any]:
    tally, is_open = totals.tally, spec.open_loop
    watched_ns = tally["watched_ns"] and 1e9 * totals.duration_s  # each thread watches its own connections
    histograms, missing = named_histograms(spec, totals), never_answered(spec, totals)
    return {
        "latency_us": _to_json(summary_us(histograms["latency"], missing["latency"])) if is_open else None,
        "service_us": _to_json(summary_us(histograms["service"], missing["service"])),
        "lateness_us": _to_json(summary_us(histograms["lateness"])) if is_open else None,
        "connect_us": _to_json(summary_us(histograms["connect"])) if histograms["connect"].any() else None,
        "pool_wait_share": tally["pooled"] / tally["counted"] if is_open and tally["counted"] else None,
        "in_flight_mean": tally["in_flight_ns"] / watched_ns if watched_ns else None,
    }


def _describe_generator(
    totals: Totals, cpus: tuple[int, ...], rate: float | None, context: LoadContext
) -> dict[str, Any]:
    baseline_rps = context.baseline_rps
    return {
        "threads": max(1, len(cpus)),
        "cpus": list(cpus),
        "cpu_share": totals.busiest_cpu_s / totals.elapsed_s if totals.elapsed_s else 0.0,
        "baseline_rps": baseline_rps,
        "baseline_share": rate / baseline_rps if rate is not None and baseline_rps else None,
        "run_delay_share": totals.run_delay_s / totals.elapsed_s if totals.elapsed_s else 0.0,
        "steal_share": context.steal_share,
        "gc_runs": totals.gc_runs,
        "involuntary_switches": totals.involuntary_switches,
        "major_faults": totals.major_faults,
    }


def _describe_verdict(spec: LoadSpec, totals: Totals, served: list[int], context: LoadContext) -> dict[str, Any]:
    judgement = judge(Facts(spec, totals, served, lost_of(totals.tally), context))
    return {
        "status": judgement.verdict,
        "percentiles": judgement.percentile_verdicts,
        "codes": [str(flag) for flag in doubts(judgement.flags)],
        "findings": [str(flag) for flag in findings(judgement.flags)],
        "flags": [
            {"code": flag.code.name, "value": flag.value, "percentile": flag.percentile} for flag in judgement.flags
        ],
    }


def sessions_per_s(spec: LoadSpec, rate: float | None) -> float | None:
    """Return sessions per second, from the rate of replies; None without sessions.

    Each reply counts as its share of a session. Whole sessions end in waves, since all connections begin one when a
    slice begins. In a short window the number of completed sessions would depend on where the waves fall.
    """
    return rate / spec.messages_per_session if spec.in_sessions and rate is not None else None


def _to_json(summary: dict[str, float]) -> dict[str, float | str | None]:
    return {name: to_json(value) for name, value in summary.items()}
