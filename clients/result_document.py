"""The result document of one trial: plain dicts and numbers, keys that stay, units in the names."""

from dataclasses import dataclass
from typing import Any

from clients.engine.histogram_slots import Counts
from clients.fairness import fairness
from clients.histogram import summary_us
from clients.load_spec import LoadSpec
from clients.measurement import Slice, Totals, errors_of, lost_of
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_checks import Facts, judge
from clients.quality_codes import Thresholds
from clients.steady_state import finite, precision, windows

# 1: first. 2: open loop, depth, lateness, facts about the generator. 3: new names of codes and shares, flags.
SCHEMA = 3


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of a load beside its counts."""

    warmup_s: float = 0.0
    parts: Slice | None = None  # the one slice whose parts become ``windows``, if there was one
    baseline_rps: float | None = None  # rate that the generator reaches with the baseline server at this load
    drops: dict[str, int] | None = None  # datagrams that the kernel dropped, by place
    steal_share: float | None = None  # CPU time that the machine's host gave to others
    good_clock: bool = True
    thresholds: Thresholds = DEFAULT_THRESHOLDS


def recorded(settings: LoadSpec, of: Slice | Totals) -> dict[str, Counts]:
    """The histograms by the names that the rows have. Each has the shape (SLOTS,)."""
    headline = of.headline.sum(axis=0) if of.headline.ndim == 2 else of.headline
    if not settings.open_loop:
        return {"service": headline, "connect": of.histograms["connect"]}
    shown = {name: of.histograms[name] for name in ("service", "lateness", "connect")}
    return {"latency": headline, **shown}


def missing_of(settings: LoadSpec, of: Slice | Totals) -> dict[str, int]:
    """Requests of each of the ``recorded`` latencies that are in no slot of it, for they took for ever.

    Those given up, answered late or wrongly, or broken; of the latency of an open loop also those never sent.
    """
    headline = of.tally["counted"] - int(of.headline.sum())
    if not settings.open_loop:
        return {"service": headline}
    return {"latency": headline, "service": int(of.histograms["lateness"].sum() - of.histograms["service"].sum())}


def document(
    settings: LoadSpec, totals: Totals, served: list[int], cpus: tuple[int, ...], context: Context = Context()
) -> dict[str, Any]:
    """Return the document of all that a target was loaded with. served: replies of each connection."""
    tally = totals.tally
    lost = lost_of(tally)
    found = recorded(settings, totals)
    missing = missing_of(settings, totals)
    rate = tally["replies"] / totals.duration_s if totals.duration_s > 0 else None
    facts = Facts(
        settings,
        totals,
        served,
        lost,
        parts=context.parts,
        baseline_rps=context.baseline_rps,
        drops=context.drops,
        steal_share=context.steal_share,
        good_clock=context.good_clock,
        thresholds=context.thresholds,
    )
    judgement = judge(facts)
    return {
        "schema": SCHEMA,
        "target": f"{settings.transport}://{settings.host}:{settings.port}",
        "protocol": settings.protocol,
        "transport": settings.transport,
        "loop": "open" if settings.open_loop else "closed",
        "lifecycle": settings.lifecycle,
        "connections": settings.connections,
        "message_bytes": max(settings.sizes) if settings.protocol == "echo" else None,
        "mix": [list(pair) for pair in settings.mix] or None,
        "requests_per_session": settings.messages_per_session if settings.in_sessions else None,
        "depth": settings.depth,
        "think_s": settings.think_s,
        "rate_rps": settings.rate_rps or None,
        "arrivals": settings.arrivals if settings.open_loop else None,
        "seed": settings.seed,
        "warmup_s": context.warmup_s,
        "duration_s": totals.duration_s,
        "scheduled": tally["scheduled"] if settings.open_loop else None,
        "sent": tally["sent"],
        "unsent": tally["unsent"],
        "replies": tally["replies"],
        "throughput_rps": rate,
        "sessions": tally["sessions"] if settings.in_sessions else None,
        "sessions_per_s": sessions_per_s(settings, tally["replies"], totals.duration_s),
        "ledger": {
            "ok": tally["ok"],
            "late": tally["late"],
            "lost": lost,
            "corrupt": tally["corrupt"],
            "duplicate": tally["duplicate"],
            "reordered": tally["reordered"],
        },
        "errors": errors_of(tally),
        "kernel_drops": context.drops,
        "latency_us": _figures(summary_us(found["latency"], missing["latency"])) if settings.open_loop else None,
        "service_us": _figures(summary_us(found["service"], missing["service"])),
        "lateness_us": _figures(summary_us(found["lateness"])) if settings.open_loop else None,
        "connect_us": _figures(summary_us(found["connect"])) if found["connect"].any() else None,
        "pool_wait_share": tally["pooled"] / tally["counted"] if settings.open_loop and tally["counted"] else None,
        "in_flight_mean": tally["in_flight_ns"] / tally["watched_ns"] if tally["watched_ns"] else None,
        "fairness": None if settings.in_sessions else fairness(served),
        "windows": [] if context.parts is None else windows(context.parts),
        "precision": None if context.parts is None else precision(context.parts),
        "generator": {
            "threads": max(1, len(cpus)),
            "cpus": list(cpus),
            "cpu_share": totals.cpu_share_s / totals.elapsed_s if totals.elapsed_s else 0.0,
            "baseline_rps": context.baseline_rps,
            "baseline_share": rate / context.baseline_rps if rate is not None and context.baseline_rps else None,
            "run_delay_share": totals.stolen_s / totals.elapsed_s if totals.elapsed_s else 0.0,
            "steal_share": context.steal_share,
            "gc_runs": totals.gc_runs,
            "involuntary_switches": totals.involuntary_switches,
            "major_faults": totals.major_faults,
        },
        "verdict": {
            "status": judgement.verdict,
            "codes": [str(flag) for flag in judgement.flags],
            "flags": [{"code": flag.code.name, "value": flag.value} for flag in judgement.flags],
        },
    }


def sessions_per_s(settings: LoadSpec, replies: int, duration_s: float) -> float | None:
    """Sessions a second, by the share of a session that each reply is; None if there are no sessions.

    Whole sessions end in waves, since all connections begin one when a slice begins: to count those that end inside a
    short window would be a matter of where the waves fall.
    """
    if not settings.in_sessions or duration_s <= 0:
        return None
    return replies / settings.messages_per_session / duration_s


def _figures(figures: dict[str, float]) -> dict[str, float | str | None]:
    return {name: finite(value) for name, value in figures.items()}
