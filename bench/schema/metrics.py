"""The metrics that are summarised and compared."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of numbers with its unit and its words."""

    name: str
    unit: str
    label: str  # on an axis
    more_is_better: bool = False

    def conclusion(self, ratio: float) -> str:
        """*Faster* or *slower*, for a ratio that differs from 1: whoever costs or takes less is faster."""
        return "faster" if (ratio > 1) == self.more_is_better else "slower"


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


BASELINE = "native"  # compiled: what the machine can do, not one of those that compete
SESSIONS = "sessions"  # how the name of every scenario begins whose clients come and go; the plan sees to it
SEARCH = "max_rate"  # how the name of every scenario begins that searches for the highest rate; the plan sees to it
LATENCY = "latency"  # how the name of every scenario begins whose requests leave on a schedule; the plan sees to it


def transport(arm: str) -> str:
    """The transport in an arm's name: ``tcp`` in ``asyncio/tcp@pypy3.9~control``."""
    return arm.partition("/")[2].partition("~")[0].partition("@")[0]


def label(arm: str) -> str:
    """Return the label of an arm: ``asyncio@pypy3.9``."""
    model, _, rest = arm.partition("/")
    return model + rest.partition("~")[0][len(transport(arm)) :]


def is_control(arm: str) -> bool:
    """Whether the arm is one that was listed a second time."""
    return arm.endswith("~control")


def base(arm: str) -> str:
    """The arm that a control repeats; an arm that is no control is its own base."""
    return arm.removesuffix("~control")


def load_in_words(scenario: object, connections: object, message_bytes: object) -> str:
    """A load point: ``capacity, 64 connections, 1024 bytes``. The protocol hola has no size."""
    count, size = int(float(str(connections))), int(float(str(message_bytes)))
    return f"{scenario}, {count} connection{'s' * (count != 1)}" + (f", {size} bytes" if size else "")


def headline(scenario: str) -> str:
    """The metric that a scenario asks for first."""
    if scenario.startswith(LATENCY):
        return "cpu_us_per_request"  # at a rate that all hold, throughput is the plan's
    if scenario.startswith(SEARCH):
        return "max_rate_rps"
    return "sessions_per_s" if scenario.startswith(SESSIONS) else "throughput_rps"
