"""Rows from the reports of servers and generator. Pure: numbers in, frozen rows out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.experiment.trial_quality import Judgement, Utilisation, judge
from bench.machine.process_usage import Usage, switches_between
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.schema.arms import Arm
from bench.schema.rows import HistogramRow, ResourceRow, SliceRow, TrialRow
from clients.quality_codes import format_flags

_GENERATOR_COLUMNS = ("baseline_rps", "baseline_share", "run_delay_share", "involuntary_switches", "gc_runs")
_STATISTICS = ("mean", "p50", "p90", "p99", "p99_9", "max")


@dataclass(frozen=True, slots=True)
class TrialContext:
    """Which trial of a run something belongs to."""

    schedule: Schedule
    block: int
    arm: Arm
    load: ScheduledLoad
    rate_rps: float | None = None  # of an open loop

    @property
    def factors(self) -> dict[str, Any]:
        """The columns that every row repeats."""
        point = self.load.point
        return {
            "block": self.block,
            "arm": self.arm.name,
            "scenario": point.scenario,
            "connections": point.connections,
            "message_bytes": point.message_bytes,
            "rate_rps": self.rate_rps,
        }


@dataclass(frozen=True, slots=True)
class TrialMeasurement:
    """Everything that is known of a trial when its last slice is over."""

    ready: Mapping[str, Any]  # the server's ready line
    slices: Sequence[SliceRow]
    resources: Sequence[ResourceRow]  # of the server
    document: Mapping[str, Any]  # of the generator
    elapsed_s: float  # of all slices, from the first request to the last reply
    memory_mb: float | None
    background_load_share: float = math.nan  # of the servers' CPUs


@dataclass(frozen=True, slots=True)
class _ServerUsage:
    """The columns of a trial that need access to the server's processes."""

    mean_cpu_us_per_request: float | None = None
    rss_mb: float | None = None
    threads: int | None = None
    processes: int | None = None
    descriptors: int | None = None
    switches_per_request: float | None = None
    server_cpu_share: float | None = None


def slice_row(
    trial: TrialContext, number: int, position: int, report: Mapping[str, Any], server_cpu_ns: float
) -> SliceRow:
    """Return the row of a slice.

    number: of its round. position: in the round. report: figures of the generator. server_cpu_ns: CPU time of the
    server's process tree in the slice.
    """
    duration_s = report["duration_s"]
    return SliceRow(
        **trial.factors,
        round=number,
        position=position,
        duration_s=duration_s,
        scheduled=report["scheduled"],
        unsent=report["unsent"],
        sent=report["sent"],
        replies=report["replies"],
        answered=report["answered"],
        sessions=report["sessions"],
        late=report["late"],
        lost=report["lost"],
        corrupt=report["corrupt"],
        throughput_rps=report["replies"] / duration_s,
        sessions_per_s=report["sessions_per_s"],
        service_p50_us=as_number(report["service_p50_us"]),
        service_p99_us=as_number(report["service_p99_us"]),
        latency_p50_us=as_number(report["latency_p50_us"]),
        latency_p99_us=as_number(report["latency_p99_us"]),
        server_cpu_us=server_cpu_ns / 1e3,
        generator_cpu_us=report["generator_cpu_us"],
        generator_cpu_share=report["generator_cpu_share"],
        run_delay_share=report["run_delay_share"],
        codes="",
    )


def resource_row(trial: TrialContext, number: int, role: str, before: Usage, after: Usage) -> ResourceRow:
    """Return the resources of one side at the end of a slice. number: of its round. role: server or generator."""
    return ResourceRow(
        **trial.factors,
        round=number,
        role=role,
        cpu_us=(after.cpu_ns - before.cpu_ns) / 1e3,
        rss_mb=after.rss_mb,
        threads=after.threads,
        processes=after.processes,
        descriptors=after.descriptors,
        switches=switches_between(before, after),
    )


def histogram_rows(trial: TrialContext, histograms: Mapping[str, Sequence[Sequence[int]]]) -> list[HistogramRow]:
    """Return a row for every histogram that has samples."""
    factors = trial.factors
    return [HistogramRow.of_slots(factors, quantity, slots) for quantity, slots in histograms.items() if slots]


def unmeasured_row(trial: TrialContext, status: str, reason: str) -> TrialRow:
    """Return the row of a case that was skipped or failed. status: skipped or failed."""
    return TrialRow(**_identity(trial), status=status, reason=reason, verdict=status, seed=trial.schedule.seed)


def trial_row(trial: TrialContext, measurement: TrialMeasurement) -> TrialRow:
    """Return the row of a trial: counts of all its slices, and figures of their merged histogram."""
    document = measurement.document
    ledger = document["ledger"]
    fairness, lateness = document["fairness"] or {}, document["lateness_us"] or {}
    usage = _server_usage(trial, measurement)
    judgement = _judge(trial, measurement)
    return TrialRow(
        **_identity(trial, measurement.ready),
        status="ok",
        reason="",
        rounds=len(measurement.slices),
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
        **_percentile_columns("latency", document["latency_us"]),
        **_percentile_columns("service", document["service_us"]),
        **_percentile_columns("connect", document["connect_us"]),
        lateness_p50_us=lateness.get("p50"),
        lateness_p99_us=lateness.get("p99"),
        pool_wait_share=document["pool_wait_share"],
        in_flight_mean=document["in_flight_mean"],
        jain=fairness.get("jain"),
        starved=fairness.get("starved"),
        mean_cpu_us_per_request=usage.mean_cpu_us_per_request,
        rss_mb=usage.rss_mb,
        memory_mb=measurement.memory_mb,
        threads=usage.threads,
        processes=usage.processes,
        descriptors=usage.descriptors,
        switches_per_request=usage.switches_per_request,
        server_cpu_share=usage.server_cpu_share,
        generator_cpu_share=document["generator"]["cpu_share"],
        **{name: document["generator"][name] for name in _GENERATOR_COLUMNS},
        **measurement.ready["sockets"],
        background_load_share=_none_if_nan(measurement.background_load_share),
        limited_by=judgement.limited_by,
        verdict=judgement.verdict,
        codes=format_flags(judgement.flags),
        seed=trial.schedule.seed,
    )


def as_number(value: float | str | None) -> float | None:
    """Return a figure of the generator's JSON, which writes infinity as a text."""
    return math.inf if value == "inf" else None if value is None else float(value)


def _judge(trial: TrialContext, measurement: TrialMeasurement) -> Judgement:
    schedule, document = trial.schedule, measurement.document
    utilisation = Utilisation(
        document["generator"]["cpu_share"],
        _server_cpu_share(trial, measurement),
        closed_loop=document["loop"] == "closed",
        cpus_disjoint=schedule.cpus_disjoint,
        is_baseline=trial.arm in schedule.baseline_arms,
        in_flight=document["in_flight_mean"] or 0.0,
        usable_cpus=_usable_cpus(trial, measurement),
        server_workers=max(row.threads for row in measurement.resources),
        background_load_share=measurement.background_load_share,
    )
    thresholds = schedule.thresholds
    flags = [thresholds.flag(flag["code"], flag["value"]) for flag in document["verdict"]["flags"]]
    return judge(flags, utilisation, thresholds)


def _server_usage(trial: TrialContext, measurement: TrialMeasurement) -> _ServerUsage:
    """Return the server's resources; all None for a running server, whose processes are not visible."""
    server_cpu_us = sum(row.server_cpu_us for row in measurement.slices)
    if math.isnan(server_cpu_us):
        return _ServerUsage()
    answered = sum(row.answered for row in measurement.slices)
    resources = measurement.resources
    switches = [row.switches for row in resources]
    known_switches = [count for count in switches if count is not None]
    all_known = len(known_switches) == len(switches)
    return _ServerUsage(
        mean_cpu_us_per_request=server_cpu_us / answered if answered else None,
        rss_mb=max(row.rss_mb for row in resources),
        threads=max(row.threads for row in resources),
        processes=max(row.processes for row in resources),
        descriptors=max(row.descriptors for row in resources),
        switches_per_request=sum(known_switches) / answered if answered and all_known else None,
        server_cpu_share=_server_cpu_share(trial, measurement),
    )


def _server_cpu_share(trial: TrialContext, measurement: TrialMeasurement) -> float:
    """Return the share of its usable CPUs that the server used; nan if unknown."""
    if not measurement.elapsed_s:
        return 0.0
    server_cpu_us = sum(row.server_cpu_us for row in measurement.slices)
    return server_cpu_us / 1e6 / measurement.elapsed_s / _usable_cpus(trial, measurement)


def _usable_cpus(trial: TrialContext, measurement: TrialMeasurement) -> int:
    """Return the number of CPUs that the server can use: only one thread of a worker runs Python at a time."""
    return max(1, min(len(trial.schedule.server_cpus), int(measurement.ready["workers"])))


def _identity(trial: TrialContext, ready: Mapping[str, Any] | None = None) -> dict[str, Any]:
    scenario = trial.load.scenario
    return trial.factors | {
        "model": trial.arm.model,
        "transport": trial.arm.transport,
        "protocol": scenario.protocol,
        "python": ready["python"] if ready else "",
        "scenario_kind": scenario.kind,
        "loop": scenario.loop,
        "lifecycle": scenario.lifecycle,
        "depth": 1,
        "workers": ready["workers"] if ready else None,
        "server_cpus": " ".join(map(str, trial.schedule.server_cpus)),
        "generator_cpus": " ".join(map(str, trial.schedule.generator_cpus)),
    }


def _percentile_columns(quantity: str, figures: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return figures of the generator under their column names."""
    if figures is None:
        return {}
    columns = {statistic: f"{quantity}_{statistic}_us" for statistic in _STATISTICS}
    if quantity != "connect":  # summary.csv has a median of that name, over rounds instead of over all requests
        columns["p50"] = f"pooled_{quantity}_p50_us"
    return {column: as_number(figures[statistic]) for statistic, column in columns.items()}


def _none_if_nan(value: float) -> float | None:
    return None if math.isnan(value) else value
