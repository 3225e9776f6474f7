"""Rows of recovery.csv: how often an arm recovered from an overload."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema.column_docs import Column, share
from bench.schema.common_columns import (
    ArmName,
    Blocks,
    Model,
    Phase,
    Population,
    Scenario,
    Transport,
    set_arm_columns,
)


@dataclass(frozen=True, slots=True)
class RecoveryRow:
    """Number of blocks in which one arm recovered by itself from one overload of the plan: a row of recovery.csv."""

    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    population: Population
    phase: Phase
    retries: Annotated[int, Column("How often a client sends a request again, at most.")]
    timeout_s: Annotated[float, Column("Time after which a client gives a copy of a request up.", unit="s")]
    overload_share: Annotated[float, share("Load of the overload, as a share of the arm's capacity: above 1.")]
    overload_s: Annotated[float, Column("Length of the overload.", unit="s")]
    load_share: Annotated[float, share("Load of `phase`, after the overload, as a share of the arm's capacity.")]
    predicted_share: Annotated[
        float,
        share("Predicted load below which it recovers.", "1 / (1 + `retries`): [retries](predictions.md#retries)"),
    ]
    blocks: Blocks
    recovered_blocks: Annotated[
        int, Column("Those of `blocks` in which it recovered within `phase`.", how="finite `recovery_s`")
    ]

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)
