"""The metrics that are summarised and compared, and the one that each kind of scenario asks for first."""

from dataclasses import dataclass
from enum import StrEnum

from bench.schema.conclusions import Conclusion


class ScenarioKind(StrEnum):
    """The question that a scenario asks. It follows from the scenario's rate and lifecycle."""

    CAPACITY = "capacity"  # closed loop, connections stay open: how many requests per second
    SESSIONS = "sessions"  # closed loop, clients connect and leave: how many sessions per second
    LATENCY = "latency"  # open loop at a given rate: latency, and CPU time per request
    MAX_RATE = "max_rate"  # open loop, search: the highest rate that meets an objective


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of numbers with its unit and its label on an axis."""

    name: str
    unit: str
    label: str
    more_is_better: bool = False

    def conclusion(self, ratio: float) -> Conclusion:
        """Return ``faster`` or ``slower`` for a ratio other than 1. An arm that costs or takes less is faster."""
        return Conclusion.FASTER if (ratio > 1) == self.more_is_better else Conclusion.SLOWER


METRICS = {
    metric.name: metric
    for metric in (
        Metric("throughput_rps", "requests/s", "requests per second", more_is_better=True),
        Metric("max_rate_rps", "requests/s", "highest rate that meets the objective (requests/s)", more_is_better=True),
        Metric("sessions_per_s", "sessions/s", "sessions per second", more_is_better=True),
        Metric("service_p50_us", "us", "median service time (µs)"),
        Metric("service_p99_us", "us", "99th percentile of the service time (µs)"),
        Metric("service_p99_9_us", "us", "99.9th percentile of the service time (µs)"),
        Metric("latency_p50_us", "us", "median latency (µs)"),
        Metric("latency_p99_us", "us", "99th percentile of the latency (µs)"),
        Metric("latency_p99_9_us", "us", "99.9th percentile of the latency (µs)"),
        Metric("connect_p50_us", "us", "median time to connect (µs)"),
        Metric("cpu_us_per_request", "us", "server CPU time per request (µs)"),
        Metric("rss_mb", "MB", "resident memory of the server, RSS (MB)"),
        Metric("memory_mb", "MB", "memory of the server (MB)"),
    )
}

_HEADLINES = {
    ScenarioKind.CAPACITY: "throughput_rps",
    ScenarioKind.SESSIONS: "sessions_per_s",
    ScenarioKind.LATENCY: "cpu_us_per_request",  # at a rate that every arm holds, the plan decides the throughput
    ScenarioKind.MAX_RATE: "max_rate_rps",
}


def headline(kind: str) -> str:
    """Return the metric that a kind of scenario asks for first."""
    return _HEADLINES[ScenarioKind(kind)]
