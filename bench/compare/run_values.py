"""The values of one run that are compared with other runs, case by case. Pure."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from bench.analysis.block_values import METRICS_FROM_SLICES, block_log_ratios, block_values, valid_slices
from bench.analysis.case_quality import case_quality
from bench.analysis.cases import CaseKey, group_by_case, group_by_load_point
from bench.analysis.search_results import group_searches, objectives, summarise_searches
from bench.analysis.summary import why_unmeasured
from bench.plan.definition import Plan
from bench.plan.matrix import arms, competing_arms, row_points, scenario_load_points
from bench.schema.arms import Arm
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
    log_ratios_in_rounds: tuple[float, ...] = ()  # to the baseline, one for each block; empty if rounds do not have it
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

    def log_ratios_to(self, baseline: "MetricValues") -> list[float]:
        """Return the log ratios to a baseline: inside rounds, or else inside blocks.

        Blocks in which the ratio is not finite are left out.
        """
        if self.log_ratios_in_rounds:
            return [log for log in self.log_ratios_in_rounds if math.isfinite(log)]
        of_baseline = baseline.logs_by_block
        common = [block for block in self.logs_by_block if math.isfinite(of_baseline.get(block, math.nan))]
        return [self.logs_by_block[block] - of_baseline[block] for block in common]


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
    slices_of_case = group_by_case(valid)
    in_rounds = _log_ratios_in_rounds(valid)
    for case, case_trials in group_by_case(trials).items():
        if (case_trials["status"] == "ok").any():
            case_slices = slices_of_case.get(case, valid.iloc[:0])
            metrics = _block_metrics(case_trials, case_slices, thresholds)
            values[case.planned] = {
                metric: replace(of_metric, log_ratios_in_rounds=in_rounds.get((case, metric), ()))
                for metric, of_metric in metrics
            }
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
    return RunValues(values, unmeasured, objectives(max_rate), thresholds)


def planned_cases(plan: Plan) -> set[CaseKey]:
    """Return every case of a plan. Its searches have neither controls nor baselines."""
    searches = [point for scenario in plan.scenarios if scenario.searches for point in scenario_load_points(scenario)]
    pairs = [*itertools.product(arms(plan), row_points(plan)), *itertools.product(competing_arms(plan), searches)]
    return {CaseKey(arm.name, point) for arm, point in pairs}


def _log_ratios_in_rounds(slices: pd.DataFrame) -> dict[tuple[CaseKey, str], tuple[float, ...]]:
    """Return the log ratios of each case to the baseline of its transport, by metric: one for each block.

    slices: as ``valid_slices`` returns them. A ratio is taken inside each round, and its median is that of the block.
    """
    found: dict[tuple[CaseKey, str], tuple[float, ...]] = {}
    for load_point, rounds in group_by_load_point(slices).items():
        arms_here = [Arm.parse(str(name)) for name in rounds["arm"].unique()]
        pairs = [
            (arm.name, baseline.name)
            for arm, baseline in itertools.product(arms_here, arms_here)
            if baseline.is_baseline and arm.transport == baseline.transport and not arm.is_baseline
        ]
        for metric in (metric for metric in METRICS_FROM_SLICES if pairs and rounds[metric].notna().any()):
            by_round = rounds.pivot_table(index=["block", "round"], columns="arm", values=metric, aggfunc="first")
            present = [(arm, baseline) for arm, baseline in pairs if {arm, baseline} <= {*by_round.columns}]
            for (arm, _), logs in block_log_ratios(by_round, present).items():
                found[CaseKey(arm, load_point), metric] = tuple(logs)
    return found


def _block_metrics(
    trials: pd.DataFrame, slices: pd.DataFrame, thresholds: Thresholds
) -> Iterator[tuple[str, MetricValues]]:
    """Yield the metrics of one case. Infinite log values are kept: a block that lost everything counts."""
    finished = trials[trials["status"] == "ok"]
    is_open_loop = bool((finished["loop"] == "open").any())
    table, quality = block_values(finished, slices), case_quality(trials, thresholds)
    for metric in COMPARED_METRICS:
        values = table[metric].dropna() if metric in table else pd.Series(dtype=float)
        is_planned = is_open_loop and metric == "throughput_rps"  # the plan decides it
        if len(values) and not is_planned:
            with np.errstate(divide="ignore"):
                logs = np.log(values.to_numpy(dtype=float)).tolist()
            logs_by_block = dict(zip(values.index, logs, strict=True))
            yield metric, MetricValues(float(values.median()), quality.for_metric(metric).verdict, logs_by_block)


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
