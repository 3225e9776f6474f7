"""The ends of requests of a load with phases over time: a row for each short stretch."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema.column_docs import Column, microseconds
from bench.schema.common_columns import (
    ArmName,
    Block,
    Connections,
    MessageBytes,
    Model,
    Population,
    Scenario,
    StartOfPart,
    Transport,
    set_arm_columns,
)


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """The ends of one population's requests in a short stretch of a load with phases: a row of timeline.csv.gz."""

    block: Block
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    population: Population
    start_s: StartOfPart
    stretch_s: Annotated[float, Column("Length of the stretch.", unit="s")]
    ok_replies: Annotated[int, Column("Correct replies that arrived in the stretch, in time.")]
    reply_latency_us: Annotated[
        float | None,
        microseconds("Mean latency of these replies; of the service time in a closed loop. Empty without replies."),
    ]
    failed_requests: Annotated[
        int | None,
        Column(
            "Requests that ended in the stretch without a correct reply in time: given up, late, corrupt, or broken "
            "with their connection.",
            is_new=True,
        ),
    ] = None

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)
