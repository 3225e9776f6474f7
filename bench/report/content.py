"""The sections and tables of a report, as the templates show them. Pure."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import group_by_load_point, records_by_load_point
from bench.analysis.comparisons import is_within_noise, noise_floor_at
from bench.analysis.rankings import format_rank
from bench.analysis.statistics import order_ranks
from bench.formatting import format_percent, format_ratio, with_interval
from bench.report.caveats import ScenarioCaveats
from bench.report.extra_columns import ExtraColumn, extra_columns
from bench.report.meanings import meaning
from bench.report.narrow_view import NarrowView
from bench.report.reference_ratios import WITHIN_NOISE
from bench.report.savings import difference_text
from bench.report.tables import DIFFERENT, FINDING_MARK, Estimate, ResultTable, TableRow
from bench.report.udp_price import losses
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.conclusions import ComparisonKind, Pairing
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS
from bench.translation import N_, gettext, ngettext
from clients.quality_codes import SEVERITY

HEADINGS = {
    "throughput_rps": N_("requests/s"),
    "max_rate_rps": N_("requests/s"),
    "sessions_per_s": N_("sessions/s"),
    "latency_p50_us": N_("latency p50, µs"),
    "latency_p99_us": N_("latency p99, µs"),
    "service_p50_us": N_("service time p50, µs"),
    "service_p99_us": N_("service time p99, µs"),
    "connect_p50_us": N_("connect p50, µs"),
    "connect_p99_us": N_("connect p99, µs"),
    "cpu_us_per_request": N_("CPU µs/request"),
    "memory_mb": N_("memory, MB"),
}
RATIO_NOTES: dict[str, str] = {
    Pairing.ROUNDS: (
        N_(
            "A ratio is measured inside each round, where both servers meet the same machine: its "
            "median in each block, averaged over the blocks. So it is not the quotient of the "
            "medians in the table."
        )
    ),
    Pairing.BLOCKS: (
        N_(
            "A ratio is measured inside each block, and averaged over the blocks. So it is not the "
            "quotient of the medians in the table."
        )
    ),
    Pairing.UNPAIRED: N_(
        "Ratios are unpaired: a server remembers earlier phases, so each is measured once in a block."
    ),
}
MIN_BLOCKS_FOR_INTERVAL = 6  # with fewer, no pair of values contains the median with 95%
PREDICTION_NOTE = N_(
    "Predicted: computed by a formula from quantities that were measured at other load points. As predicted: the "
    "measured figure is within 10% of it. Not explained by this: it is not, and x is measured / predicted. The page "
    "docs/predictions.md of the documentation derives the formulas."
)
POLLING = N_(
    "{baseline} polls for a moment before it sleeps. So at such a rate its CPU time includes polling, and is not a "
    "lower limit."
)
COMPARISON_HEADINGS = (
    N_("scenario"),
    N_("clients"),
    N_("connections"),
    N_("bytes"),
    N_("metric"),
    N_("server"),
    N_("compared with"),
    N_("ratio [95% interval]"),
    N_("difference, in the unit of the metric"),
    N_("p (Holm)"),
    N_("conclusion"),
    N_("verdict"),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart that has been written."""

    question: str
    path: str  # of the PNG, relative to the report
    svg: bytes
    scenario: str
    source: str  # the CSV file that contains its numbers
    narrow: NarrowView | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    style: a verdict or a conclusion, which decides how the page shows it.
    """

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class TableView:
    """A result table as text."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]
    note: str  # how to read the table


@dataclass(frozen=True, slots=True)
class Section:
    """Everything about one scenario."""

    name: str
    question: str
    meaning: str
    pictures: list[Picture]
    tables: list[TableView]
    caveats: ScenarioCaveats
    remark: str = ""  # on a chart that was left out


def table_views(
    tables: Sequence[ResultTable], trials: pd.DataFrame, comparisons: pd.DataFrame
) -> dict[str, list[TableView]]:
    """Return the tables of each scenario as text."""
    trials_at = group_by_load_point(trials) if len(trials) else {}
    compared_at = records_by_load_point(comparisons) if len(comparisons) else {}
    views: dict[str, list[TableView]] = {}
    for table in tables:
        lost = losses(trials_at[table.load_point]) if table.load_point in trials_at else {}
        view = _table_view(table, extra_columns(table, compared_at.get(table.load_point, ()), lost))
        views.setdefault(table.load_point.scenario, []).append(view)
    return views


def sections(
    plan: Mapping[str, Any],
    tables: Sequence[ResultTable],
    views: Mapping[str, list[TableView]],
    pictures: Sequence[Picture],
    caveats: Mapping[str, ScenarioCaveats],
    trials: pd.DataFrame,
    remarks: Mapping[str, str],
) -> list[Section]:
    """Return the sections of scenarios with results or caveats, in the plan's order.

    views: the tables as text, by scenario. remarks: on charts that were left out, by scenario.
    """
    questions = {scenario["name"]: scenario.get("question", "") for scenario in plan.get("scenarios", ())}
    headlines = {table.load_point.scenario: table.metrics[0] for table in tables}
    shown = list(dict.fromkeys([*headlines, *(picture.scenario for picture in pictures), *caveats]))
    names = dict.fromkeys([*(name for name in questions if name in shown), *shown])
    return [
        Section(
            name=name,
            question=gettext(questions.get(name, "")),
            meaning=meaning(headlines.get(name, ""), trials[trials["scenario"] == name]),
            pictures=[picture for picture in pictures if picture.scenario == name],
            tables=views.get(name, []),
            caveats=caveats.get(name, ScenarioCaveats()),
            remark=remarks.get(name, ""),
        )
        for name in names
    ]


def comparison_rows(comparisons: pd.DataFrame) -> list[list[Cell]]:
    """Return the cells of the table of all comparisons."""
    controls = comparisons[comparisons["kind"] == ComparisonKind.CONTROL]
    noise_at = functools.cache(functools.partial(noise_floor_at, comparisons=controls))
    return [
        _comparison_cells(row, noise_at(LoadPoint.from_row(row), str(row["metric"])))
        for row in comparisons.to_dict("records")
    ]


def _table_view(table: ResultTable, extra: Sequence[ExtraColumn]) -> TableView:
    columns = [gettext(HEADINGS[metric]) for metric in table.metrics]
    if table.has_predictions:
        columns.append(gettext("predicted"))
    columns += [column.heading for column in extra]
    return TableView(table.title, columns, [_cells(row, table, extra) for row in table.rows], _note(table))


def _note(table: ResultTable) -> str:
    """Return how to read a table. Only what the table contains is explained."""
    notes = [_brackets(table.blocks)]
    if table.metrics[0] == "max_rate_rps":
        notes = [gettext("Brackets: search bounds.")]
    if any(row.ratio for row in table.rows):
        compared = [row.ratio for row in table.rows if row.ratio and row.ratio.is_measured and not row.is_reference]
        pairings = {ratio.pairing for ratio in compared}
        notes += [gettext(text) for pairing, text in RATIO_NOTES.items() if pairing in pairings]
        notes.append(gettext("Servers with overlapping ranks do not differ significantly; - is not ranked."))
    if table.has_predictions:
        notes.append(gettext(PREDICTION_NOTE))
    polling = [row.arm.label for row in table.rows if row.arm.is_baseline and row.verdict in SEVERITY]
    if table.metrics[0] == "cpu_us_per_request" and polling:
        notes.append(gettext(POLLING, baseline=polling[0]))
    if any(row.mark(metric) for row in table.rows for metric in table.metrics):
        notes.append(gettext("!: that figure is suspect, !!: invalid; the verdict is on the first figure of the row."))
    if any(row.findings for row in table.rows):
        notes.append(
            gettext(
                "{finding_mark}: a finding about the server, listed below; the figures are right.",
                finding_mark=FINDING_MARK,
            )
        )
    return " ".join([*notes, *table.baseline])


def _brackets(blocks: int) -> str:
    """Return what the brackets beside a median contain: its exact interval has the level that the blocks allow."""
    if blocks < MIN_BLOCKS_FOR_INTERVAL:
        return gettext(
            "Brackets: the smallest and the largest value of {blocks}, too few for an interval.",
            blocks=ngettext("{count} block", "{count} blocks", blocks),
        )
    _, _, level = order_ranks(blocks)
    return gettext(
        "Brackets: {level:.0f}% interval of the median of {blocks} blocks (at least 95%).",
        level=100 * level,
        blocks=blocks,
    )


def _cells(row: TableRow, table: ResultTable, extra: Sequence[ExtraColumn]) -> list[Cell]:
    numbers = []
    for metric in table.metrics:
        text = with_interval(*row.values.get(metric, Estimate()))
        verdict, _ = row.quality.get(metric, ("", ""))
        numbers.append(Cell(f"{text} {row.mark(metric)}".rstrip(), verdict))
    if table.has_predictions:
        numbers.append(Cell("-" if row.predicted is None else str(row.predicted)))
    return [
        Cell(format_rank(row.rank)),
        Cell(row.arm.display_label),
        Cell(row.arm.transport.upper()),
        *numbers,
        *(Cell(column.texts.get(row.arm.name, "-")) for column in extra),
        _ratio_cell(row),
        Cell(row.marked_verdict),
    ]


def _ratio_cell(row: TableRow) -> Cell:
    if row.is_reference:
        return Cell(gettext("reference"))
    if row.ratio is None or not row.ratio.is_measured:
        return Cell("-")
    figures = _ratio_text(row.ratio.ratio, row.ratio.low, row.ratio.high)
    noise = f", {gettext(WITHIN_NOISE)}" if row.ratio.within_noise else ""
    return Cell(f"{figures} {in_words(row.ratio.conclusion)}{noise}", row.ratio.conclusion)


def _ratio_text(ratio: float, low: float, high: float) -> str:
    """Return a ratio with its interval; without one where it is unknown, and ``-`` for an unknown ratio."""
    if math.isnan(ratio):
        return "-"
    if math.isnan(low):
        return format_ratio(ratio)
    return f"{format_ratio(ratio)} [{format_ratio(low)}, {format_ratio(high)}]"


def _comparison_cells(row: Mapping[Any, Any], noise: float | None) -> list[Cell]:
    metric, verdict = str(row["metric"]), str(row["verdict"])
    ratio, low, high = (float(row[name]) for name in ("ratio", "low", "high"))
    texts = [
        str(row["scenario"]),
        LoadPoint.from_row(row).part or "-",
        str(row["connections"]),
        str(row["message_bytes"] or "-"),
        METRICS[metric].label if metric in METRICS else metric,
        Arm.parse(row["arm"]).display_name,
        Arm.parse(row["reference"]).display_name,
        _ratio_text(ratio, low, high),
        difference_text(row),
        _p_value(float(row["p_holm"])),
        _conclusion(str(row["conclusion"]), verdict, ratio, noise),
    ]
    return [*(Cell(text, verdict) for text in texts), Cell(in_words(verdict))]


def _conclusion(conclusion: str, verdict: str, ratio: float, noise: float | None) -> str:
    """Return a conclusion, and why it does not count if it does not."""
    if verdict == "invalid":
        return gettext("{conclusion} (invalid figures)", conclusion=in_words(conclusion))
    if conclusion in DIFFERENT and is_within_noise(ratio, noise):
        return gettext(
            "{conclusion} ({within_noise} of {noise})",
            conclusion=in_words(conclusion),
            within_noise=gettext(WITHIN_NOISE),
            noise=format_percent(noise or 0.0),
        )
    return in_words(conclusion)


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
