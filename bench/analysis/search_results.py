"""The results of searches for the highest rate: bounds and throughput. Pure."""

import math
from collections import Counter

import pandas as pd

from bench.analysis.case_quality import Quality, case_quality, flags_of
from bench.analysis.cases import CaseKey, text, to_table
from bench.analysis.search_votes import MAX_LATE_SHARE, bounds
from bench.analysis.statistics import Interval
from bench.analysis.summary import CaseLabels, summarise
from bench.schema.load_points import LoadPoint
from bench.schema.result_rows import SummaryRow
from clients.quality_codes import (
    INVALID,
    MIN_SAMPLES_BEYOND,
    SUSPECT,
    Thresholds,
    doubts,
    findings,
    worst_verdict,
)

METRIC = "max_rate_rps"
_SEARCH = ["arm", *LoadPoint.LOAD_COLUMNS]  # a search has one population


def summarise_run(
    trials: pd.DataFrame,
    slices: pd.DataFrame,
    max_rate: pd.DataFrame | None,
    thresholds: Thresholds,
) -> pd.DataFrame:
    """Return the whole summary of a run: its blocks, then its searches.

    max_rate: None if the run has no search.
    """
    summary = summarise(trials, slices, thresholds)
    if max_rate is None:
        return summary
    return pd.concat([summary, summarise_searches(max_rate, thresholds)], ignore_index=True)


def summarise_searches(max_rate: pd.DataFrame | None, thresholds: Thresholds) -> pd.DataFrame:
    """Return one row for each search, as rows of ``SummaryRow``.

    max_rate: all trials of searches; None if the run has no search.

    low and high are the bounds of the search: the highest rate at which most trials met the objective, and the lowest
    at which most did not. They are not a confidence interval. The median is that of the throughput at the lower bound.
    """
    searches = {} if max_rate is None else group_searches(max_rate)
    return to_table([_row(case, trials, thresholds) for case, trials in searches.items()], SummaryRow)


def group_searches(max_rate: pd.DataFrame) -> dict[CaseKey, pd.DataFrame]:
    """Return the trials of each search, in the order of first appearance."""
    groups = max_rate.groupby(_SEARCH, sort=False)
    return {CaseKey(str(arm), LoadPoint.of(*load)): trials for (arm, *load), trials in groups}


def objectives(max_rate: pd.DataFrame | None) -> list[str]:
    """Describe the objective of each search, one line each."""
    if max_rate is None:
        return []
    columns = [*LoadPoint.LOAD_COLUMNS, "objective_p99_us", "objective_lost_share"]
    return [
        f"{row['scenario']}, {row['connections']} connections: 99% of the requests answered within "
        f"{float(row['objective_p99_us']) / 1e3:.3g} ms, at most {float(row['objective_lost_share']):.2%} lost"
        for row in max_rate[columns].drop_duplicates().to_dict("records")
    ]


def _row(case: CaseKey, trials: pd.DataFrame, thresholds: Thresholds) -> SummaryRow:
    labels = CaseLabels.from_rows(trials, case)
    counted = trials[trials["counted"]]
    if counted.empty:
        return _unmeasured_row(labels, trials, thresholds)
    votes: dict[int, Counter[bool]] = {}
    rates: dict[int, float] = {}
    for trial in counted.to_dict("records"):
        step = int(trial["step"])
        votes.setdefault(step, Counter())[bool(trial["passed"])] += 1
        rates[step] = float(trial["rate_rps"])
    lower, upper = bounds(votes)
    passed = counted[(counted["step"] == lower) & counted["passed"]]
    at_upper = counted[counted["step"] == upper]
    failures = at_upper.loc[at_upper["status"] == "failed", "reason"]
    interval = Interval(
        estimate=float(passed["throughput_rps"].median()) if len(passed) else math.nan,
        low=math.nan if lower is None else rates[lower],
        high=math.nan if upper is None else rates[upper],
        coverage=math.nan,
    )
    if len(failures):
        quality = Quality(SUSPECT if len(passed) else "")
        return labels.row(METRIC, interval, len(passed), quality, "failed", text(failures.iloc[-1]))
    quality = _quality(at_upper, passed, lower, upper, thresholds)
    return labels.row(METRIC, interval, len(passed), quality)


def _unmeasured_row(labels: CaseLabels, trials: pd.DataFrame, thresholds: Thresholds) -> SummaryRow:
    """Return the row of a search without a counted trial, as its last trial explains."""
    last = trials.iloc[-1]
    flags = flags_of((last["codes"], last.get("findings", "")), thresholds)
    quality = Quality(text(last["verdict"]), tuple(doubts(flags)), tuple(findings(flags)))
    no_interval = Interval(math.nan, math.nan, math.nan, coverage=math.nan)
    return labels.row(METRIC, no_interval, 0, quality, text(last["status"]), text(last["reason"]))


def _quality(
    at_upper: pd.DataFrame, passed: pd.DataFrame, lower: int | None, upper: int | None, thresholds: Thresholds
) -> Quality:
    """Return the quality of a search.

    at_upper: trials at the upper bound. passed: trials that passed at the lower bound.

    An upper bound at which the server is overloaded is a result, not a defect. An upper bound with invalid trials is a
    defect: the generator may have set it. The findings are those of the trials that passed.
    """
    raised = []
    if lower is None:
        raised.append(thresholds.flag("NO_PASSING_RATE"))
    if upper is None:
        raised.append(thresholds.flag("NO_FAILING_RATE"))
    beyond = MAX_LATE_SHARE * float(passed["scheduled"].median()) if len(passed) else math.inf
    if beyond < MIN_SAMPLES_BEYOND:
        raised.append(thresholds.flag("FEW_SAMPLES", beyond))
    invalid = at_upper.loc[at_upper["verdict"] == INVALID, "codes"]
    flags = [flag for cell in invalid for flag in doubts(thresholds.parse(text(cell)))]
    verdicts = [INVALID for _ in invalid] + [SUSPECT for _ in raised]
    found = case_quality(passed, thresholds).for_metric(METRIC).findings
    return Quality(worst_verdict(verdicts), tuple(thresholds.merge([*flags, *raised])), found)
