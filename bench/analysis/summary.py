"""The summary of a run: median and interval of each case and metric. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from bench.analysis import statistics
from bench.analysis.block_values import BlockValues, block_values, valid_slices
from bench.analysis.case_quality import CaseQuality, Quality, case_quality
from bench.analysis.cases import CaseKey, group_by_case, text, to_table
from bench.schema.column_docs import column_names
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, headline
from bench.schema.result_rows import SummaryRow
from clients.quality_codes import (
    MIN_SAMPLES_BEYOND,
    QUANTILES,
    REQUEST_TIMES,
    SUSPECT,
    QualityFlag,
    Thresholds,
    format_flags,
    worst_verdict,
)

SUMMARY_COLUMNS = column_names(SummaryRow)
OPTIONAL_METRICS = {  # without values, these metrics have no row unless the scenario asks for them
    "max_rate_rps",
    "sessions_per_s",
    "connect_p50_us",
    "connect_p99_us",
    "recovery_s",
    "service_p90_us",
    "service_max_us",
    "latency_p50_us",
    "latency_p90_us",
    "latency_p99_us",
    "latency_p99_9_us",
    "latency_max_us",
}
_CASE_COLUMNS = ["arm", *LoadPoint.COLUMNS]
_RATES = {"throughput_rps", "sessions_per_s"}
_TAILS = ("p90", "p99", "p99.9")  # percentiles that are not printed if few samples are beyond them


@dataclass(frozen=True, slots=True)
class CaseLabels:
    """The columns that describe a case in every table of results."""

    case: CaseKey
    model: str
    transport: str
    protocol: str
    python: str
    scenario_kind: str

    @classmethod
    def from_rows(cls, rows: pd.DataFrame, case: CaseKey) -> "CaseLabels":
        """Return the labels of a case from its raw rows."""
        first = rows.iloc[0]
        names = ("model", "transport", "protocol", "python", "scenario_kind")
        return cls(case, *(text(first[name]) for name in names))

    def row(
        self,
        metric: str,
        interval: statistics.Interval,
        blocks: int,
        quality: Quality,
        status: str = "ok",
        reason: str = "",
    ) -> SummaryRow:
        """Return the row of one metric."""
        return SummaryRow(
            arm=self.case.arm,
            model=self.model,
            transport=self.transport,
            protocol=self.protocol,
            python=self.python,
            scenario_kind=self.scenario_kind,
            **self.case.load_point.cells,
            metric=metric,
            unit=METRICS[metric].unit,
            blocks=blocks,
            median=interval.estimate,
            low=interval.low,
            high=interval.high,
            verdict=quality.verdict,
            codes=format_flags(quality.doubts),
            findings=format_flags(quality.findings),
            status=status,
            reason=reason,
        )


def summarise(trials: pd.DataFrame, slices: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Return one row for each case and metric, as rows of ``SummaryRow``.

    trials, slices: all rows of the run.

    A case that was never measured has rows without numbers, with its status and reason.
    """
    if trials.empty:
        return to_table([], SummaryRow)
    valid = valid_slices(slices, trials)
    with_slices = {CaseKey.from_row(row) for row in valid[_CASE_COLUMNS].drop_duplicates().to_dict("records")}
    values = block_values(trials, valid)
    rows: list[SummaryRow] = []
    for case, case_trials in group_by_case(trials).items():
        labels = CaseLabels.from_rows(case_trials, case)
        if case in with_slices:
            rows += _measured_rows(labels, case_trials, values[case], thresholds)
        else:
            rows += _unmeasured_rows(labels, case_trials)
    return to_table(rows, SummaryRow)


def why_unmeasured(trials: pd.DataFrame) -> tuple[str, str]:
    """Return status and reason of a case without a finished trial.

    The status is ``failed`` if a trial failed, else ``skipped``.
    """
    failed = trials[trials["status"] == "failed"]
    status = "skipped" if failed.empty else "failed"
    reasons = (text(reason) for reason in (trials if failed.empty else failed)["reason"])
    return status, next((reason for reason in reasons if reason), "no reason given")


def _unmeasured_rows(labels: CaseLabels, trials: pd.DataFrame) -> Iterator[SummaryRow]:
    status, reason = why_unmeasured(trials)
    no_interval = statistics.median_interval([])
    for metric in METRICS:
        if metric not in OPTIONAL_METRICS or metric == headline(labels.scenario_kind):
            yield labels.row(metric, no_interval, 0, Quality(verdict=""), status, reason)


def _measured_rows(
    labels: CaseLabels, trials: pd.DataFrame, of_blocks: BlockValues, thresholds: Thresholds
) -> Iterator[SummaryRow]:
    quality = case_quality(trials, thresholds)
    replies = float(trials.loc[trials["status"] == "ok", "replies"].median())
    for metric in METRICS:
        values = list(of_blocks.get(metric, {}).values())
        if values or metric not in OPTIONAL_METRICS or metric == headline(labels.scenario_kind):
            yield _measured_row(labels, metric, values, quality, replies, thresholds)


def _measured_row(
    labels: CaseLabels,
    metric: str,
    values: list[float],
    case: CaseQuality,
    replies: float,
    thresholds: Thresholds,
) -> SummaryRow:
    """Return the row of one metric. replies: their median number per block.

    A percentile with too few replies beyond it would be little more than the slowest reply, so it stays empty. A rate
    of 0 is invalid, whatever codes the trials have. But the requests of a phase may all be answered after its end.
    """
    interval = statistics.median_interval(values)
    quality = case.for_metric(metric)
    flags: list[QualityFlag] = []
    if metric in _RATES and interval.estimate == 0 and not labels.case.load_point.phase:
        flags.append(thresholds.flag("NO_REPLIES"))
    is_unprinted = False
    figure = METRICS[metric].figure
    if figure.percentile in _TAILS and figure.quantity in REQUEST_TIMES:
        beyond = 0.0 if math.isnan(replies) else (1 - QUANTILES[figure.percentile]) * replies
        if beyond < thresholds.codes["FEW_SAMPLES"].suspect:
            flags.append(thresholds.flag("FEW_SAMPLES", beyond, figure.percentile))
        if is_unprinted := beyond < MIN_SAMPLES_BEYOND:
            interval = replace(interval, estimate=math.nan, low=math.nan, high=math.nan)
    # Without a figure because of too few replies, more blocks would not help.
    enough_blocks = len(case.blocks) >= statistics.MIN_BLOCKS_FOR_95
    if len(values) < statistics.MIN_BLOCKS_FOR_95 and not (is_unprinted and enough_blocks):
        flags.append(thresholds.flag("FEW_BLOCKS", len(values)))
    if flags:
        merged = tuple(thresholds.merge([*quality.doubts, *flags]))
        verdict = worst_verdict([quality.verdict, SUSPECT, thresholds.worst(flags, figure)])
        quality = Quality(verdict, merged, quality.findings)
    return labels.row(metric, interval, len(values), quality)
