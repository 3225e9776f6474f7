"""The model chooser of the report: measured cases, filtered by a reader's needs. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import records_by_case, text
from bench.formatting import with_interval
from bench.report.measured_handlers import NO_WORK, Handlers
from bench.report.tables import Estimate, quality_mark
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import headline
from bench.translation import gettext, ngettext
from clients.quality_codes import worst_verdict

_METRICS = ("throughput_rps", "sessions_per_s", "latency_p99_us", "service_p99_us", "cpu_us_per_request", "memory_mb")

UNKNOWN = Estimate()


@dataclass(frozen=True, slots=True)
class Judged:
    """An estimate with its own verdict, so that only a doubtful figure is struck out."""

    estimate: Estimate = UNKNOWN
    verdict: str = ""

    def __str__(self) -> str:
        return with_interval(*self.estimate)

    @property
    def is_known(self) -> bool:
        """Return whether there is a finite number."""
        return math.isfinite(self.estimate.median)


@dataclass(frozen=True, slots=True)
class Choice:
    """One competing arm at one load point."""

    arm: Arm
    load_point: LoadPoint
    rate_unit: str  # requests/s or sessions/s
    rate: Judged
    p99_kind: str  # latency, or service time in a closed loop
    p99_us: Judged
    cpu_us: Judged
    memory_mb: Judged
    handlers: Handlers = NO_WORK  # what the requests asked for
    first_verdict: str = ""  # on the figure that the scenario asks for first

    @property
    def verdict(self) -> str:
        """The verdict of the scenario's first figure, as in the tables; the worst one shown if that is unknown."""
        shown = (self.rate, self.p99_us, self.cpu_us, self.memory_mb)
        return self.first_verdict or worst_verdict(judged.verdict for judged in shown)

    def mark(self, judged: Judged) -> str:
        """Return ``!`` or ``!!`` for a figure that is worse than the verdict of its row, as in the tables."""
        return quality_mark(judged.verdict, self.verdict)

    @property
    def filter_values(self) -> dict[str, str]:
        """The numbers that the page's filter compares.

        They are the lower end of a rate's interval and the upper end of a time's.
        """
        numbers = {
            "rate": self.rate.estimate.low,
            "p99": self.p99_us.estimate.high,
            "connections": float(self.load_point.connections),
            "bytes": float(self.load_point.message_bytes),
            "memory": self.memory_mb.estimate.median,
        }
        texts = {name: "" if math.isnan(value) else f"{value:.6g}" for name, value in numbers.items()}
        return texts | self.handlers.filter_values


def choices(summary: pd.DataFrame, handlers: Mapping[LoadPoint, Handlers] | None = None) -> list[Choice]:
    """Return every measured case of the competing arms, valid or not.

    handlers: by load point of all populations together; None if no request waits or computes.
    """
    if summary.empty:
        return []
    rows = summary[summary["metric"].isin(_METRICS)]
    cases = (
        _choice(
            Arm.parse(case.arm),
            case.load_point,
            of_case,
            (handlers or {}).get(case.load_point.whole, NO_WORK),
        )
        for case, of_case in records_by_case(rows).items()
    )
    return [choice for choice in cases if choice.arm.competes and _is_measured(choice)]


def highest_rates(cases: Iterable[Choice]) -> dict[str, float]:
    """Return the largest number of each unit of rate: the scale of the bars."""
    highest: dict[str, float] = {}
    for choice in cases:
        ends = [end for end in choice.rate.estimate if math.isfinite(end)]
        highest[choice.rate_unit] = max([highest.get(choice.rate_unit, 0.0), *ends])
    return highest


def measured_range(cases: Sequence[Choice]) -> str:
    """Return the largest measured load: ``up to 64 connections and ...``."""
    if not cases:
        return ""
    connections = max(choice.load_point.connections for choice in cases)
    size = max(choice.load_point.message_bytes for choice in cases)
    return ngettext("up to {count} connection", "up to {count} connections", connections) + (
        gettext(" and messages of up to {size} bytes", size=size) if size else ""
    )


def bar(estimate: Estimate, highest: float) -> Estimate:
    """Return an estimate in percent of the highest rate; 0 for an unknown number."""
    scaled = [100 * end / highest if math.isfinite(end) and highest > 0 else 0.0 for end in estimate]
    return Estimate(scaled[0], scaled[1], min(scaled[2], 100.0))


def _is_measured(choice: Choice) -> bool:
    return any(judged.is_known for judged in (choice.rate, choice.p99_us, choice.cpu_us, choice.memory_mb))


def _first_metrics(rows: Sequence[dict[Any, Any]]) -> list[str]:
    """Return the metric that the scenario of these rows asks for first; none if its kind is unknown."""
    kinds = {text(row.get("scenario_kind")) for row in rows}
    return [headline(kind) for kind in kinds if kind]


def _choice(arm: Arm, load_point: LoadPoint, rows: Sequence[dict[Any, Any]], handlers: Handlers) -> Choice:
    judged = {
        str(row["metric"]): Judged(
            Estimate(float(row["median"]), float(row["low"]), float(row["high"])), text(row["verdict"])
        )
        for row in rows
    }
    rate = "sessions_per_s" if "sessions_per_s" in judged else "throughput_rps"
    p99 = "latency_p99_us" if "latency_p99_us" in judged else "service_p99_us"
    return Choice(
        arm=arm,
        load_point=load_point,
        rate_unit=gettext("sessions/s") if rate == "sessions_per_s" else gettext("requests/s"),
        rate=judged.get(rate, Judged()),
        p99_kind=gettext("latency") if p99 == "latency_p99_us" else gettext("service time"),
        p99_us=judged.get(p99, Judged()),
        cpu_us=judged.get("cpu_us_per_request", Judged()),
        memory_mb=judged.get("memory_mb", Judged()),
        handlers=handlers,
        first_verdict=next((judged[name].verdict for name in _first_metrics(rows) if name in judged), ""),
    )
