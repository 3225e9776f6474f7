"""What passes between the stages: one frozen dataclass for each kind of row.

A row's fields are the columns of its CSV, in this order; ``None`` is an empty cell. Units end the names.

Schema history: 1 = first.
"""

from dataclasses import dataclass

from bench.schema.result_rows import ComparisonRow as ComparisonRow
from bench.schema.result_rows import SummaryRow as SummaryRow

SCHEMA = 1
DISTURBED = "DISTURBED"  # the code of a slice whose round was hit by others and run again: it counts nowhere


@dataclass(frozen=True, slots=True)
class RateRow:
    """The rate of an arm in an open loop, found before the first block: a row of rates.csv."""

    scenario: str
    connections: int
    message_bytes: int
    arm: str
    rate: str  # as the plan asks for it
    capacity_rps: float  # of a closed loop, measured for a moment
    rate_rps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxRateRow:
    """One trial of a search for the highest rate, on a fresh server: a row of max_rate.csv.

    An arm that was skipped, or could not be searched for at all, is a row without a step, too.
    """

    scenario: str
    scenario_kind: str = "max_rate"
    connections: int
    message_bytes: int
    arm: str
    model: str
    transport: str
    protocol: str
    python: str = ""
    round: int = 0
    step: int | None = None  # of the ladder of rates
    rate_rps: float | None = None
    objective_p99_us: float
    objective_lost_share: float
    scheduled: int | None = None
    sent: int | None = None
    replies: int | None = None
    lost: int | None = None
    unsent: int | None = None
    throughput_rps: float | None = None
    latency_p50_us: float | None = None
    latency_p99_us: float | None = None
    generator_cpu_share: float | None = None
    passed: bool = False
    counted: bool = False  # not if its numbers were invalid and the trial is made again
    verdict: str
    codes: str  # of a trial that failed or was skipped, the reason


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A short stretch of load on one arm: a row of slices.csv. Its window leaves the first milliseconds out."""

    block: int
    round: int
    position: int  # in its round, from 0
    arm: str
    scenario: str
    connections: int
    message_bytes: int
    rate_rps: float | None
    duration_s: float  # of the window
    scheduled: int | None  # open loop: requests that were to be sent in the whole slice ...
    unsent: int  # ... and those of them that could not be
    sent: int  # in the whole slice, as are late, lost, corrupt and the CPU times
    replies: int  # inside the window
    answered: int  # right replies in the whole slice: what the CPU time was spent on
    sessions: int  # inside the window
    late: int  # replies to requests that were given up before, in this slice or an earlier one
    lost: int  # requests given up, or broken with their connection
    corrupt: int
    throughput_rps: float
    sessions_per_s: float | None
    service_p50_us: float | None
    service_p99_us: float | None
    latency_p50_us: float | None
    latency_p99_us: float | None
    server_cpu_us: float
    generator_cpu_us: float  # polls that brought nothing left out
    generator_cpu_share: float  # of the slice's time, the busiest thread
    run_delay_share: float  # of the slice's time, in which the generator was ready to run and others had its CPU
    codes: str


@dataclass(frozen=True, slots=True)
class RoundRow:
    """What the machine did to one round: a row of rounds.csv."""

    block: int
    round: int
    scenario: str
    connections: int
    message_bytes: int
    probe_us: float  # a fixed work, on the slowest of the CPUs
    probe_ratio: float  # of what it takes there usually
    steal_share: float  # of the CPUs' time, by the host of this machine
    run_delay_share: float  # the largest of its slices
    pressure_share: float | None  # of the time in which something waited for a CPU
    disturbed: bool  # not counted, and run again


@dataclass(frozen=True, slots=True)
class ResourceRow:
    """What one side held when a slice ended: a row of resources.csv. CPU time and switches are those of the slice."""

    block: int
    round: int
    arm: str
    scenario: str
    connections: int
    message_bytes: int
    rate_rps: float | None
    role: str  # server or generator
    cpu_us: float
    rss_mb: float
    threads: int
    processes: int
    descriptors: int
    switches: int | None  # how often its threads were put on a CPU; empty if threads came or went meanwhile


@dataclass(frozen=True, slots=True)
class HistogramRow:
    """One slot of one trial's histogram, two digits wide: a row of histograms.csv."""

    block: int
    arm: str
    scenario: str
    connections: int
    message_bytes: int
    rate_rps: float | None
    quantity: str  # service, latency or connect
    lower_ns: int
    upper_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class TrialRow:
    """All slices of one case in one block: a row of trials.csv. What failed or was skipped is a row too."""

    block: int
    arm: str
    model: str
    transport: str
    protocol: str
    python: str
    scenario: str
    scenario_kind: str  # see bench.schema.metrics.ScenarioKind
    loop: str
    lifecycle: str
    connections: int
    message_bytes: int
    depth: int
    rate_rps: float | None
    workers: int | None
    server_cpus: str
    generator_cpus: str
    status: str  # ok, failed or skipped
    reason: str
    rounds: int = 0
    duration_s: float | None = None
    scheduled: int | None = None
    unsent: int | None = None
    sent: int | None = None
    replies: int | None = None
    sessions: int | None = None
    late: int | None = None
    lost: int | None = None
    corrupt: int | None = None
    duplicate: int | None = None
    reordered: int | None = None
    errors: str = ""  # kind=count, separated by spaces
    mean_throughput_rps: float | None = None
    mean_sessions_per_s: float | None = None
    latency_mean_us: float | None = None
    pooled_latency_p50_us: float | None = None
    latency_p90_us: float | None = None
    latency_p99_us: float | None = None
    latency_p99_9_us: float | None = None
    latency_max_us: float | None = None
    service_mean_us: float | None = None
    pooled_service_p50_us: float | None = None
    service_p90_us: float | None = None
    service_p99_us: float | None = None
    service_p99_9_us: float | None = None
    service_max_us: float | None = None
    connect_mean_us: float | None = None
    connect_p50_us: float | None = None
    connect_p90_us: float | None = None
    connect_p99_us: float | None = None
    connect_p99_9_us: float | None = None
    connect_max_us: float | None = None
    lateness_p50_us: float | None = None  # of the generator, which is in the latency
    lateness_p99_us: float | None = None
    pool_wait_share: float | None = None  # requests that waited for a free connection, which is the server's doing
    in_flight_mean: float | None = None
    jain: float | None = None
    starved: int | None = None
    mean_cpu_us_per_request: float | None = None
    rss_mb: float | None = None  # of the server's processes, added up
    memory_mb: float | None = None  # the same, with pages that workers share with their parent counted once
    threads: int | None = None
    processes: int | None = None
    descriptors: int | None = None
    switches_per_request: float | None = None
    server_cpu_share: float | None = None  # of the CPUs that it can use, as many as it has workers
    generator_cpu_share: float | None = None
    baseline_rps: float | None = None  # what the generator reached in this block with the server that shows the limit
    baseline_share: float | None = None  # of it, in this trial
    run_delay_share: float | None = None  # of the time, in which the generator was ready to run and others had its CPU
    involuntary_switches: int | None = None  # of the generator
    gc_runs: int | None = None  # of the generator
    backlog: int | None = None  # what the server's sockets have, read back
    nodelay: int | None = None
    rcvbuf: int | None = None
    sndbuf: int | None = None
    background_load_share: float | None = None  # of the servers' CPUs, taken by what has nothing to do with the run
    limited_by: str = ""  # server, generator, or neither with what it then was
    verdict: str = ""
    codes: str = ""
    seed: int | None = None
