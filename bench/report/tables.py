"""The result tables of a run, shared by the terminal and the report. Pure."""

import functools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

from bench.analysis.cases import Record, records_by_load_point, text
from bench.analysis.comparisons import is_within_noise, noise_floor_at
from bench.analysis.predictions.agreement import Agreement
from bench.analysis.rankings import best_first, ranks
from bench.compare.run_values import COMPARED_METRICS
from bench.formatting import compact, spread, three_figures
from bench.report.baseline import describe_standing, standings
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.conclusions import ComparisonKind, Conclusion, Pairing
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, ScenarioKind, headline
from bench.translation import gettext, translate_line
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import SEVERITY, format_flags

RATIO_KINDS = (ComparisonKind.REFERENCE, ComparisonKind.CONTROL)  # shown in the column of ratios
SIGNS: dict[str, str] = {Conclusion.EQUIVALENT: "=", Conclusion.INCONCLUSIVE: "?"}
DIFFERENT = (Conclusion.FASTER, Conclusion.SLOWER)
NOISE_SIGN = "~"  # beside a significant difference that is within the noise floor
QUALITY_MARKS = {"suspect": "!", "invalid": "!!"}  # only where a figure is worse than the verdict of its row
FINDING_MARK = "*"
_SEVERITY = {**SEVERITY, "failed": 3, "skipped": 3}


class Estimate(NamedTuple):
    """A median with its interval. An unknown number is nan."""

    median: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True, slots=True)
class Ratio:
    """One arm compared with its reference."""

    reference: str
    ratio: float
    low: float
    high: float
    conclusion: str
    pairing: str = Pairing.ROUNDS
    is_measured: bool = True  # some block measured both arms
    noise: float | None = None  # the noise floor of the metric at the load point, as a share

    @property
    def within_noise(self) -> bool:
        """Return whether the difference is significant and yet within the noise floor."""
        return self.conclusion in DIFFERENT and is_within_noise(self.ratio, self.noise)

    def __str__(self) -> str:
        """Return ``0.82 [0.80, 0.84] slower``, with a sign instead of the word for a tie, and one for noise.

        An unknown ratio is left out.
        """
        if not self.is_measured:
            return "-"
        if math.isnan(self.ratio):
            return in_words(self.conclusion)
        conclusion = SIGNS.get(self.conclusion, in_words(self.conclusion)) + (
            f" {NOISE_SIGN}" if self.within_noise else ""
        )
        if not math.isfinite(self.low) or not math.isfinite(self.high):
            return f"{compact(self.ratio)} {conclusion}"
        return f"{self.ratio:.2f} [{self.low:.2f}, {self.high:.2f}] {conclusion}"


@dataclass(frozen=True, slots=True)
class PredictedFigure:
    """The value that a formula predicts for a figure."""

    value: float
    ratio: float  # measured / predicted
    word: str  # of Agreement

    @property
    def explains(self) -> bool:
        """Return whether the prediction holds."""
        return self.word == Agreement.AS_PREDICTED

    def __str__(self) -> str:
        """Return ``10.1k as predicted``, or ``55.9k x 0.27`` with the ratio of the measured figure to it."""
        outcome = gettext("as predicted") if self.explains else f"x {three_figures(self.ratio)}"
        return f"{compact(self.value)} {outcome}"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One arm at one load point."""

    arm: Arm
    verdict: str  # of the metric that the scenario asks for first; failed or skipped if it was not measured
    codes: str  # doubts about that metric, or the reason
    findings: str  # about the server
    values: dict[str, Estimate]  # by metric
    quality: dict[str, tuple[str, str]]  # verdict and codes, by metric
    ratio: Ratio | None
    rank: tuple[int, int] | None = None  # best and worst possible rank in its transport; None: not ranked
    predicted: PredictedFigure | None = None  # of the metric that the scenario asks for first

    def cell(self, metric: str, *, with_spread: bool = True) -> str:
        """Return a median with its spread, and a mark for a doubtful figure."""
        value = self.values.get(metric, Estimate())
        if with_spread:
            return f"{spread(*value)} {self.mark(metric)}".rstrip()
        return compact(value.median) + self.mark(metric)

    def mark(self, metric: str) -> str:
        """Return ``!`` or ``!!`` for a figure that is worse than its row's verdict."""
        verdict, _ = self.quality.get(metric, ("", ""))
        return quality_mark(verdict, self.verdict)

    @property
    def marked_verdict(self) -> str:
        """The verdict, with a mark if there are findings about the server: ``valid *``."""
        verdict = in_words(self.verdict)
        return f"{verdict} {FINDING_MARK}" if self.findings else verdict

    @property
    def is_reference(self) -> bool:
        """Return whether the other arms are compared with this arm."""
        return self.ratio is not None and self.ratio.reference == self.arm.name


@dataclass(frozen=True, slots=True)
class ResultTable:
    """All arms at one load point: TCP first, and each control below its transport.

    Ranked arms are sorted by the printed ratio, but no arm is above one that is concluded to be better. All others
    follow, best median first.
    """

    load_point: LoadPoint
    metrics: list[str]
    rows: list[TableRow]
    baseline: tuple[str, ...] = ()  # sentences: what the baseline shows over each transport
    blocks: int = 0  # that the intervals of the medians come from; 0 if unknown

    @property
    def has_predictions(self) -> bool:
        """Return whether a row has a prediction."""
        return any(row.predicted for row in self.rows)

    @property
    def title(self) -> str:
        """The load point as text."""
        return str(self.load_point)


def quality_mark(verdict: str, verdict_of_row: str) -> str:
    """Return ``!`` or ``!!`` for a figure that is worse than the verdict of its row."""
    is_worse = _SEVERITY.get(verdict, 0) > _SEVERITY.get(verdict_of_row, 0)
    return QUALITY_MARKS.get(verdict, "") if is_worse else ""


def result_tables(
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    unranked: Collection[str] = (),
    scenario_names: Sequence[str] = (),
) -> list[ResultTable]:
    """Return a table for each load point, in the order of the scenarios.

    Fewest connections come first.

    unranked: models that get no rank. scenario_names: in the order of the plan; others follow as they appear.
    """
    if summary.empty:
        return []
    ratios = _ratios(comparisons)
    compared = records_by_load_point(comparisons)
    rank_of = {load_point: ranks(rows, unranked) for load_point, rows in compared.items()}
    tables = []
    for load_point, rows in records_by_load_point(summary).items():
        ranks_here = rank_of.get(load_point, {})
        metrics = _metrics(rows)
        table_rows = [
            replace(
                _row(arm, [row for row in rows if row["arm"] == arm], metrics[0], ratios.get((load_point, arm))),
                rank=ranks_here.get(arm),
            )
            for arm in sorted({str(row["arm"]) for row in rows})
        ]
        sentences = tuple(describe_standing(each, unranked) for each in standings(compared.get(load_point, ())))
        ordered = _sorted(_with_references(table_rows), metrics[0], compared.get(load_point, ()), unranked)
        counted = [int(row["blocks"]) for row in rows if row["metric"] in metrics and row["status"] == "ok"]
        tables.append(ResultTable(load_point, metrics, ordered, sentences, max(counted, default=0)))
    scenarios = list(dict.fromkeys([*scenario_names, *summary["scenario"]]))
    # A scenario asks about its first population, and rows are in the order of the plan.
    points = summary[list(LoadPoint.COLUMNS)].drop_duplicates()
    parts = list(dict.fromkeys(LoadPoint.from_row(row).part for row in points.to_dict("records")))

    def position(table: ResultTable) -> tuple[int, int, int, int]:
        point = table.load_point
        return scenarios.index(point.scenario), point.message_bytes, point.connections, parts.index(point.part)

    return sorted(tables, key=position)


def outcome_of(row: Mapping[Any, Any]) -> tuple[str, str]:
    """Return the verdict and codes of a summary row.

    If nothing was measured, return its status and reason instead.
    """
    columns = ("verdict", "codes") if row["status"] == "ok" else ("status", "reason")
    outcome, why = (text(row[column]) for column in columns)
    return outcome, why if row["status"] == "ok" else translate_line(why)


def _metrics(rows: Sequence[Record]) -> list[str]:
    """Return the metrics of a table: the headline metric, then the measured times and costs.

    Where there is a latency, it is shown instead of the service time: it contains the wait for a free connection.
    """
    kind = str(rows[0]["scenario_kind"])
    first = headline(kind)
    measured = {str(row["metric"]) for row in rows}
    if kind == ScenarioKind.HELD:  # there are no replies
        return [first, *(name for name in ("connect_p50_us", "connect_p99_us") if name in measured)]
    if "latency_p50_us" in measured:
        measured -= {"service_p50_us", "service_p99_us"}
    costs = (
        name for name in COMPARED_METRICS if name in measured and not METRICS[name].more_is_better and name != first
    )
    return [first, *costs]


def _ratios(comparisons: pd.DataFrame) -> dict[tuple[LoadPoint, str], Ratio]:
    """Return each arm's ratio to its reference, in the headline metric."""
    controls = comparisons[comparisons["kind"] == ComparisonKind.CONTROL]
    noise_at = functools.cache(functools.partial(noise_floor_at, comparisons=controls))
    ratios: dict[tuple[LoadPoint, str], Ratio] = {}
    for row in comparisons.to_dict("records"):
        if row["metric"] == headline(str(row["scenario_kind"])) and row["kind"] in RATIO_KINDS:
            load_point = LoadPoint.from_row(row)
            ratios[load_point, str(row["arm"])] = _ratio(row, noise_at(load_point, str(row["metric"])))
    return ratios


def _ratio(row: Mapping[Any, Any], noise: float | None) -> Ratio:
    ratio, low, high = (float(row[name]) for name in ("ratio", "low", "high"))
    pairing = text(row.get("pairing")) or Pairing.ROUNDS
    is_measured = int(row["blocks"]) > 0
    return Ratio(str(row["reference"]), ratio, low, high, str(row["conclusion"]), pairing, is_measured, noise)


def _row(arm: str, rows: Sequence[Record], first: str, ratio: Ratio | None) -> TableRow:
    values: dict[str, Estimate] = {}
    quality: dict[str, tuple[str, str]] = {}
    predicted: PredictedFigure | None = None
    for row in rows:
        metric = str(row["metric"])
        values[metric] = Estimate(float(row["median"]), float(row["low"]), float(row["high"]))
        quality[metric] = outcome_of(row)
        if metric == first and text(row.get("prediction")):
            predicted = PredictedFigure(float(row["predicted"]), float(row["prediction_ratio"]), str(row["prediction"]))
    verdict, codes = quality.get(first, ("", ""))
    return TableRow(Arm.parse(arm), verdict, codes, _findings(rows), values, quality, ratio, predicted=predicted)


def _findings(rows: Iterable[Record]) -> str:
    """Return the findings of all metrics of an arm, each with its worst value."""
    findings = " ".join(text(row["findings"]) for row in rows)
    return format_flags(DEFAULT_THRESHOLDS.merge(DEFAULT_THRESHOLDS.parse(findings)))


def _with_references(rows: list[TableRow]) -> list[TableRow]:
    references = {row.ratio.reference for row in rows if row.ratio}
    to_itself = {name: Ratio(name, 1.0, math.nan, math.nan, "reference") for name in references}
    return [replace(row, ratio=row.ratio or to_itself.get(row.arm.name)) for row in rows]


def _sorted(
    rows: list[TableRow], first: str, comparisons: Sequence[Mapping[Any, Any]], unranked: Collection[str]
) -> list[TableRow]:
    order = best_first(comparisons, _costs([row for row in rows if row.rank], first), unranked)
    place_of = {arm: place for place, arm in enumerate(order)}

    def position(row: TableRow) -> tuple[str, bool, float, float, str]:
        place = place_of.get(row.arm.name, math.inf) if row.rank else math.inf
        median = row.values.get(first, Estimate()).median
        return row.arm.transport, row.arm.control, place, _cost(median, first), row.arm.name

    return sorted(rows, key=position)


def _costs(ranked: Sequence[TableRow], first: str) -> dict[str, float]:
    """Return the costs that ranked rows are sorted by: of their ratios if all have one, or else of their medians."""
    ratios = [row.ratio.ratio if row.ratio else math.nan for row in ranked]
    medians = [row.values.get(first, Estimate()).median for row in ranked]
    figures = medians if any(map(math.isnan, ratios)) else ratios
    return {row.arm.name: _cost(figure, first) for row, figure in zip(ranked, figures, strict=True)}


def _cost(figure: float, metric: str) -> float:
    """Return a number that is lower for a better figure; infinite for a missing one."""
    if math.isnan(figure):
        return math.inf
    return -figure if METRICS[metric].more_is_better else figure
