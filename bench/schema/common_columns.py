"""Columns that several kinds of row have in common, each documented once."""

from typing import Annotated, Any

from bench.schema.arms import Arm
from bench.schema.column_docs import Column

Block = Annotated[int, Column("Number of the block, from 0.")]
Round = Annotated[int, Column("Number of the round inside its block and load point, or inside its search, from 0.")]

ArmName = Annotated[
    str,
    Column("Name of the arm: `MODEL/TRANSPORT`, then `@PYTHON` for another interpreter and `~control` for a control."),
]
Model = Annotated[str, Column("Server model of the arm, e.g. `select`.")]
Transport = Annotated[str, Column("Transport of the arm: `tcp` or `udp`.")]
Protocol = Annotated[str, Column("Protocol of the conversation: `echo`, `hola` or `work`.")]
Python = Annotated[
    str, Column("Interpreter that ran the server, e.g. `cpython 3.11.7`. Empty if no server reported one.")
]

Scenario = Annotated[str, Column("Name of the scenario in `plan.toml`.")]
ScenarioKindName = Annotated[
    str,
    Column(
        "What the scenario asks for: `capacity`, `sessions`, `latency`, `max_rate`, `mixed`, `phases`, or `held` for a "
        "population that gets no replies."
    ),
]
Connections = Annotated[
    int,
    Column(
        "Number of connections that the generator keeps open, or of concurrent sessions. With populations: the number "
        "that the scenario varies."
    ),
]
MessageBytes = Annotated[
    int,
    Column(
        "Size of a request, of `work` with its header; 0 for `hola`, whose messages are fixed. With populations: the "
        "size that the scenario varies.",
        unit="bytes",
    ),
]
Population = Annotated[
    str, Column("Population of the scenario that the row is about. Empty if the scenario has only one.", is_new=True)
]
Phase = Annotated[
    str, Column("Phase of the scenario that the row is about. Empty if the scenario has only one.", is_new=True)
]
RATE_RPS = Column(
    "Rate at which the generator schedules requests. Empty in a closed loop, and in phases, whose rates are in "
    "`rates.csv`.",
    unit="requests/s",
)
RateRps = Annotated[float | None, RATE_RPS]

Metric = Annotated[str, Column("Name of the metric, e.g. `throughput_rps`; see [metrics](#metrics-of-summarycsv).")]
Blocks = Annotated[
    int,
    Column(
        "Number of blocks with a value; in a comparison, with values of both arms; of `max_rate_rps`, number of trials "
        "that passed at `low`."
    ),
]
LOW = "Lower end of the interval of `median` or `ratio`."
HIGH = "Upper end of the interval of `median` or `ratio`."

ObjectiveP99Us = Annotated[float, Column("Objective: highest accepted 99th percentile of the latency.", unit="us")]
ObjectiveLostShare = Annotated[
    float, Column("Objective: highest accepted share of requests without a correct reply in time.", unit="share")
]

Verdict = Annotated[
    str,
    Column(
        "Whether the numbers can be used: `valid`, `suspect` or `invalid`. Empty if nothing was measured.",
        how="The worst doubt in `codes` decides. A doubt about one percentile (`LATE_SENDS@p99`) counts for that "
        "percentile alone, and one about CPU time or memory for these alone.",
    ),
]
Codes = Annotated[
    str,
    Column(
        "Doubts about the numbers: quality codes with their values, separated by spaces, e.g. `RUN_DELAY=2.1%`. In "
        "slices only `DISTURBED`: the round was repeated, so the slice counts nowhere."
    ),
]
Findings = Annotated[
    str,
    Column(
        "Findings about the server: quality codes with their values, e.g. `LOSS=0.04%`. The numbers are right.",
        is_new=True,
    ),
]
Status = Annotated[str, Column("Outcome: `ok`, `failed` or `skipped`.")]
Reason = Annotated[str, Column("Why the case failed or was skipped. Empty if it was measured.")]

CpuSource = Annotated[
    str,
    Column(
        "Source of the CPU time: `clocks` of the processes, the `cgroup` of an external server, `clocks and ticks` "
        "where processes ended and left their time to their parent, or `unknown`.",
        is_new=True,
    ),
]


SlotBounds = Annotated[
    str, Column("Largest value of each used slot, in ascending order, separated by spaces.", unit="ns")
]
SlotCounts = Annotated[str, Column("Number of values in each of these slots, separated by spaces.")]
StartOfPart = Annotated[
    float, Column("Start of the row's part of the load, from the start of the first phase.", unit="s")
]


def set_arm_columns(row: Any, arm_name: str) -> None:
    """Set ``model`` and ``transport`` of a frozen row from the name of its arm. Raises ValueError."""
    arm = Arm.parse(arm_name)
    object.__setattr__(row, "model", arm.model)
    object.__setattr__(row, "transport", arm.transport)
