"""The quantities that are summarised and compared, and how their figures are written for people."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    """A column of numbers with its unit and its words."""

    name: str
    unit: str
    label: str  # on an axis
    more_is_better: bool = False

    def word(self, ratio: float) -> str:
        """*Faster* or *slower*, for a ratio that differs from 1: whoever costs or takes less is faster."""
        return "faster" if (ratio > 1) == self.more_is_better else "slower"


METRICS = {
    metric.name: metric
    for metric in (
        Metric("throughput_rps", "requests/s", "requests per second", more_is_better=True),
        Metric("limit_rps", "requests/s", "highest rate that meets the objective (requests/s)", more_is_better=True),
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


LIMIT = "native"  # compiled: what the machine can do, not one of those that compete
SESSIONS = "sessions"  # how the name of every scenario begins whose clients come and go; the plan sees to it
SEARCH = "limit"  # how the name of every scenario begins that searches for the highest rate; the plan sees to it
LATENCY = "latency"  # how the name of every scenario begins whose requests leave on a schedule; the plan sees to it


def transport(arm: str) -> str:
    """The transport in an arm's name: ``tcp`` in ``asyncio/tcp@pypy3.9~twin``."""
    return arm.partition("/")[2].partition("~")[0].partition("@")[0]


def label(arm: str) -> str:
    """What is left of an arm's name where the transport and the twin are told by other means: ``asyncio@pypy3.9``."""
    model, _, rest = arm.partition("/")
    return model + rest.partition("~")[0][len(transport(arm)) :]


def is_twin(arm: str) -> bool:
    """Whether the arm is one that was listed a second time."""
    return arm.endswith("~twin")


def base(arm: str) -> str:
    """The arm that a twin repeats; an arm that is no twin is its own base."""
    return arm.removesuffix("~twin")


def load_in_words(scenario: object, connections: object, message_bytes: object) -> str:
    """A load point: ``capacity, 64 connections, 1024 bytes``. The protocol hola has no size."""
    count, size = int(float(str(connections))), int(float(str(message_bytes)))
    return f"{scenario}, {count} connection{'s' * (count != 1)}" + (f", {size} bytes" if size else "")


def headline(scenario: str) -> str:
    """The metric that a scenario asks for first."""
    if scenario.startswith(LATENCY):
        return "cpu_us_per_request"  # at a rate that all hold, throughput is the plan's
    if scenario.startswith(SEARCH):
        return "limit_rps"
    return "sessions_per_s" if scenario.startswith(SESSIONS) else "throughput_rps"


def compact(value: float) -> str:
    """Three figures, thousands as k and millions as M: ``31.2k``. What was not measured is ``-``."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 0.9995 * factor:
            return three_figures(value / factor) + suffix
    return three_figures(value)


def on_axis(value: float) -> str:
    """A round number beside an axis: ``20k``, ``2.5M``, ``0``."""
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def three_figures(value: float) -> str:
    """A number below a thousand or so with three figures, and two decimals at most."""
    size = abs(value)
    decimals = 0 if size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{value:.{decimals}f}"


def spread(median: float, low: float, high: float) -> str:
    """A median with the larger side of its interval in per cent, so that none looks too narrow: ``31.2k ±1.3%``."""
    if not all(map(math.isfinite, (median, low, high))) or median <= 0:
        return compact(median)
    percent = 100 * max(high - median, median - low) / median
    return f"{compact(median)} ±{percent:.0f}%" if percent >= 1.95 else f"{compact(median)} ±{percent:.1f}%"
