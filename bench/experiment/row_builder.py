"""From what the children said to rows. Pure: numbers in, frozen rows out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.experiment.trial_quality import Utilisation, judge
from bench.machine.cpu_layout import Placement
from bench.machine.process_usage import Usage, switches_between
from bench.plan.definition import Case, Plan, baseline_arms, plan_thresholds
from bench.schema.arms import Arm
from bench.schema.rows import HistogramRow, ResourceRow, SliceRow, TrialRow
from clients.quality_codes import format_flags

_OF_GENERATOR = ("baseline_rps", "baseline_share", "run_delay_share", "involuntary_switches", "gc_runs")
_FIGURES = ("mean", "p50", "p90", "p99", "p99_9", "max")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a run something was measured."""

    plan: Plan
    placement: Placement
    block: int
    arm: Arm
    case: Case
    rate_rps: float | None = None  # of an open loop

    @property
    def load(self) -> dict[str, Any]:
        """The factors that every row repeats."""
        return {
            "block": self.block,
            "arm": self.arm.name,
            "scenario": self.case.scenario.name,
            "connections": self.case.connections,
            "message_bytes": self.case.message_bytes,
            "rate_rps": self.rate_rps,
        }


def slice_row(place: Place, number: int, position: int, told: Mapping[str, Any], server_cpu_ns: float) -> SliceRow:
    """Return the row of one slice. told: the generator's figures. server_cpu_ns: of the server's tree, in the slice."""
    duration_s = told["duration_s"]
    return SliceRow(
        **place.load,
        round=number,
        position=position,
        duration_s=duration_s,
        scheduled=told["scheduled"],
        unsent=told["unsent"],
        sent=told["sent"],
        replies=told["replies"],
        answered=told["answered"],
        sessions=told["sessions"],
        late=told["late"],
        lost=told["lost"],
        corrupt=told["corrupt"],
        throughput_rps=told["replies"] / duration_s,
        sessions_per_s=told["sessions_per_s"],
        service_p50_us=as_number(told["service_p50_us"]),
        service_p99_us=as_number(told["service_p99_us"]),
        latency_p50_us=as_number(told["latency_p50_us"]),
        latency_p99_us=as_number(told["latency_p99_us"]),
        server_cpu_us=server_cpu_ns / 1e3,
        generator_cpu_us=told["generator_cpu_us"],
        generator_cpu_share=told["generator_cpu_share"],
        run_delay_share=told["run_delay_share"],
        codes="",
    )


def resource_row(place: Place, number: int, role: str, before: Usage, after: Usage) -> ResourceRow:
    """Return what one side held when a slice ended."""
    return ResourceRow(
        **place.load,
        round=number,
        role=role,
        cpu_us=(after.cpu_ns - before.cpu_ns) / 1e3,
        rss_mb=after.rss_mb,
        threads=after.threads,
        processes=after.processes,
        descriptors=after.descriptors,
        switches=switches_between(before, after),
    )


def histogram_rows(place: Place, histograms: Mapping[str, Sequence[Sequence[int]]]) -> list[HistogramRow]:
    """Return a row for every histogram."""
    load = place.load
    return [HistogramRow.of_slots(load, quantity, slots) for quantity, slots in histograms.items() if slots]


def unmeasured_row(place: Place, status: str, reason: str) -> TrialRow:
    """Return the row of a case that was skipped, or failed: nothing vanishes from the matrix."""
    return TrialRow(**_identity(place), status=status, reason=reason, verdict=status, seed=place.plan.seed)


@dataclass(frozen=True, slots=True)
class Measured:
    """All that is known of a trial when its last slice is over."""

    ready: Mapping[str, Any]  # the server's ready line
    slices: Sequence[SliceRow]
    resources: Sequence[ResourceRow]  # of the server
    document: Mapping[str, Any]
    elapsed_s: float  # of all slices, from the first request to the last reply that came
    memory_mb: float | None
    background_load_share: float = math.nan  # of the servers' CPUs, taken by others


def trial_row(place: Place, measured: Measured) -> TrialRow:
    """Return the row of one trial: counts of all its slices, figures of their merged histogram."""
    document, slices = measured.document, measured.slices
    ledger = document["ledger"]
    answered = sum(row.answered for row in slices)
    server_cpu_us = sum(row.server_cpu_us for row in slices)
    usable_cpus = max(
        1, min(len(place.placement.server), measured.ready["workers"])
    )  # one thread at a time runs Python
    switches = [row.switches for row in measured.resources]
    known = [count for count in switches if count is not None]
    seen = not math.isnan(server_cpu_us)
    server_share = server_cpu_us / 1e6 / measured.elapsed_s / usable_cpus if measured.elapsed_s else 0.0
    client_share = document["generator"]["cpu_share"]
    fairness, lateness = document["fairness"] or {}, document["lateness_us"] or {}
    utilisation = Utilisation(
        client_share,
        server_share,
        closed_loop=document["loop"] == "closed",
        cpus_disjoint=place.placement.disjoint,
        is_baseline=place.arm in baseline_arms(place.plan),
        in_flight=document["in_flight_mean"] or 0.0,
        usable_cpus=usable_cpus,
        server_workers=max(row.threads for row in measured.resources),
        background_load_share=measured.background_load_share,
    )
    thresholds = plan_thresholds(place.plan)
    flags = [thresholds.flag(flag["code"], flag["value"]) for flag in document["verdict"]["flags"]]
    judgement = judge(flags, utilisation, thresholds)
    return TrialRow(
        **_identity(place, measured.ready),
        status="ok",
        reason="",
        rounds=len(slices),
        duration_s=document["duration_s"],
        scheduled=document["scheduled"],
        unsent=document["unsent"],
        sent=document["sent"],
        replies=document["replies"],
        sessions=document["sessions"],
        late=ledger["late"],
        lost=ledger["lost"],
        corrupt=ledger["corrupt"],
        duplicate=ledger["duplicate"],
        reordered=ledger["reordered"],
        errors=" ".join(f"{kind}={count}" for kind, count in document["errors"].items()),
        mean_throughput_rps=document["throughput_rps"],
        mean_sessions_per_s=document["sessions_per_s"],
        **_figures("latency", document["latency_us"]),
        **_figures("service", document["service_us"]),
        **_figures("connect", document["connect_us"]),
        lateness_p50_us=lateness.get("p50"),
        lateness_p99_us=lateness.get("p99"),
        pool_wait_share=document["pool_wait_share"],
        in_flight_mean=document["in_flight_mean"],
        jain=fairness.get("jain"),
        starved=fairness.get("starved"),
        mean_cpu_us_per_request=server_cpu_us / answered if answered and seen else None,
        rss_mb=max(row.rss_mb for row in measured.resources) if seen else None,
        memory_mb=measured.memory_mb,
        threads=max(row.threads for row in measured.resources) if seen else None,
        processes=max(row.processes for row in measured.resources) if seen else None,
        descriptors=max(row.descriptors for row in measured.resources) if seen else None,
        switches_per_request=sum(known) / answered if answered and seen and len(known) == len(switches) else None,
        server_cpu_share=server_share if seen else None,
        generator_cpu_share=client_share,
        **{name: document["generator"][name] for name in _OF_GENERATOR},
        **measured.ready["sockets"],
        background_load_share=None if math.isnan(measured.background_load_share) else measured.background_load_share,
        limited_by=judgement.limited_by,
        verdict=judgement.verdict,
        codes=format_flags(judgement.flags),
        seed=place.plan.seed,
    )


def _identity(place: Place, ready: Mapping[str, Any] | None = None) -> dict[str, Any]:
    scenario = place.case.scenario
    return place.load | {
        "model": place.arm.model,
        "transport": place.arm.transport,
        "protocol": scenario.protocol,
        "python": ready["python"] if ready else "",
        "scenario_kind": scenario.kind,
        "loop": scenario.loop,
        "lifecycle": scenario.lifecycle,
        "depth": 1,
        "workers": ready["workers"] if ready else None,
        "server_cpus": " ".join(map(str, place.placement.server)),
        "generator_cpus": " ".join(map(str, place.placement.client)),
    }


def _figures(name: str, figures: Mapping[str, Any] | None) -> dict[str, Any]:
    """Figures of a document under their column names."""
    if figures is None:
        return {}
    columns = {figure: f"{name}_{figure}_us" for figure in _FIGURES}
    if name != "connect":  # summary.csv has a median of that name, over rounds instead of over all requests
        columns["p50"] = f"pooled_{name}_p50_us"
    return {column: as_number(figures[figure]) for figure, column in columns.items()}


def as_number(value: float | str | None) -> float | None:
    """A figure of the generator's, which writes infinity as a word."""
    return math.inf if value == "inf" else None if value is None else float(value)
