"""The values of one run that are compared with other runs, case by case. Pure."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bench.analysis.block_values import METRICS_FROM_SLICES, BlockValues, block_values, valid_slices
from bench.analysis.case_quality import case_quality
from bench.analysis.cases import CaseKey, group_by_case, group_by_load_point
from bench.analysis.search_results import group_searches, objectives, summarise_searches
from bench.analysis.summary import why_unmeasured
from bench.plan.definition import Plan
from bench.plan.matrix import arms, competing_arms, row_points, scenario_load_points
from bench.schema.load_points import LoadPoint
from clients.quality_codes import Thresholds

MAX_RATE = "max_rate_rps"
COMPARED_METRICS = (
    "throughput_rps",
    MAX_RATE,
    "sessions_per_s",
    "latency_p50_us",
    "latency_p99_us",
    "service_p50_us",
    "service_p99_us",
    "cpu_us_per_request",
    "memory_mb",
)


@dataclass(frozen=True, slots=True)
class MetricValues:
    """One metric of one case in one run: a log value for each block, or the bounds of a search."""

    median: float
    verdict: str
    logs_by_block: Mapping[int, float] = field(default_factory=dict)
    bounds: tuple[float, float] = (math.nan, math.nan)
    objective: tuple[float, float] = (math.nan, math.nan)  # of a search: latency in us, and share of lost requests

    @property
    def is_comparable(self) -> bool:
        """Return whether the median can be compared: 0 means nothing served, infinite too much lost."""
        return 0 < self.median < math.inf

    @property
    def logs(self) -> list[float]:
        """The log values of all blocks."""
        return [*self.logs_by_block.values()]


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Why a case of the plan has no values: its status (failed, skipped or missing) and the reason."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunValues:
    """The values of one run. Cases have no rate, since a common rate is calibrated for each run."""

    cases: Mapping[CaseKey, Mapping[str, MetricValues]]  # by metric
    unmeasured: Mapping[CaseKey, Unmeasured]  # planned cases without values
    objectives: list[str]  # of its searches, one line each
    thresholds: Thresholds  # of its plan
    # The logarithms of each metric that slices have: a row for each block and round, a column for each arm.
    logs_by_round: Mapping[tuple[LoadPoint, str], pd.DataFrame] = field(default_factory=dict)

    def is_comparable(self, case: CaseKey, metric: str) -> bool:
        """Return whether the run has a value of the metric that can be compared."""
        values = self.cases.get(case, {}).get(metric)
        return values is not None and values.is_comparable

    def log_ratios(self, case: CaseKey, metric: str, others: Sequence[str]) -> list[float]:
        """Return the log ratio of an arm to the geometric mean of others, one for each block.

        The ratio is taken inside each round, and its median is that of the block. Without common rounds, it is taken
        inside each block. Blocks in which one of the others has no finite value are left out.
        """
        by_round = self.logs_by_round.get((case.load_point, metric))
        if by_round is not None:
            ratios = by_round[case.arm] - _finite_mean(by_round[[*others]])
            if ratios.notna().any():
                return _without_nan(ratios.groupby(level="block").median())
        of_others = [self._block_logs(CaseKey(other, case.load_point), metric) for other in others]
        return _without_nan(self._block_logs(case, metric) - _finite_mean(pd.concat(of_others, axis=1)))

    def _block_logs(self, case: CaseKey, metric: str) -> pd.Series:
        return pd.Series(self.cases[case][metric].logs_by_block, dtype=float)

    @property
    def planned(self) -> set[CaseKey]:
        """All cases of the plan."""
        return {*self.cases, *self.unmeasured}


def collect_values(
    trials: pd.DataFrame,
    slices: pd.DataFrame,
    max_rate: pd.DataFrame | None = None,
    planned: Collection[CaseKey] = (),
    *,
    thresholds: Thresholds,
) -> RunValues:
    """Return the values of a run. trials, slices, max_rate: its rows. planned: all cases that its plan asks for."""
    values: dict[CaseKey, dict[str, MetricValues]] = {}
    unmeasured: dict[CaseKey, Unmeasured] = {}
    valid = valid_slices(slices, trials)
    of_blocks = block_values(trials, valid)
    for case, case_trials in group_by_case(trials).items():
        if case in of_blocks:
            values[case.planned] = dict(_block_metrics(case_trials, of_blocks[case], thresholds))
        else:
            unmeasured[case.planned] = Unmeasured(*why_unmeasured(case_trials))
    for case, max_rate_values in _search_values(max_rate, thresholds):
        if max_rate_values.is_comparable:
            values.setdefault(case, {})[MAX_RATE] = max_rate_values
        else:
            unmeasured[case] = Unmeasured("failed", "no rate of the search met the objective")
    for case in planned:
        if case not in values:
            unmeasured.setdefault(case, Unmeasured("missing", "no trial of it was finished"))
    return RunValues(values, unmeasured, objectives(max_rate), thresholds, _logs_by_round(valid))


def planned_cases(plan: Plan) -> set[CaseKey]:
    """Return every case of a plan. Its searches have neither controls nor baselines."""
    searches = [point for scenario in plan.scenarios if scenario.searches for point in scenario_load_points(scenario)]
    pairs = [*itertools.product(arms(plan), row_points(plan)), *itertools.product(competing_arms(plan), searches)]
    return {CaseKey(arm.name, point) for arm, point in pairs}


def _logs_by_round(slices: pd.DataFrame) -> dict[tuple[LoadPoint, str], pd.DataFrame]:
    """Return the logarithms of each metric at each planned load point, by block and round, with a column for each arm.

    slices: as ``valid_slices`` returns them. The logarithm of 0 is minus infinity.
    """
    tables = {}
    for load_point, rounds in group_by_load_point(slices).items():
        for metric in (metric for metric in METRICS_FROM_SLICES if rounds[metric].notna().any()):
            by_round = rounds.pivot_table(index=["block", "round"], columns="arm", values=metric, aggfunc="first")
            with np.errstate(divide="ignore"):
                logs = np.log(by_round.to_numpy(dtype=float))
            tables[load_point.planned, metric] = pd.DataFrame(logs, by_round.index, by_round.columns)
    return tables


def _finite_mean(logs: pd.DataFrame) -> pd.Series:
    """Return the mean of each row; nan where a value is missing or infinite."""
    return logs.where(np.isfinite(logs)).mean(axis=1, skipna=False)


def _without_nan(values: pd.Series) -> list[float]:
    return [float(value) for value in values.dropna()]


def _block_metrics(
    trials: pd.DataFrame, of_blocks: BlockValues, thresholds: Thresholds
) -> Iterator[tuple[str, MetricValues]]:
    """Yield the metrics of one case. Infinite log values are kept: a block that lost everything counts."""
    finished = trials[trials["status"] == "ok"]
    is_open_loop = bool((finished["loop"] == "open").any())
    quality = case_quality(trials, thresholds)
    for metric in COMPARED_METRICS:
        values = of_blocks.get(metric, {})
        is_planned = is_open_loop and metric == "throughput_rps"  # the plan decides it
        if values and not is_planned:
            with np.errstate(divide="ignore"):
                logs = np.log(list(values.values())).tolist()
            logs_by_block = dict(zip(values, logs, strict=True))
            yield (
                metric,
                MetricValues(
                    float(np.median(list(values.values()))), quality.for_metric(metric).verdict, logs_by_block
                ),
            )


def _search_values(max_rate: pd.DataFrame | None, thresholds: Thresholds) -> Iterator[tuple[CaseKey, MetricValues]]:
    """Yield the result of each search. A missing upper bound is infinite: the rate may be anywhere above."""
    if max_rate is None:
        return
    first_trials = {case: trials.iloc[0] for case, trials in group_searches(max_rate).items()}
    for row in summarise_searches(max_rate, thresholds).to_dict("records"):
        case = CaseKey.from_row(row).planned
        first = first_trials[case]
        yield (
            case,
            MetricValues(
                median=float(row["median"]),
                verdict=str(row["verdict"]),
                bounds=(float(row["low"]), math.inf if math.isnan(row["high"]) else float(row["high"])),
                objective=(float(first["objective_p99_us"]), float(first["objective_lost_share"])),
            ),
        )
