"""Rows from the reports of servers and generator.

Pure: numbers in, frozen rows out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.machine.process_usage import Usage, switches_between
from bench.plan.population_loads import LoadPart
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.schema.arms import Arm
from bench.schema.csv_schema import GeneratorRow, HistogramRow, LatencyWindowRow, ResourceRow, SliceRow, TimelineRow


@dataclass(frozen=True, slots=True)
class TrialContext:
    """Identity of a trial in a run."""

    schedule: Schedule
    block: int
    arm: Arm
    load: ScheduledLoad
    part: LoadPart  # that the rows are about: one of the load's
    rate_rps: float | None = None  # of an open loop

    @property
    def load_factors(self) -> dict[str, Any]:
        """The columns that every row about the whole load repeats."""
        return {
            "block": self.block,
            "arm": self.arm.name,
            **self.load.point.load_cells,
            "rate_rps": self.planned_rate_rps,
        }

    @property
    def factors(self) -> dict[str, Any]:
        """The columns that every row about one population in one phase repeats."""
        return self.load_factors | {"population": self.part.point.population, "phase": self.part.point.phase}

    @property
    def population_factors(self) -> dict[str, Any]:
        """The columns that every row about one population over all phases repeats. Each phase has its own rate."""
        factors = self.load_factors | {"population": self.part.point.population}
        del factors["rate_rps"]
        return factors

    @property
    def planned_rate_rps(self) -> float | None:
        """The rate in the rows. Phases are compared although each arm may have rates of its own, so they have none."""
        return self.rate_rps if self.part.phase is None else None


def slice_row(
    trial: TrialContext,
    number: int,
    position: int,
    report: Mapping[str, Any],
    server_cpu_ns: float | None,
    load_answered: int | None = None,
) -> SliceRow:
    """Return the row of a slice, or of a phase.

    number: of its round. position: in the round. report: figures of the generator. server_cpu_ns: CPU time of the
    server's process tree in the slice; None for a phase. load_answered: replies of all populations, if there are some.
    """
    gets_replies = trial.part.population.gets_replies
    return SliceRow(
        **trial.factors,
        round=number,
        position=position,
        duration_s=report["duration_s"],
        scheduled=report["scheduled"],
        unsent=report["unsent"],
        sent=report["sent"],
        replies=report["replies"],
        answered=report["answered"],
        sessions=report["sessions"],
        late=report["late"],
        given_up=report["given_up"],
        corrupt=report["corrupt"],
        load_answered=load_answered,
        throughput_rps=(report["throughput_rps"] or 0.0) if gets_replies else None,
        sessions_per_s=report["sessions_per_s"],
        service_p50_us=as_number(report["service_p50_us"]),
        service_p99_us=as_number(report["service_p99_us"]),
        latency_p50_us=as_number(report["latency_p50_us"]),
        latency_p99_us=as_number(report["latency_p99_us"]),
        server_cpu_us=None if server_cpu_ns is None else server_cpu_ns / 1e3,
        generator_cpu_us=report["generator_cpu_us"],
        generator_cpu_share=report["generator_cpu_share"],
        run_delay_share=report["run_delay_share"],
        start_skew_us=report.get("start_skew_us"),
        start_margin_us=report.get("start_margin_us"),
        codes="",
    )


def resource_row(trial: TrialContext, number: int, role: str, before: Usage, after: Usage) -> ResourceRow:
    """Return the resources of one side at the end of a slice.

    number: of its round. role: server or generator.
    """
    return ResourceRow(
        **trial.load_factors,
        round=number,
        role=role,
        cpu_us=(after.cpu_ns - before.cpu_ns) / 1e3,
        rss_mb=after.rss_mb,
        threads=after.threads,
        processes=after.processes,
        descriptors=after.descriptors,
        switches=switches_between(before, after),
        cpu_source=after.cpu_source,
    )


def histogram_rows(trial: TrialContext, histograms: Mapping[str, Sequence[Sequence[int]]]) -> list[HistogramRow]:
    """Return a row for every histogram that is not empty."""
    factors = trial.factors
    return [HistogramRow.of_slots(factors, quantity, slots) for quantity, slots in histograms.items() if slots]


def generator_rows(trial: TrialContext, generators: Mapping[str, Mapping[str, Any]]) -> list[GeneratorRow]:
    """Return a row for each of several generators. generators: figures of each, by the name of its host."""
    return [
        GeneratorRow(
            **trial.load_factors,
            generator_host=name,
            generator_connections=each["connections"],
            sent=each["sent"],
            unsent=each["unsent"],
            generator_answered=each["answered"],
            load_ratio=each["load_ratio"],
            shortfall_share=each["shortfall_share"],
            generator_cpu_share=each["cpu_share"],
            run_delay_share=each["run_delay_share"],
            generator_lateness_p99_us=each["lateness_p99_us"],
            late_start_us=each["late_start_us"],
            missing_share=each["missing_share"],
        )
        for name, each in generators.items()
    ]


def timeline_rows(trial: TrialContext, goodput: Mapping[str, Any] | None) -> list[TimelineRow]:
    """Return a row for each short stretch of a load with phases. goodput: of the generator, for one population."""
    if goodput is None:
        return []
    stretch_s = float(goodput["bin_s"])
    stretches = zip(goodput["replies"], goodput["latency_us"], goodput["failed"], strict=True)
    return [
        TimelineRow(
            **trial.population_factors,
            start_s=number * stretch_s,
            stretch_s=stretch_s,
            ok_replies=replies,
            reply_latency_us=latency_us,
            failed_requests=failed,
        )
        for number, (replies, latency_us, failed) in enumerate(stretches)
    ]


def latency_window_rows(trial: TrialContext, windows: Sequence[Mapping[str, Any]] | None) -> list[LatencyWindowRow]:
    """Return a row for each window of a load with phases. windows: of the generator, for one population."""
    return [LatencyWindowRow.of_window(trial.population_factors, window) for window in windows or ()]


def as_number(value: float | str | None) -> float | None:
    """Return a figure of the generator's JSON, which writes infinity as a text."""
    return math.inf if value == "inf" else None if value is None else float(value)
