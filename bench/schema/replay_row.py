"""The requests of a short excerpt: a row for each reply."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema.column_docs import Column
from bench.schema.common_columns import (
    ArmName,
    Connections,
    MessageBytes,
    Model,
    Scenario,
    Transport,
    set_arm_columns,
)


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """One request of an excerpt: a row of replay.csv.gz. Its times count from the start of the excerpt."""

    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    connection: Annotated[int, Column("Number of the connection, from 0.")]
    sent_ns: Annotated[int, Column("When the request was sent. Negative if that was before the excerpt.", unit="ns")]
    received_ns: Annotated[int, Column("When its correct reply was complete.", unit="ns")]

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)
