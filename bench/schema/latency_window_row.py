"""The latencies of a load with phases over time: a row for each window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from bench.schema.column_docs import Column
from bench.schema.common_columns import (
    ArmName,
    Block,
    Connections,
    MessageBytes,
    Model,
    Population,
    Scenario,
    SlotBounds,
    SlotCounts,
    StartOfPart,
    Transport,
    set_arm_columns,
)


@dataclass(frozen=True, slots=True)
class LatencyWindowRow:
    """The latencies of one population in a window of a load with phases: a row of latency_windows.csv.gz.

    The values are the latencies of correct replies in time, or their service times in a closed loop. There are 4 slots
    in each power of two, as in HdrHistogram.
    """

    block: Block
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    population: Population
    start_s: StartOfPart
    window_s: Annotated[
        float, Column("Length of the window: 1, 2 or 5 times a power of ten. The last one may be shorter.", unit="s")
    ]
    upper_ns: SlotBounds
    counts: SlotCounts
    never_answered: Annotated[
        int,
        Column("Requests of the window without a correct reply in time: unsent, given up, late, corrupt, or broken."),
    ]

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)

    @classmethod
    def of_window(cls, factors: Mapping[str, Any], window: Mapping[str, Any]) -> "LatencyWindowRow":
        """Return the row of a window of the generator's document. factors: the columns block to population."""
        return cls(
            **factors,
            start_s=window["start_s"],
            window_s=window["length_s"],
            upper_ns=_joined(window["upper_ns"]),
            counts=_joined(window["counts"]),
            never_answered=window["never_answered"],
        )


def _joined(numbers: Sequence[int]) -> str:
    return " ".join(map(str, numbers))
