"""Rows of the two derived tables: ``summary.csv`` and ``comparisons.csv``."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema.column_docs import Column
from bench.schema.common_columns import (
    HIGH,
    LOW,
    ArmName,
    Blocks,
    Codes,
    Connections,
    Findings,
    MessageBytes,
    Metric,
    Model,
    Phase,
    Population,
    Protocol,
    Python,
    RateRps,
    Reason,
    Scenario,
    ScenarioKindName,
    Status,
    Transport,
    Verdict,
    set_arm_columns,
)

_OVER_BLOCKS = "95%, over blocks (order statistics); of `max_rate_rps`: search bounds, no interval"
_OF_FAMILY = "95%, simultaneous over the family; of a control: 95% for itself"


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One metric of one case over all blocks: a row of summary.csv."""

    arm: ArmName
    model: Model
    transport: Transport
    protocol: Protocol
    python: Python
    scenario_kind: ScenarioKindName
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    population: Population = field(default="", kw_only=True)
    phase: Phase = field(default="", kw_only=True)
    rate_rps: RateRps
    metric: Metric
    unit: Annotated[str, Column("Unit of `median`, `low` and `high`.")]
    blocks: Blocks
    median: Annotated[
        float | None,
        Column(
            "Median over the blocks. Infinite if too many requests were never answered.",
            how="The value of a block depends on the [metric](#metrics-of-summarycsv).",
        ),
    ]
    low: Annotated[float | None, Column(LOW, interval=_OVER_BLOCKS)]
    high: Annotated[float | None, Column(HIGH, interval=_OVER_BLOCKS)]
    verdict: Verdict
    codes: Codes
    findings: Findings
    status: Status
    reason: Reason
    predicted: Annotated[
        float | None,
        Column(
            "Predicted value, in the same unit.",
            how="Calculated by a formula from quantities that were measured apart; see [predictions](predictions.md).",
            is_new=True,
        ),
    ] = None
    prediction_ratio: Annotated[float | None, Column("`median` / `predicted`.", is_new=True)] = None
    prediction: Annotated[
        str,
        Column(
            "`as predicted`: `prediction_ratio` is within a factor of 1.1. Else `not explained by this`. Empty without "
            "a prediction.",
            is_new=True,
        ),
    ] = ""
    prediction_form: Annotated[
        str, Column("Name of the form, with a section in [predictions](predictions.md).", is_new=True)
    ] = ""
    predicted_limit: Annotated[
        str,
        Column(
            "Of a closed loop: what is full according to the prediction: `cpu`, `waiting slots` or `clients` (all of "
            "them wait, and the server is idle part of the time).",
            is_new=True,
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One arm compared with another at one load point: a row of comparisons.csv."""

    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    population: Population = field(default="", kw_only=True)
    phase: Phase = field(default="", kw_only=True)
    rate_rps: RateRps
    scenario_kind: ScenarioKindName
    metric: Metric
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    reference: Annotated[str, Column("Name of the arm that `arm` is compared with.")]
    ratio: Annotated[
        float | None,
        Column(
            "Value of `arm` divided by the value of `reference`.",
            how="See `pairing`. Inside rounds: the median over the rounds is the value of a block, and this is the "
            "geometric mean over the blocks.",
        ),
    ]
    low: Annotated[float | None, Column(LOW, interval=_OF_FAMILY)]
    high: Annotated[float | None, Column(HIGH, interval=_OF_FAMILY)]
    p_holm: Annotated[
        float | None, Column("P-value of `ratio` = 1.", how="Student's t over blocks, Holm's correction in the family.")
    ]
    blocks: Blocks
    conclusion: Annotated[
        str,
        Column(
            "`faster`, `slower`, `equivalent` or `inconclusive`.",
            how="`faster` or `slower`: the interval excludes 1. `equivalent`: the 90% interval of the pair lies within "
            "0.95 to 1.053.",
        ),
    ]
    verdict: Verdict
    codes: Codes
    findings: Findings
    kind: Annotated[
        str,
        Column(
            "What is compared: `control` (an arm with itself), `transports` (UDP with TCP), `reference` (an arm with "
            "the reference), `pair` (two other arms) or `baseline` (the baseline with an arm)."
        ),
    ]
    pairing: Annotated[
        str,
        Column(
            "Where the ratio is taken: inside `rounds`, inside `blocks` (a percentile that slices do not have), or "
            "`unpaired` (phases, whose servers remember what was before). Empty in an older run: inside rounds.",
            is_new=True,
        ),
    ] = field(default="rounds", kw_only=True)
    difference: Annotated[
        float | None,
        Column(
            "Value of `arm` minus the value of `reference`, in the unit of the metric.",
            how="Paired like `ratio`: the median over the rounds is the value of a block, and this is the mean over "
            "the blocks. Empty if `pairing` is `unpaired`.",
            is_new=True,
        ),
    ] = field(default=None, kw_only=True)
    difference_low: Annotated[
        float | None, Column("Lower end of the interval of `difference`.", interval=_OF_FAMILY, is_new=True)
    ] = field(default=None, kw_only=True)
    difference_high: Annotated[
        float | None, Column("Upper end of the interval of `difference`.", interval=_OF_FAMILY, is_new=True)
    ] = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)
