"""Rows about rates: the calibration before the first block, and the searches for a max rate."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema import load_columns
from bench.schema.column_docs import Column
from bench.schema.common_columns import (
    RATE_RPS,
    ArmName,
    Codes,
    Connections,
    Findings,
    MessageBytes,
    Model,
    ObjectiveLostShare,
    ObjectiveP99Us,
    Phase,
    Population,
    Protocol,
    Python,
    RateRps,
    Reason,
    Round,
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
    population: Population = field(default="", kw_only=True)
    phase: Phase = field(default="", kw_only=True)
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    rate: Annotated[str, Column("Rate as the plan asks for it, e.g. `common` or `rate_rps=20000`.")]
    capacity_rps: Annotated[
        float, Column("Rate of a short closed loop with the same arm; 0 if it answered too little.", unit="requests/s")
    ]
    rate_rps: Annotated[float, RATE_RPS]

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)


@dataclass(frozen=True, slots=True)
class SliceLengthRow:
    """The slices of an arm at a load point, found before the first block: a row of slice_lengths.csv."""

    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    cycle_s: Annotated[
        float | None,
        Column("Time of a reply at this load, or of a session. Empty if there was no reply.", unit="s"),
    ]
    slice_s: Annotated[float, Column("Length of a slice, with its warm-up.", unit="s")]
    slice_warmup_s: Annotated[float, Column("Start of a slice whose replies are not counted.", unit="s")]
    round_interval: Annotated[int, Column("k if the arm has a slice in every k-th round. The baseline has fewer.")]
    reason: Reason

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
    round: Round = 0
    step: Annotated[
        int | None, Column("Number of the rate on the scale of rates; neighbours are apart by `search_width`.")
    ] = None
    rate_rps: RateRps = None
    objective_p99_us: ObjectiveP99Us
    objective_lost_share: ObjectiveLostShare
    scheduled: Annotated[int | None, load_columns.SCHEDULED] = None
    sent: Annotated[int | None, load_columns.SENT] = None
    replies: Annotated[int | None, load_columns.REPLIES] = None
    lost: Annotated[int | None, load_columns.LOST] = None
    unsent: Annotated[int | None, load_columns.UNSENT] = None
    throughput_rps: Annotated[float | None, load_columns.THROUGHPUT_RPS] = None
    latency_p50_us: Annotated[float | None, load_columns.LATENCY_P50_US] = None
    latency_p99_us: Annotated[float | None, load_columns.LATENCY_P99_US] = None
    generator_cpu_share: Annotated[float | None, load_columns.GENERATOR_CPU_SHARE] = None
    passed: Annotated[bool, Column("Whether the trial met the objective.")] = False
    counted: Annotated[bool, Column("Whether the trial decides its step. An invalid trial is repeated instead.")] = (
        False
    )
    verdict: Verdict
    codes: Codes
    findings: Findings = ""
    status: Status = "ok"
    reason: Reason = ""
