"""Raw rows of a block, but for its trials: slices, rounds, resources and histograms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from bench.schema import load_columns
from bench.schema.column_docs import Column, microseconds, share
from bench.schema.common_columns import (
    ArmName,
    Block,
    Codes,
    Connections,
    CpuSource,
    MessageBytes,
    Model,
    Phase,
    Population,
    RateRps,
    Round,
    Scenario,
    SlotBounds,
    SlotCounts,
    Transport,
    set_arm_columns,
)

DISTURBED = "DISTURBED"  # the code of a slice whose round was disturbed and repeated: it counts nowhere


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A short stretch of load on one arm: a row of slices.csv.gz.

    Its window leaves out the first milliseconds: ``slice_warmup_s`` in slice_lengths.csv.
    """

    block: Block
    round: Round
    position: Annotated[int, Column("Position of the slice in its round, from 0.")]
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    population: Population = field(default="", kw_only=True)
    phase: Phase = field(default="", kw_only=True)
    rate_rps: RateRps
    duration_s: Annotated[float, load_columns.DURATION_S]
    scheduled: Annotated[int | None, load_columns.SCHEDULED]
    unsent: Annotated[int, load_columns.UNSENT]
    sent: Annotated[int, load_columns.SENT]
    replies: Annotated[int, load_columns.REPLIES]
    answered: Annotated[int, Column("Correct replies in the whole slice.")]
    load_answered: Annotated[
        int | None,
        Column(
            "Correct replies of all populations in the whole slice; the server's CPU time was spent on these. Empty if "
            "the scenario has only one.",
            is_new=True,
        ),
    ] = field(default=None, kw_only=True)
    sessions: Annotated[int, load_columns.SESSIONS]
    late: Annotated[int, load_columns.LATE]
    given_up: Annotated[int, load_columns.GIVEN_UP]
    corrupt: Annotated[int, load_columns.CORRUPT]
    throughput_rps: Annotated[float | None, load_columns.THROUGHPUT_RPS]
    sessions_per_s: Annotated[
        float | None,
        Column(
            "Rate of sessions. Empty where connections stay open.",
            unit="sessions/s",
            how="Each reply counts as its share of a session.",
        ),
    ]
    service_p50_us: Annotated[float | None, microseconds("Median service time. Unanswered requests are infinite.")]
    service_p99_us: Annotated[float | None, load_columns.SERVICE_P99_US]
    latency_p50_us: Annotated[float | None, load_columns.LATENCY_P50_US]
    latency_p99_us: Annotated[float | None, load_columns.LATENCY_P99_US]
    server_cpu_us: Annotated[
        float | None,
        microseconds(
            "CPU time of the server's processes in the whole slice. Empty in a phase, which is a part of one."
        ),
    ]
    generator_cpu_us: Annotated[
        float, microseconds("CPU time of the generator in the whole slice, without polls that returned nothing.")
    ]
    generator_cpu_share: Annotated[float, load_columns.GENERATOR_CPU_SHARE]
    run_delay_share: Annotated[float, load_columns.RUN_DELAY_SHARE]
    start_skew_us: Annotated[float | None, replace(load_columns.START_SKEW_US, is_new=True)] = field(
        default=None, kw_only=True
    )
    start_margin_us: Annotated[float | None, replace(load_columns.START_MARGIN_US, is_new=True)] = field(
        default=None, kw_only=True
    )
    codes: Codes

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)


@dataclass(frozen=True, slots=True)
class RoundRow:
    """The state of the machine during one round: a row of rounds.csv."""

    block: Block
    round: Round
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    probe_us: Annotated[
        float, microseconds("Time of the noise probe, a fixed piece of work, on the slowest of the CPUs.")
    ]
    probe_ratio: Annotated[
        float, Column("Time of the noise probe divided by its usual time on the same CPU.", how="The largest CPU's.")
    ]
    steal_share: Annotated[float, share("CPU time that the hypervisor gave to others.", "steal ticks of `/proc/stat`")]
    max_run_delay_share: Annotated[
        float,
        Column("The largest `run_delay_share` of the round's slices.", unit="share", former_name="run_delay_share"),
    ]
    pressure_share: Annotated[
        float | None,
        share("Time in which some process waited for a CPU. Empty if unknown.", "PSI, `/proc/pressure/cpu`"),
    ]
    disturbed: Annotated[bool, Column("Whether the round was disturbed: it does not count and was repeated.")]


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """The resources of the server or of the generator at the end of a slice: a row of resources.csv.gz."""

    block: Block
    round: Round
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    rate_rps: RateRps
    role: Annotated[str, Column("`server` or `generator`.")]
    cpu_us: Annotated[float, microseconds("CPU time of all its processes in the slice.")]
    rss_mb: Annotated[float, load_columns.RSS_MB]
    threads: Annotated[int, load_columns.THREADS]
    processes: Annotated[int, load_columns.PROCESSES]
    descriptors: Annotated[int, load_columns.DESCRIPTORS]
    switches: Annotated[
        int | None, Column("Context switches in the slice. Empty if threads were started or ended in it.")
    ]
    cpu_source: CpuSource = "clocks"

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """One histogram of one trial, with two significant digits: a row of histograms.csv.gz.

    A row for each slot would take three times as much space. ``bench.load`` returns a row for each slot.
    """

    block: Block
    arm: ArmName
    model: Model = field(init=False)
    transport: Transport = field(init=False)
    scenario: Scenario
    connections: Connections
    message_bytes: MessageBytes
    population: Population = field(default="", kw_only=True)
    phase: Phase = field(default="", kw_only=True)
    rate_rps: RateRps
    quantity: Annotated[str, Column("Time that was recorded: `service`, `latency`, `lateness` or `connect`.")]
    upper_ns: SlotBounds
    counts: SlotCounts

    def __post_init__(self) -> None:
        set_arm_columns(self, self.arm)

    @classmethod
    def of_slots(cls, load: Mapping[str, Any], quantity: str, slots: Iterable[Sequence[int]]) -> "HistogramRow":
        """Return a histogram's row. load: its columns block to rate_rps. slots: (lower_ns, upper_ns, count) each."""
        used = list(slots)
        upper_ns = " ".join(str(upper) for _, upper, _ in used)
        counts = " ".join(str(count) for _, _, count in used)
        return cls(**load, quantity=quantity, upper_ns=upper_ns, counts=counts)
