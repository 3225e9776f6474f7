"""The metrics that are summarised and compared, and the one that each kind of scenario asks for first."""

from dataclasses import dataclass
from enum import StrEnum

from bench.schema.conclusions import Conclusion
from bench.translation import N_, gettext
from clients.quality_codes import Figure, Quantity


class ScenarioKind(StrEnum):
    """The question that a scenario asks, of each of its populations. It follows from rate, lifecycle and behaviour."""

    CAPACITY = "capacity"  # closed loop, connections stay open: how many requests per second
    SESSIONS = "sessions"  # closed loop, clients connect and leave: how many sessions per second
    LATENCY = "latency"  # open loop at a given rate: latency, and CPU time per request
    MAX_RATE = "max_rate"  # open loop, search: the highest rate that meets an objective
    MIXED = "mixed"  # open loop beside other populations: how long their requests take
    PHASES = "phases"  # loads one after the other on one server: replies per second in each
    HELD = "held"  # connections that get no replies: the memory of the server that holds them


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of numbers with its unit and its label on an axis."""

    name: str
    unit: str
    english_label: str
    more_is_better: bool = False

    @property
    def label(self) -> str:
        """The label in the language of the reader."""
        return gettext(self.english_label)

    @property
    def figure(self) -> Figure:
        """The figure that a verdict on the metric is about: its quantity, and its percentile if it is one."""
        quantity, _, percentile = self.name.removesuffix("_us").partition("_")
        if quantity in _QUANTITIES_OF_TIMES:
            return Figure(_QUANTITIES_OF_TIMES[quantity], percentile.replace("_", "."))
        return Figure(_QUANTITIES_OF_COSTS.get(self.name, Quantity.RATE))

    def conclusion(self, ratio: float) -> Conclusion:
        """Return ``faster`` or ``slower`` for a ratio other than 1. An arm that costs or takes less is faster."""
        return Conclusion.FASTER if (ratio > 1) == self.more_is_better else Conclusion.SLOWER


_QUANTITIES_OF_TIMES = {
    "latency": Quantity.LATENCY,
    "service": Quantity.SERVICE_TIME,
    "connect": Quantity.CONNECT_TIME,
}
_QUANTITIES_OF_COSTS = {
    "recovery_s": Quantity.LATENCY,
    "cpu_us_per_request": Quantity.CPU_TIME,
    "rss_mb": Quantity.MEMORY,
    "memory_mb": Quantity.MEMORY,
}

METRICS = {
    metric.name: metric
    for metric in (
        Metric("throughput_rps", "requests/s", N_("requests per second"), more_is_better=True),
        Metric(
            "max_rate_rps", "requests/s", N_("highest rate that meets the objective (requests/s)"), more_is_better=True
        ),
        Metric("sessions_per_s", "sessions/s", N_("sessions per second"), more_is_better=True),
        Metric("service_p50_us", "us", N_("median service time (µs)")),
        Metric("service_p90_us", "us", N_("90th percentile of the service time (µs)")),
        Metric("service_p99_us", "us", N_("99th percentile of the service time (µs)")),
        Metric("service_p99_9_us", "us", N_("99.9th percentile of the service time (µs)")),
        Metric("service_max_us", "us", N_("longest service time (µs)")),
        Metric("latency_p50_us", "us", N_("median latency (µs)")),
        Metric("latency_p90_us", "us", N_("90th percentile of the latency (µs)")),
        Metric("latency_p99_us", "us", N_("99th percentile of the latency (µs)")),
        Metric("latency_p99_9_us", "us", N_("99.9th percentile of the latency (µs)")),
        Metric("latency_max_us", "us", N_("longest latency (µs)")),
        Metric("connect_p50_us", "us", N_("median time to connect (µs)")),
        Metric("connect_p99_us", "us", N_("99th percentile of the time to connect (µs)")),
        Metric("recovery_s", "s", N_("time to recover from an overload (s)")),
        Metric("cpu_us_per_request", "us", N_("server CPU time per request (µs)")),
        Metric("rss_mb", "MB", N_("resident memory of the server, RSS (MB)")),
        Metric("memory_mb", "MB", N_("memory of the server (MB)")),
    )
}

_HEADLINES = {
    ScenarioKind.CAPACITY: "throughput_rps",
    ScenarioKind.SESSIONS: "sessions_per_s",
    ScenarioKind.LATENCY: "cpu_us_per_request",  # at a rate that every arm holds, the plan decides the throughput
    ScenarioKind.MAX_RATE: "max_rate_rps",
    ScenarioKind.MIXED: "latency_p99_us",
    ScenarioKind.PHASES: "throughput_rps",
    ScenarioKind.HELD: "memory_mb",
}


def headline(kind: str) -> str:
    """Return the metric that a kind of scenario asks for first."""
    return _HEADLINES[ScenarioKind(kind)]
