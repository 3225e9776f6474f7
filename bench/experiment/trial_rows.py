"""Rows of trials.csv, from the slices of a trial and the report of the generator. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.experiment.row_builder import TrialContext, as_number
from bench.experiment.trial_quality import Judgement, Utilisation, cpu_time_values, judge
from bench.machine.process_usage import CPU_SOURCES, UNKNOWN
from bench.schema.csv_schema import ResourceRow, SliceRow, TrialRow
from clients.quality_codes import doubts, findings, format_flags

_GENERATOR_COLUMNS = ("baseline_rps", "baseline_share", "run_delay_share", "involuntary_switches", "gc_runs")
_STATISTICS = ("mean", "p50", "p90", "p99", "p99_9", "max")


@dataclass(frozen=True, slots=True)
class WholeLoad:
    """A load as a whole: the server, and all populations together."""

    ready: Mapping[str, Any]  # the server's ready line
    resources: Sequence[ResourceRow]  # of the server, one for each slice
    elapsed_s: float  # of all slices, from the first request to the last reply
    until_read_s: float  # of all slices, until the server's CPU time was read
    memory_mb: float | None
    answered: int  # correct replies of all populations
    background_load_share: float = math.nan  # of the servers' CPUs
    throttled_share: float = 0.0  # of the CPUs' time, by the container's quota
    opening_kernel_mb: float | None = None  # growth of the kernel's memory while opening, without sockets
    socket_mb: float | None = None  # of the server's sockets, at the end
    listen_overflows: int | None = None
    wire_share: float = math.nan  # of what the network between the hosts carries; of a phase, its own
    start_skew_us: float | None = None  # of several generators
    start_margin_us: float | None = None

    @property
    def server_cpu_us(self) -> float:
        """CPU time of the server in all slices; nan if it is unknown."""
        return sum(row.cpu_us for row in self.resources)


@dataclass(frozen=True, slots=True)
class TrialMeasurement:
    """Everything that is known of a trial when its last slice is over."""

    load: WholeLoad
    slices: Sequence[SliceRow]
    document: Mapping[str, Any]  # of the generator
    recovery_s: float | None = None  # of a phase after an overload


@dataclass(frozen=True, slots=True)
class _ServerUsage:
    """The columns of a trial that need access to the server's processes."""

    mean_cpu_us_per_request: float | None = None
    rss_mb: float | None = None
    threads: int | None = None
    processes: int | None = None
    descriptors: int | None = None
    switches_per_request: float | None = None
    switches_per_s: float | None = None
    server_cpu_share: float | None = None


def unmeasured_row(trial: TrialContext, status: str, reason: str) -> TrialRow:
    """Return the row of a case that was skipped or failed. status: skipped or failed."""
    return TrialRow(**_identity(trial), status=status, reason=reason, seed=trial.schedule.seed)


def trial_row(trial: TrialContext, measurement: TrialMeasurement) -> TrialRow:
    """Return the row of a trial.

    It has the counts of all its slices and the figures of their merged histogram.
    """
    load, document = measurement.load, measurement.document
    ledger = document["ledger"]
    fairness, lateness = document["fairness"] or {}, document["lateness_us"] or {}
    usage = _server_usage(trial, load)
    judgement = _judge(trial, measurement)
    return TrialRow(
        **_identity(trial, load.ready),
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
        retried=document.get("retried"),
        duplicate=ledger["duplicate"],
        reordered=ledger["reordered"],
        errors=" ".join(f"{kind}={count}" for kind, count in document["errors"].items()),
        mean_throughput_rps=document["throughput_rps"] if trial.part.population.gets_replies else None,
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
        recovery_s=measurement.recovery_s,
        mean_cpu_us_per_request=usage.mean_cpu_us_per_request,
        rss_mb=usage.rss_mb,
        memory_mb=load.memory_mb,
        threads=usage.threads,
        processes=usage.processes,
        descriptors=usage.descriptors,
        switches_per_request=usage.switches_per_request,
        switches_per_s=usage.switches_per_s,
        opening_kernel_mb=load.opening_kernel_mb,
        socket_mb=load.socket_mb,
        listen_overflows=load.listen_overflows,
        server_cpu_share=usage.server_cpu_share,
        cpu_source=_cpu_source(load),
        generator_cpu_share=document["generator"]["cpu_share"],
        **{name: document["generator"][name] for name in _GENERATOR_COLUMNS},
        start_skew_us=load.start_skew_us,
        start_margin_us=load.start_margin_us,
        **load.ready["sockets"],
        background_load_share=_none_if_nan(load.background_load_share),
        limited_by=judgement.limited_by,
        verdict=judgement.verdict,
        codes=format_flags(doubts(judgement.flags)),
        findings=format_flags(findings(judgement.flags)),
        seed=trial.schedule.seed,
    )


def _judge(trial: TrialContext, measurement: TrialMeasurement) -> Judgement:
    schedule, load, document = trial.schedule, measurement.load, measurement.document
    utilisation = Utilisation(
        document["generator"]["cpu_share"],
        _server_cpu_share(trial, load),
        closed_loop=document["loop"] == "closed",
        cpus_disjoint=schedule.cpus_disjoint,
        is_baseline=trial.arm in schedule.baseline_arms,
        in_flight=document["in_flight_mean"] or 0.0,
        usable_cpus=_usable_cpus(trial, load),
        server_workers=max(row.threads for row in load.resources),
        background_load_share=load.background_load_share,
        cpu_time_values=_cpu_time_values(trial, load),
        throttled_share=load.throttled_share,
        wire_share=load.wire_share,
    )
    thresholds = schedule.thresholds
    flags = [thresholds.flag(flag["code"], flag["value"], flag["percentile"]) for flag in document["verdict"]["flags"]]
    rates_rps = [row.throughput_rps for row in measurement.slices if row.throughput_rps is not None]
    is_rare = trial.load.has_populations and document["loop"] == "open"  # a slice may have none of its requests
    if rates_rps and not is_rare and statistics.median(rates_rps) == 0:  # it would be the rate of the block
        flags = thresholds.merge([*flags, thresholds.flag("NO_REPLIES", 1.0)])
    return judge(flags, utilisation, thresholds)


def _cpu_time_values(trial: TrialContext, load: WholeLoad) -> dict[str, float]:
    source = _cpu_source(load)
    if source == UNKNOWN and not any(row.processes for row in load.resources):
        return {}  # a running server, of which nobody expects it
    cpus = len(trial.schedule.server_cpus)
    return cpu_time_values(load.server_cpu_us, load.until_read_s, cpus, load.answered, source)


def _cpu_source(load: WholeLoad) -> str:
    """Return the least exact source of the trial's CPU time."""
    return max((row.cpu_source for row in load.resources), key=CPU_SOURCES.index, default=UNKNOWN)


def _server_usage(trial: TrialContext, load: WholeLoad) -> _ServerUsage:
    """Return the server's resources.

    All are None for a running server, whose processes are not visible.
    """
    resources, answered = load.resources, load.answered
    if not any(row.processes for row in resources):
        return _ServerUsage()
    switches = [row.switches for row in resources]
    known_switches = [count for count in switches if count is not None]
    all_known = len(known_switches) == len(switches)
    is_timed = all_known and load.elapsed_s > 0
    return _ServerUsage(
        mean_cpu_us_per_request=_none_if_nan(load.server_cpu_us / answered) if answered else None,
        rss_mb=max(row.rss_mb for row in resources),
        threads=max(row.threads for row in resources),
        processes=max(row.processes for row in resources),
        descriptors=max(row.descriptors for row in resources),
        switches_per_request=sum(known_switches) / answered if answered and all_known else None,
        switches_per_s=sum(known_switches) / load.elapsed_s if is_timed else None,
        server_cpu_share=_none_if_nan(_server_cpu_share(trial, load)),
    )


def _server_cpu_share(trial: TrialContext, load: WholeLoad) -> float:
    """Return the share of its usable CPUs that the server used; nan if unknown.

    A server may compute after its last reply: with 10,000 connections ``poll`` looks at all of them once more, 2 ms at
    the end of a slice of 27 ms. That is no more than all of its CPUs.
    """
    if not load.elapsed_s:
        return 0.0
    return min(load.server_cpu_us / 1e6 / load.elapsed_s / _usable_cpus(trial, load), 1.0)  # nan stays nan


def _usable_cpus(trial: TrialContext, load: WholeLoad) -> int:
    """Return the number of CPUs that the server can use.

    Only one thread of a worker runs Python at a time.
    """
    return max(1, min(len(trial.schedule.server_cpus), int(load.ready["workers"])))


def _identity(trial: TrialContext, ready: Mapping[str, Any] | None = None) -> dict[str, Any]:
    population, hosts = trial.part.population, trial.schedule.hosts
    return trial.factors | {
        "model": trial.arm.model,
        "transport": trial.arm.transport,
        "protocol": population.protocol,
        "python": ready["python"] if ready else "",
        "scenario_kind": population.kind,
        "loop": population.loop,
        "lifecycle": population.lifecycle,
        "behaviour": population.behaviour,
        "population_connections": population.connections,
        "population_bytes": population.message_bytes,
        "wait_us": population.mean_wait_us,
        "compute_units": population.mean_compute_units,
        "compute_kind": population.compute_kind if population.mean_compute_units else "",
        "depth": population.depth,
        "workers": ready["workers"] if ready else None,
        "server_cpus": " ".join(map(str, trial.schedule.server_cpus)),
        "generator_cpus": "" if hosts.are_apart else " ".join(map(str, trial.schedule.generator_cpus)),
        "server_host": hosts.server,
        "generator_hosts": " ".join(hosts.generators),
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
