"""Open loops of like requests, each alone on its server: inputs of the predictions for mixed loads. Pure.

A server that is busy all the time needs less CPU time for a request than one that sleeps between two of them. So the
parts of an open loop are measured in open loops.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis.predictions.curves import US
from bench.plan.definition import Plan
from bench.plan.population_loads import PopulationLoad, populations_at
from bench.schema.load_points import LoadPoint

MAX_BUSY_SHARE = 0.3  # of the time: the median request then waits for no other one
_METRICS = ("latency_p50_us", "latency_p90_us", "cpu_us_per_request")
_Work = tuple[int, str]  # units of compute and their kind, which is empty without compute


@dataclass(frozen=True, slots=True)
class AloneLoad:
    """One kind of request, alone at a rate at which it does not queue."""

    response_s: float  # median latency
    cpu_s: float | None  # CPU time of a request; None if it is unknown
    response_p90_s: float | None  # 90th percentile of the latency

    def quantile_s(self, quantile: float) -> float | None:
        """Return a quantile of the latency between the median and the 90th percentile; None if it is unknown.

        Between the two, the share of slower requests is taken to fall exponentially, as tails of latencies do.
        """
        if self.response_p90_s is None or not 0.5 <= quantile <= 0.9:
            return None
        position = math.log(0.5 / (1 - quantile)) / math.log(0.5 / 0.1)
        return self.response_s + position * (self.response_p90_s - self.response_s)


@dataclass(slots=True)
class AloneLoads:
    """The loads of each arm, by their work."""

    loads: dict[tuple[str, _Work], list[AloneLoad]] = field(default_factory=dict)

    @classmethod
    def of_summary(cls, summary: pd.DataFrame, plan: Plan) -> "AloneLoads":
        """Return the loads of the scenarios in which one population sends requests. Invalid figures are left out."""
        found = cls()
        names = {scenario.name for scenario in plan.scenarios}
        rows = summary[summary["metric"].isin(_METRICS) & (summary["verdict"] != "invalid")]
        figures: dict[tuple[str, LoadPoint], dict[str, float]] = {}
        for row in rows.to_dict("records"):
            median = float(row["median"])
            if math.isfinite(median) and median > 0:
                figures.setdefault((str(row["arm"]), LoadPoint.from_row(row)), {})[str(row["metric"])] = median
        for (arm, point), of_load in figures.items():
            work = _only_work(plan, point) if point.scenario in names and not point.phase else None
            response_s = of_load.get("latency_p50_us", math.inf) * US
            if work is not None and point.rate_rps is not None and point.rate_rps * response_s <= MAX_BUSY_SHARE:
                cpu_us, p90_us = of_load.get("cpu_us_per_request"), of_load.get("latency_p90_us")
                load = AloneLoad(
                    response_s, None if cpu_us is None else cpu_us * US, None if p90_us is None else p90_us * US
                )
                found.loads.setdefault((arm, work), []).append(load)
        return found

    def response_s(self, arm: str, compute_units: int, compute_kind: str) -> float | None:
        """Return the median latency of such requests alone; None if it was not measured."""
        return _median([load.response_s for load in self._of(arm, compute_units, compute_kind)])

    def cpu_s(self, arm: str, compute_units: int, compute_kind: str) -> float | None:
        """Return the CPU time of such a request; None if it was not measured."""
        of_work = self._of(arm, compute_units, compute_kind)
        return _median([load.cpu_s for load in of_work if load.cpu_s is not None])

    def light_load(self, arm: str) -> AloneLoad | None:
        """Return the first load whose requests compute nothing."""
        return next(iter(self._of(arm, 0, "")), None)

    def _of(self, arm: str, compute_units: int, compute_kind: str) -> Sequence[AloneLoad]:
        return self.loads.get((arm, (compute_units, compute_kind if compute_units else "")), ())


def _only_work(plan: Plan, point: LoadPoint) -> _Work | None:
    """Return the work of the only population that sends requests, in an open loop and without waits."""
    active = [
        load
        for load in populations_at(plan.scenario(point.scenario), point)
        if load.connections and load.behaviour != "silent"
    ]
    return _work_of(active[0]) if len(active) == 1 and active[0].name == point.population else None


def _work_of(load: PopulationLoad) -> _Work | None:
    is_plain = load.behaviour == "normal" and load.lifecycle == "persistent" and load.depth == 1 and load.is_open
    if not is_plain or load.protocol != "work" or len(load.work) != 1 or load.work[0].wait_ms:
        return None
    units = load.work[0].compute_units
    return units, str(load.compute_kind) if units else ""


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
