"""The row of a trial: all slices of one case in one block."""

from dataclasses import dataclass, field, replace
from typing import Annotated

from bench.schema import load_columns
from bench.schema.column_docs import Column, microseconds, share
from bench.schema.common_columns import (
    ArmName,
    Block,
    Codes,
    Connections,
    CpuSource,
    Findings,
    MessageBytes,
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
)

_POOLED = "all requests of all slices together; an unanswered request is infinite"
_TAIL = f"{_POOLED}; empty if fewer than 10 requests lie above"
_MEAN = "the replies of all slices; unanswered requests are left out"
_SOCKETS = "read back from the server's sockets; empty if unknown"
_MOST = "the largest value at the end of a slice"


@dataclass(frozen=True, slots=True)
class TrialRow:
    """All slices of one case in one block: a row of trials.csv. Failed and skipped cases have a row too."""

    block: Block
    arm: ArmName
    model: Model
    transport: Transport
    protocol: Protocol
    python: Python
    scenario: Scenario
    scenario_kind: ScenarioKindName
    loop: Annotated[str, Column("`closed` or `open`.")]
    lifecycle: Annotated[str, Column("`persistent`, `session` or `per_request`.")]
    connections: Connections
    message_bytes: MessageBytes
    population: Population = field(default="", kw_only=True)
    phase: Phase = field(default="", kw_only=True)
    behaviour: Annotated[
        str, Column("How the clients behave: `normal`, `silent`, `trickle` or `never_reads`.", is_new=True)
    ] = field(default="normal", kw_only=True)
    population_connections: Annotated[int | None, Column("Connections of the row's population.", is_new=True)] = field(
        default=None, kw_only=True
    )
    population_bytes: Annotated[
        int | None,
        Column("Size of a request of the row's population; the largest one of a mix.", unit="bytes", is_new=True),
    ] = field(default=None, kw_only=True)
    wait_us: Annotated[
        float | None,
        Column("Wait that a request asks for, as the mean of its mix. Protocol `work` only.", unit="us", is_new=True),
    ] = field(default=None, kw_only=True)
    compute_units: Annotated[
        float | None,
        Column("Units of compute that a request asks for, as the mean of its mix. Protocol `work` only.", is_new=True),
    ] = field(default=None, kw_only=True)
    compute_kind: Annotated[
        str,
        Column(
            "Kind of compute: `lock` holds the interpreter lock, `release` releases it. Empty without.", is_new=True
        ),
    ] = field(default="", kw_only=True)
    depth: Annotated[int, Column("Requests of one connection that may be in flight.")]
    rate_rps: RateRps
    workers: Annotated[int | None, Column("Processes of the server that serve clients.")]
    server_cpus: Annotated[str, Column("CPUs of the server, separated by spaces.")]
    generator_cpus: Annotated[str, Column("CPUs of the generator, separated by spaces. Empty if it is on other hosts.")]
    server_host: Annotated[
        str, Column("Host of the server, by its name in the fleet. Empty if all is on one machine.", is_new=True)
    ] = field(default="", kw_only=True)
    generator_hosts: Annotated[
        str, Column("Hosts of the generators, separated by spaces. Empty if all is on one machine.", is_new=True)
    ] = field(default="", kw_only=True)
    status: Status
    reason: Reason
    rounds: Annotated[int, Column("Number of counted rounds.")] = 0
    duration_s: Annotated[float | None, load_columns.DURATION_S] = None
    scheduled: Annotated[int | None, load_columns.SCHEDULED] = None
    unsent: Annotated[int | None, load_columns.UNSENT] = None
    sent: Annotated[int | None, load_columns.SENT] = None
    replies: Annotated[int | None, load_columns.REPLIES] = None
    sessions: Annotated[int | None, load_columns.SESSIONS] = None
    late: Annotated[int | None, load_columns.LATE] = None
    lost: Annotated[int | None, load_columns.LOST] = None
    corrupt: Annotated[int | None, load_columns.CORRUPT] = None
    retried: Annotated[int | None, Column("Requests that were sent again after the timeout.", is_new=True)] = None
    duplicate: Annotated[int | None, Column("Second copies of a reply (datagrams).")] = None
    reordered: Annotated[int | None, Column("Replies after the reply to a later request (datagrams).")] = None
    errors: Annotated[str, Column("Errors of connections, as `KIND=COUNT` separated by spaces.")] = ""
    mean_throughput_rps: Annotated[
        float | None,
        Column(
            "Mean rate of correct replies.",
            unit="requests/s",
            how="Each reply counts by the share of its time in flight inside its window.",
        ),
    ] = None
    mean_sessions_per_s: Annotated[
        float | None,
        Column("Mean rate of sessions.", unit="sessions/s", how="Each reply counts as its share of a session."),
    ] = None
    latency_mean_us: Annotated[float | None, microseconds("Mean latency. Empty in a closed loop.", _MEAN)] = None
    pooled_latency_p50_us: Annotated[float | None, microseconds("Median latency.", _POOLED)] = None
    latency_p90_us: Annotated[float | None, microseconds("90th percentile of the latency.", _TAIL)] = None
    latency_p99_us: Annotated[float | None, load_columns.LATENCY_P99_US] = None
    latency_p99_9_us: Annotated[float | None, microseconds("99.9th percentile of the latency.", _TAIL)] = None
    latency_max_us: Annotated[float | None, microseconds("Largest latency.", _POOLED)] = None
    service_mean_us: Annotated[float | None, microseconds("Mean service time.", _MEAN)] = None
    pooled_service_p50_us: Annotated[float | None, microseconds("Median service time.", _POOLED)] = None
    service_p90_us: Annotated[float | None, microseconds("90th percentile of the service time.", _TAIL)] = None
    service_p99_us: Annotated[float | None, load_columns.SERVICE_P99_US] = None
    service_p99_9_us: Annotated[float | None, microseconds("99.9th percentile of the service time.", _TAIL)] = None
    service_max_us: Annotated[float | None, microseconds("Largest service time.", _POOLED)] = None
    connect_mean_us: Annotated[
        float | None, microseconds("Mean time to connect.", "all successful connects of all slices")
    ] = None
    connect_p50_us: Annotated[float | None, microseconds("Median time to connect.", _POOLED)] = None
    connect_p90_us: Annotated[float | None, microseconds("90th percentile of the time to connect.", _TAIL)] = None
    connect_p99_us: Annotated[float | None, microseconds("99th percentile of the time to connect.", _TAIL)] = None
    connect_p99_9_us: Annotated[float | None, microseconds("99.9th percentile of the time to connect.", _TAIL)] = None
    connect_max_us: Annotated[float | None, microseconds("Longest time to connect.", _POOLED)] = None
    lateness_p50_us: Annotated[
        float | None, microseconds("Median lateness: the delay that the generator adds; part of the latency.")
    ] = None
    lateness_p99_us: Annotated[float | None, microseconds("99th percentile of the lateness.")] = None
    pool_wait_share: Annotated[
        float | None, share("Requests that waited for a free connection, which the server causes.")
    ] = None
    in_flight_mean: Annotated[float | None, Column("Mean number of requests in flight.")] = None
    jain: Annotated[
        float | None,
        Column("Jain's fairness index of the connections; 1 is even.", how="(Σx)² / (n Σx²) of replies x"),
    ] = None
    starved: Annotated[int | None, Column("Connections without a single reply.")] = None
    recovery_s: Annotated[
        float | None,
        Column(
            "Time from the start of the phase until the server has recovered from the overload before it. Infinite if "
            "it has not at the end.",
            unit="s",
            how="the first stretch of `timeline.csv.gz` from which on the mean latency stays below the 99th percentile "
            "before the overload, and at most 5% of the requests that end fail",
            is_new=True,
        ),
    ] = None
    mean_cpu_us_per_request: Annotated[
        float | None,
        microseconds(
            "Mean CPU time of the server for one request.",
            "CPU time / correct replies of all populations, of all slices",
        ),
    ] = None
    rss_mb: Annotated[float | None, load_columns.RSS_MB] = None
    memory_mb: Annotated[
        float | None,
        Column("Memory of the server. Pages that workers share with their parent count once.", unit="MB"),
    ] = None
    threads: Annotated[int | None, load_columns.THREADS] = None
    processes: Annotated[int | None, load_columns.PROCESSES] = None
    descriptors: Annotated[int | None, load_columns.DESCRIPTORS] = None
    switches_per_request: Annotated[
        float | None, Column("Context switches of the server.", how="switches / correct replies, of all slices")
    ] = None
    switches_per_s: Annotated[
        float | None,
        Column(
            "Context switches of the server per second: how often one of its threads woke up, or was interrupted.",
            how="switches / time of all slices; empty if threads were started or ended in one",
            is_new=True,
        ),
    ] = None
    opening_kernel_mb: Annotated[
        float | None,
        Column(
            "Growth of the kernel's memory while the connections were opened, without sockets: stacks and structures "
            "of threads, page tables, entries of epoll. Empty over UDP, and if all clients wait for replies.",
            unit="MB",
            how="`Slab`, `KernelStack` and `PageTables` of /proc/meminfo, after - before - connections x "
            "`connection_bytes` (`tcp_socket` in environment.json); other programs change it, too",
            is_new=True,
        ),
    ] = None
    socket_mb: Annotated[
        float | None,
        Column(
            "Memory of the server's ends of its TCP connections in the kernel: structures and buffers. Empty if all "
            "clients wait for replies, over UDP, for running servers, and where the kernel does not offer sock_diag.",
            unit="MB",
            how="sockets x `socket_bytes` + buffers (`SK_MEMINFO` of sock_diag), at the end of the last slice",
            is_new=True,
        ),
    ] = None
    listen_overflows: Annotated[
        int | None,
        Column(
            "Connects that the full listen queue turned away; each is sent again later.",
            how="`ListenOverflows` of the network namespace, over all slices",
            is_new=True,
        ),
    ] = None
    server_cpu_share: Annotated[
        float | None, share("CPU time of the server in the time of its CPUs, at most one CPU for each worker.")
    ] = None
    cpu_source: CpuSource = ""
    generator_cpu_share: Annotated[float | None, load_columns.GENERATOR_CPU_SHARE] = None
    baseline_rps: Annotated[
        float | None, Column("Rate of the baseline server at the same load point.", unit="requests/s")
    ] = None
    baseline_share: Annotated[float | None, share("`mean_throughput_rps` / `baseline_rps`")] = None
    run_delay_share: Annotated[float | None, load_columns.RUN_DELAY_SHARE] = None
    start_skew_us: Annotated[float | None, replace(load_columns.START_SKEW_US, is_new=True)] = field(
        default=None, kw_only=True
    )
    start_margin_us: Annotated[float | None, replace(load_columns.START_MARGIN_US, is_new=True)] = field(
        default=None, kw_only=True
    )
    involuntary_switches: Annotated[int | None, Column("Times that the kernel took the CPU from the generator.")] = None
    gc_runs: Annotated[int | None, Column("Garbage collections of the generator.")] = None
    backlog: Annotated[int | None, Column("Length of the listen queue.", how=_SOCKETS)] = None
    nodelay: Annotated[int | None, Column("`TCP_NODELAY`: 0 or 1.", how=_SOCKETS)] = None
    rcvbuf: Annotated[int | None, Column("Size of the receive buffer.", unit="bytes", how=_SOCKETS)] = None
    sndbuf: Annotated[int | None, Column("Size of the send buffer.", unit="bytes", how=_SOCKETS)] = None
    background_load_share: Annotated[
        float | None, share("CPU time of the servers' CPUs used by unrelated processes.")
    ] = None
    limited_by: Annotated[
        str,
        Column(
            "Side that limited the rate: `server`, `generator`, `network`, `neither` with the reason, or `unknown`."
        ),
    ] = ""
    verdict: Verdict = ""
    codes: Codes = ""
    findings: Findings = ""
    seed: Annotated[int | None, Column("Seed of the run.")] = None
