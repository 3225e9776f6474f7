"""Rows of max_rate.csv. Pure."""

from dataclasses import dataclass
from typing import Any

from bench.experiment.objective import Objective
from bench.experiment.row_builder import as_number
from bench.experiment.solo_load import LoadResult
from bench.plan.schedule import ScheduledLoad
from bench.schema.arms import Arm
from bench.schema.csv_schema import MaxRateRow


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """The result of a trial of a search."""

    round: int
    step: int
    rate_rps: float
    passed: bool
    counted: bool  # False if its numbers were invalid and the trial is repeated
    verdict: str  # empty if the trial failed
    codes: str
    findings: str
    failure: str  # why the trial failed; empty if it did not
    python: str  # interpreter of the server


def unsearched_row(load: ScheduledLoad, arm: Arm, objective: Objective, status: str, reason: str) -> MaxRateRow:
    """Return the row of an arm that could not be searched."""
    return _row(load, arm, objective, verdict="", codes="", findings="", status=status, reason=reason)


def trial_search_row(
    load: ScheduledLoad, arm: Arm, objective: Objective, outcome: TrialOutcome, result: LoadResult | None
) -> MaxRateRow:
    """Return the row of a trial. result: None if the server failed."""
    return _row(
        load,
        arm,
        objective,
        python=outcome.python,
        round=outcome.round,
        step=outcome.step,
        rate_rps=outcome.rate_rps,
        passed=outcome.passed,
        counted=outcome.counted,
        verdict=outcome.verdict,
        codes=outcome.codes,
        findings=outcome.findings,
        status="failed" if outcome.failure else "ok",
        reason=outcome.failure,
        **_figures(result),
    )


def _row(load: ScheduledLoad, arm: Arm, objective: Objective, **columns: Any) -> MaxRateRow:
    return MaxRateRow(
        **load.point.load_cells,
        arm=arm.name,
        model=arm.model,
        transport=arm.transport,
        protocol=load.scenario.protocol,
        objective_p99_us=objective.p99_us,
        objective_lost_share=objective.lost_share,
        **columns,
    )


def _figures(result: LoadResult | None) -> dict[str, Any]:
    if result is None:
        return {}
    document = result.document
    latency_us = document["latency_us"] or {}
    return {
        "scheduled": document["scheduled"],
        "sent": document["sent"],
        "replies": document["replies"],
        "lost": document["ledger"]["lost"],
        "unsent": document["unsent"],
        "throughput_rps": document["throughput_rps"],
        "latency_p50_us": as_number(latency_us.get("p50")),
        "latency_p99_us": as_number(latency_us.get("p99")),
        "generator_cpu_share": document["generator"]["cpu_share"],
    }
