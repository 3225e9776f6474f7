"""The figures of a run that are exported: each metric of each case, with the values of its blocks. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.block_values import BlockValues, block_values, valid_slices
from bench.analysis.case_quality import flags_of
from bench.analysis.cases import CaseKey, group_by_case, text
from bench.analysis.search_results import METRIC as MAX_RATE
from bench.analysis.search_results import summarise_run
from bench.analysis.statistics import MIN_BLOCKS_FOR_95
from bench.formatting import plural
from bench.schema.metrics import METRICS, Metric, headline
from clients.quality_codes import INVALID, QualityFlag, Thresholds, doubts, format_flags

_THROUGHPUT = "throughput_rps"


@dataclass(frozen=True, slots=True)
class BlockValue:
    """The value of a metric in one block, with the verdict on it."""

    block: int
    value: float
    load_s: float  # seconds of load; nan if unknown
    verdict: str
    codes: str

    @property
    def left_out(self) -> str:
        """Why the value is not exported; empty if it is."""
        return f"invalid: {self.codes}" if self.verdict == INVALID else ""


@dataclass(frozen=True, slots=True)
class ExportFigure:
    """One metric of one case."""

    case: CaseKey  # without the rate: a calibration finds another one in each run
    model: str
    transport: str
    protocol: str
    python: str
    scenario_kind: str
    rate_rps: float  # nan in a closed loop
    metric: Metric
    median: float
    low: float
    high: float
    blocks: int
    verdict: str
    codes: str
    findings: str
    left_out: str  # why the median is not exported; empty if it is
    is_planned: bool  # the plan or a calibration decides the value: the throughput of an open loop
    block_values: tuple[BlockValue, ...]

    @property
    def case_name(self) -> str:
        """The name of the case. It is unique in a run, and the same in every run of a plan."""
        return f"{self.case.arm}, {self.case.load_point}"

    @property
    def has_interval(self) -> bool:
        """Return whether ``low`` and ``high`` are a 95% interval.

        Fewer than six blocks do not give one (bench/analysis/statistics.py), and a search has bounds instead.
        """
        return self.blocks >= MIN_BLOCKS_FOR_95 and not self.is_search and not math.isnan(self.low)

    @property
    def is_search(self) -> bool:
        """Return whether the figure is the result of a search, which has no blocks."""
        return self.metric.name == MAX_RATE


def collect_figures(
    trials: pd.DataFrame, slices: pd.DataFrame, max_rate: pd.DataFrame | None, thresholds: Thresholds
) -> list[ExportFigure]:
    """Return every metric of every case of a run, as ``summary.csv`` lists them.

    trials, slices, max_rate: rows of the run; max_rate is None if it has no search.
    """
    summary = summarise_run(trials, slices, max_rate, thresholds)
    cases = _cases(trials, slices, thresholds)
    return [_figure(row, cases.get(CaseKey.from_row(row))) for row in summary.to_dict("records")]


def split_medians(figures: Sequence[ExportFigure]) -> tuple[list[ExportFigure], list[str]]:
    """Return the figures that a dashboard can follow from run to run, and one line for each thing left out."""
    medians = [figure for figure in figures if not figure.left_out and not figure.is_planned]
    return medians, [f"left out: {line}" for line in (*left_out_lines(figures), *_planned_lines(figures))]


def _planned_lines(figures: Iterable[ExportFigure]) -> list[str]:
    """Return a line about the figures that no dashboard should follow: a plan decides them. Empty without any."""
    count = sum(figure.is_planned and not figure.left_out for figure in figures)
    return [f"{_THROUGHPUT} of {plural(count, 'case')} in an open loop (the plan decides it)"] if count else []


def left_out_lines(figures: Iterable[ExportFigure]) -> list[str]:
    """Return one line for each case and reason, with the metrics that are left out."""
    metrics: dict[tuple[str, str], list[str]] = {}
    for figure in figures:
        if figure.left_out:
            metrics.setdefault((figure.case_name, figure.left_out), []).append(figure.metric.name)
    return [f"{case}: {', '.join(names)} ({reason})" for (case, reason), names in metrics.items()]


@dataclass(frozen=True, slots=True)
class _CaseBlocks:
    """The blocks of one case that were measured."""

    values: BlockValues
    flags: Mapping[int, list[QualityFlag]]
    load_s: Mapping[int, float]
    is_open_loop: bool
    thresholds: Thresholds

    def of_metric(self, metric: Metric) -> tuple[BlockValue, ...]:
        """Return the values of a metric, with the flags that concern it."""
        values = self.values.get(metric.name, {})
        return tuple(self._value(block, value, metric) for block, value in values.items())

    def _value(self, block: int, value: float, metric: Metric) -> BlockValue:
        flags = [flag for flag in self.flags.get(block, []) if flag.concerns(metric.figure)]
        verdict = self.thresholds.worst(flags, metric.figure)
        return BlockValue(block, value, self.load_s.get(block, math.nan), verdict, format_flags(flags))


def _cases(trials: pd.DataFrame, slices: pd.DataFrame, thresholds: Thresholds) -> dict[CaseKey, _CaseBlocks]:
    """Return the blocks of each case. A case that was never measured has none."""
    if trials.empty:
        return {}
    valid = valid_slices(slices, trials)
    with_slices, values = group_by_case(valid).keys(), block_values(trials, valid)
    cases = {}
    for case, case_trials in group_by_case(trials).items():
        finished = case_trials[case_trials["status"] == "ok"]
        if case in with_slices and len(finished):
            rows = finished.to_dict("records")
            cases[case] = _CaseBlocks(
                values=values[case],
                flags={int(row["block"]): doubts(flags_of([row["codes"]], thresholds)) for row in rows},
                load_s={int(row["block"]): float(row["duration_s"]) for row in rows},
                is_open_loop=bool((finished["loop"] == "open").any()),
                thresholds=thresholds,
            )
    return cases


def _figure(row: Mapping[Any, Any], blocks: _CaseBlocks | None) -> ExportFigure:
    """Return the figure of a row of the summary. blocks: of its case, if there are any."""
    metric = METRICS[row["metric"]]
    kind = text(row["scenario_kind"])
    is_open_loop = blocks is not None and blocks.is_open_loop
    return ExportFigure(
        case=CaseKey.from_row(row).planned,
        model=text(row["model"]),
        transport=text(row["transport"]),
        protocol=text(row["protocol"]),
        python=text(row["python"]),
        scenario_kind=kind,
        rate_rps=_number(row["rate_rps"]),
        metric=metric,
        median=_number(row["median"]),
        low=_number(row["low"]),
        high=_number(row["high"]),
        blocks=int(row["blocks"]),
        verdict=text(row["verdict"]),
        codes=text(row["codes"]),
        findings=text(row["findings"]),
        left_out=_why_left_out(row),
        is_planned=is_open_loop and metric.name == _THROUGHPUT and headline(kind) != _THROUGHPUT,
        block_values=blocks.of_metric(metric) if blocks else (),
    )


def _why_left_out(row: Mapping[Any, Any]) -> str:
    """Return why a row of the summary has no number that can be exported; empty if it has one."""
    median, codes = _number(row["median"]), text(row["codes"])
    if row["verdict"] == INVALID:
        return f"invalid: {codes}"
    if math.isinf(median):
        return "infinite: the server did not recover" if row["metric"] == "recovery_s" else "infinite: too many losses"
    if not math.isnan(median):
        return ""
    if row["status"] != "ok":
        return f"{text(row['status'])}: {text(row['reason'])}"
    return f"no value: {codes}" if codes else "no value"


def _number(value: Any) -> float:
    """Return the number in a cell: nan for a missing one."""
    return math.nan if value is None else float(value)
