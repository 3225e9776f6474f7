"""What one run measured, case by case, as far as it is compared with other runs. Pure."""

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bench.analysis.case_quality import case_quality
from bench.analysis.search_results import objectives, summarise_searches
from bench.analysis.summary import LOAD, block_values, finished_rounds, key_of
from bench.plan.definition import Plan
from bench.plan.matrix import arms, competing_arms, load_points, scenario_load_points
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds

SEARCHED = "max_rate_rps"
COMPARED = (
    "throughput_rps",
    SEARCHED,
    "sessions_per_s",
    "latency_p50_us",
    "latency_p99_us",
    "service_p50_us",
    "service_p99_us",
    "cpu_us_per_request",
    "memory_mb",
)
Key = tuple[str, str, int, int]  # arm, scenario, connections, message_bytes
CASE = ["arm", "scenario", "connections", "message_bytes"]
_IN_OPEN_LOOP = {"throughput_rps"}  # it is the plan's there


@dataclass(frozen=True, slots=True)
class Figures:
    """One metric of one case: a logarithm for each block, or the bounds of a search."""

    median: float
    verdict: str
    of_blocks: dict[int, float] = field(default_factory=dict)
    bounds: tuple[float, float] = (math.nan, math.nan)
    objective: tuple[float, float] = (math.nan, math.nan)  # of a search: time, and share that may be lost

    @property
    def known(self) -> bool:
        """Whether there is something to compare: 0 is nothing served, and infinite what was lost."""
        return 0 < self.median < math.inf

    @property
    def logs(self) -> list[float]:
        """The logarithms of all blocks."""
        return [*self.of_blocks.values()]

    def beside(self, limit: "Figures") -> list[float]:
        """The logarithms of its ratios to the limit, inside the blocks in which that is known."""
        of_limit = limit.of_blocks
        both = (block for block in self.of_blocks if math.isfinite(of_limit.get(block, math.nan)))
        return [self.of_blocks[block] - of_limit[block] for block in both]


@dataclass(frozen=True, slots=True)
class Run:
    """What is compared of one run."""

    cases: dict[Key, dict[str, Figures]]
    unmeasured: dict[Key, tuple[str, str]]  # what the plan asks for beside those: status and reason
    objectives: list[str]  # of its searches
    thresholds: Thresholds = DEFAULT_THRESHOLDS  # of its plan

    @property
    def keys(self) -> set[Key]:
        """Everything that the plan asks for."""
        return {*self.cases, *self.unmeasured}


def measured(
    trials: pd.DataFrame,
    slices: pd.DataFrame,
    limits: pd.DataFrame | None = None,
    planned: Collection[Key] = (),
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
) -> Run:
    """What a run's rows hold. planned: what its plan asks for, rows or not.

    The rate of an open loop is left out of the key: a common rate is found anew for each run.
    """
    found: dict[Key, dict[str, Figures]] = {}
    unmeasured: dict[Key, tuple[str, str]] = {}
    rounds = finished_rounds(slices, trials)
    of_slices = {key_of(key): group for key, group in rounds.groupby(["arm", *LOAD], dropna=False)}
    for key, group in trials.groupby(["arm", *LOAD], dropna=False):
        full = key_of(key)
        if (group["status"] == "ok").any():
            found[_key(full)] = dict(_figures(group, of_slices.get(full, rounds.iloc[:0]), thresholds))
        else:
            unmeasured[_key(full)] = _why(group)
    for case, figures in _searched(limits, thresholds):
        if figures.known:
            found.setdefault(case, {})[SEARCHED] = figures
        else:
            unmeasured[case] = ("failed", "no rate of the search met the objective")
    for case in planned:
        if case not in found:
            unmeasured.setdefault(case, ("missing", "no trial of it was finished"))
    return Run(found, unmeasured, objectives(limits), thresholds)


def planned(plan: Plan) -> set[Key]:
    """Return every case of a plan. Its searches have neither controls nor baselines."""
    searches = [point for scenario in plan.scenarios if scenario.searches for point in scenario_load_points(scenario)]
    pairs = [*itertools.product(arms(plan), load_points(plan)), *itertools.product(competing_arms(plan), searches)]
    return {(arm.name, point.scenario, point.connections, point.message_bytes) for arm, point in pairs}


def _key(case: Sequence[Any]) -> Key:
    arm, scenario, connections, message_bytes = case[:4]
    return str(arm), str(scenario), int(connections), int(message_bytes)


def _why(trials: pd.DataFrame) -> tuple[str, str]:
    """Status and reason of a case without a finished trial; a failure tells more than a skip."""
    failed = trials[trials["status"] == "failed"]
    reasons = (failed if len(failed) else trials)["reason"].fillna("").astype(str)
    return "failed" if len(failed) else "skipped", next((one for one in reasons if one), "no reason given")


def _figures(trials: pd.DataFrame, slices: pd.DataFrame, thresholds: Thresholds) -> Iterator[tuple[str, Figures]]:
    """The figures of one case. Infinite logarithms stay among them: a block that lost all is none to leave out."""
    good = trials[trials["status"] == "ok"]
    opened = bool((good["loop"] == "open").any())
    table, quality = block_values(good, slices), case_quality(trials, thresholds)
    for metric in COMPARED:
        values = table[metric].dropna() if metric in table else pd.Series(dtype=float)
        if len(values) and not (opened and metric in _IN_OPEN_LOOP):
            with np.errstate(divide="ignore"):
                logs = np.log(values.to_numpy(dtype=float)).tolist()
            of_blocks = dict(zip(values.index, logs, strict=True))
            yield metric, Figures(float(values.median()), quality.for_metric(metric).verdict, of_blocks)


def _searched(limits: pd.DataFrame | None, thresholds: Thresholds) -> Iterator[tuple[Key, Figures]]:
    """The result of each search. An upper bound that was not found is infinite: the limit lies anywhere above."""
    if limits is None:
        return
    columns = ["objective_p99_us", "objective_lost_share"]
    asked = {tuple(row[name] for name in CASE): row for row in limits.drop_duplicates(CASE).to_dict("records")}
    for row in summarise_searches(limits, thresholds).to_dict("records"):
        key = tuple(row[name] for name in CASE)
        high = math.inf if math.isnan(row["high"]) else float(row["high"])
        objective = tuple(float(asked[key][name]) for name in columns)
        bounds = (float(row["low"]), high)
        yield (
            _key(key),
            Figures(float(row["median"]), str(row["verdict"]), {}, bounds, (objective[0], objective[1])),
        )
