"""The part of one of several load generators in a trial."""

from dataclasses import dataclass, field
from typing import Annotated

from bench.schema import load_columns
from bench.schema.column_docs import Column, microseconds, share
from bench.schema.common_columns import (
    ArmName,
    Block,
    Connections,
    MessageBytes,
    Model,
    RateRps,
    Scenario,
    Transport,
    set_arm_columns,
)


@dataclass(frozen=True, slots=True)
class GeneratorRow:
    """One of several generators in one load of a block, all populations together: a row of generators.csv."""

    block: Block
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    rate_rps: RateRps
    generator_host: Annotated[str, Column("Host of the generator, by its name in the fleet.")]
    generator_connections: Annotated[int, Column("Connections of this generator.")]
    sent: Annotated[int, load_columns.SENT]
    unsent: Annotated[int, load_columns.UNSENT]
    generator_answered: Annotated[int, Column("Correct replies that this generator got in all slices.")]
    load_ratio: Annotated[
        float | None,
        Column(
            "What it sent of its part of the load, beside what the others sent of theirs: 1 is even.",
            how="requests sent for each connection / those of the other generators. Empty if no population waits for "
            "replies.",
        ),
    ]
    shortfall_share: Annotated[
        float, share("Part of its load that it did not send. 0 if chance and unfair service may explain it.")
    ]
    generator_cpu_share: Annotated[float, load_columns.GENERATOR_CPU_SHARE]
    run_delay_share: Annotated[float, load_columns.RUN_DELAY_SHARE]
    generator_lateness_p99_us: Annotated[
        float | None,
        microseconds(
            "99th percentile of the lateness of this generator. Empty in a closed loop and below 1,000 requests."
        ),
    ]
    late_start_us: Annotated[float, microseconds("The latest start of a slice, beside the common start.")]
    missing_share: Annotated[float, share("Time of the windows that had begun before it sent its first request.")]

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)
