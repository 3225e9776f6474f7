"""Rows about rates: the calibration before the first block, and the searches for a max rate."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema.column_docs import Column, microseconds
from bench.schema.common_columns import (
    ArmName,
    Codes,
    Connections,
    Findings,
    MessageBytes,
    Model,
    ObjectiveLostShare,
    ObjectiveP99Us,
    Protocol,
    Python,
    Reason,
    Scenario,
    ScenarioKindName,
    Status,
    Transport,
    Verdict,
    set_arm_columns,
)


@dataclass(frozen=True, slots=True)
class RateRow:
    """The rate of an arm in an open loop, found before the first block: a row of rates.csv."""

    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    rate: Annotated[str, Column("Rate as the plan asks for it, e.g. `common` or `rate_rps=20000`.")]
    capacity_rps: Annotated[float, Column("Rate of a short closed loop with the same arm.", unit="requests/s")]
    rate_rps: Annotated[float, Column("Rate at which the arm is measured.", unit="requests/s")]

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxRateRow:
    """One trial of a search for the max rate, on a fresh server: a row of max_rate.csv.

    An arm that was skipped, or whose search failed before its first trial, has one row without a step.
    """

    scenario: Scenario
    scenario_kind: ScenarioKindName = "max_rate"
    connections: Connections
    message_bytes: MessageBytes
    arm: ArmName
    model: Model
    transport: Transport
    protocol: Protocol
    python: Python = ""
    round: Annotated[int, Column("Number of the round of searches, from 0.")] = 0
    step: Annotated[
        int | None, Column("Number of the rate on the scale of rates; neighbours are apart by `search_width`.")
    ] = None
    rate_rps: Annotated[float | None, Column("Rate at which requests were scheduled.", unit="requests/s")] = None
    objective_p99_us: ObjectiveP99Us
    objective_lost_share: ObjectiveLostShare
    scheduled: Annotated[int | None, Column("Requests scheduled.")] = None
    sent: Annotated[int | None, Column("Requests sent.")] = None
    replies: Annotated[int | None, Column("Correct replies inside the window.")] = None
    lost: Annotated[int | None, Column("Requests given up, or broken with their connection.")] = None
    unsent: Annotated[int | None, Column("Scheduled requests that could not be sent.")] = None
    throughput_rps: Annotated[
        float | None, Column("Rate of correct replies.", unit="requests/s", how="`replies` / length of the window")
    ] = None
    latency_p50_us: Annotated[float | None, microseconds("Median latency.")] = None
    latency_p99_us: Annotated[float | None, microseconds("99th percentile of the latency.")] = None
    generator_cpu_share: Annotated[
        float | None, Column("CPU time of the busiest generator thread in the trial's time.", unit="share")
    ] = None
    passed: Annotated[bool, Column("Whether the trial met the objective.")] = False
    counted: Annotated[bool, Column("Whether the trial decides its step. An invalid trial is repeated instead.")] = (
        False
    )
    verdict: Verdict
    codes: Codes
    findings: Findings = ""
    status: Status = "ok"
    reason: Reason = ""
