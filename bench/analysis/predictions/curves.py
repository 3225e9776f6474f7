"""Measured figures by arm, handler and number of connections: the inputs of predictions. Pure."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from bench.plan.definition import Plan
from bench.plan.population_loads import PopulationLoad, populations_at
from bench.schema.load_points import LoadPoint

US = 1e-6
MS = 1e-3
_METRICS = ("throughput_rps", "service_p50_us", "cpu_us_per_request")


@dataclass(frozen=True, slots=True)
class Handler:
    """The work of a request in a closed loop whose requests are all alike."""

    protocol: str
    message_bytes: int
    wait_ms: float = 0.0
    compute_units: int = 0
    compute_kind: str = ""  # empty without compute

    @property
    def does_nothing(self) -> bool:
        """True if it answers at once."""
        return self.wait_ms == 0 and self.compute_units == 0


def handler_of(load: PopulationLoad) -> Handler | None:
    """Return the handler of a population; None if it is not a closed loop of like requests with a depth of 1."""
    is_plain = load.behaviour == "normal" and load.lifecycle == "persistent" and load.depth == 1 and not load.is_open
    if not is_plain or len(load.work) != 1:
        return None
    work = load.work[0]
    kind = str(load.compute_kind) if work.compute_units else ""
    return Handler(load.protocol, load.message_bytes, work.wait_ms, work.compute_units, kind)


@dataclass(slots=True)
class Curves:
    """The figures of each arm and handler, by number of connections and metric."""

    figures: dict[tuple[str, Handler], dict[int, dict[str, float]]] = field(default_factory=dict)

    @classmethod
    def of_summary(cls, summary: pd.DataFrame, plan: Plan) -> "Curves":
        """Return the figures of the scenarios with a single population and phase. Invalid figures are left out."""
        curves = cls()
        names = {scenario.name for scenario in plan.scenarios}
        rows = summary[summary["metric"].isin(_METRICS) & (summary["verdict"] != "invalid")]
        for row in rows.to_dict("records"):
            point, median = LoadPoint.from_row(row), float(row["median"])
            if math.isfinite(median) and median > 0 and point.scenario in names and not point.part:
                handler = handler_of(populations_at(plan.scenario(point.scenario), point)[0])
                if handler is not None:
                    by_clients = curves.figures.setdefault((str(row["arm"]), handler), {})
                    by_clients.setdefault(point.connections, {})[str(row["metric"])] = median
        return curves

    def idle_handler(self, arm: str, handler: Handler) -> Handler | None:
        """Return the measured handler without work that is nearest: the same protocol and size, or another one."""
        idle = [known for of_arm, known in self.figures if of_arm == arm and known.does_nothing]
        idle.sort(key=lambda known: (known.protocol != handler.protocol, known.message_bytes != handler.message_bytes))
        return idle[0] if idle else None

    def alone_s(self, arm: str, handler: Handler | None) -> float | None:
        """Return the median service time with one connection, in seconds."""
        figure = self._of(arm, handler).get(1, {}).get("service_p50_us")
        return None if figure is None else figure * US

    def cpu_s(self, arm: str, handler: Handler | None, clients: int) -> float | None:
        """Return the CPU time of a request at the nearest number of connections, in seconds.

        Where the CPU time is unknown, it is 1 / throughput of a closed loop, whose server has no idle time.
        """
        by_clients = self._of(arm, handler)
        for nearest in sorted(by_clients, key=lambda known: (abs(math.log(known / clients)), known)):
            figures = by_clients[nearest]
            if "cpu_us_per_request" in figures:
                return figures["cpu_us_per_request"] * US
            if handler is not None and handler.does_nothing and "throughput_rps" in figures and nearest > 1:
                return 1 / figures["throughput_rps"]
        return None

    def cpu_elsewhere_s(self, arm: str, handler: Handler, clients: int) -> float | None:
        """Return the median CPU time of the same handler at all other numbers of connections, in seconds.

        One connection does not count: its server sleeps between requests, and waking up costs CPU time.
        """
        others = [
            figures["cpu_us_per_request"]
            for known, figures in self._of(arm, handler).items()
            if known not in (1, clients) and "cpu_us_per_request" in figures
        ]
        return statistics.median(others) * US if others else None

    def _of(self, arm: str, handler: Handler | None) -> Mapping[int, Mapping[str, float]]:
        return self.figures.get((arm, handler), {}) if handler is not None else {}
