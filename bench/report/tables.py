"""The results as tables: the rows that terminal and report share, and how the terminal shows them."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from bench.analysis.cases import text
from bench.analysis.rankings import format_rank, ranks
from bench.formatting import compact, spread
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Conclusion
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, headline
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import SEVERITY, format_flags

COLUMNS = {
    "throughput_rps": "requests/s",
    "max_rate_rps": "requests/s",
    "sessions_per_s": "sessions/s",
    "service_p50_us": "p50 µs",
    "service_p99_us": "p99 µs",
    "cpu_us_per_request": "CPU µs/req",
    "memory_mb": "MB",
}
SHORT = {
    "throughput_rps": "req/s",
    "max_rate_rps": "req/s",
    "sessions_per_s": "sess/s",
    "service_p50_us": "p50",
    "service_p99_us": "p99",
    "cpu_us_per_request": "CPU µs",
}
_SEVERITY = {**SEVERITY, "failed": 3, "skipped": 3}
WIDE = 106  # columns that a table with all intervals needs
MARKS: dict[str, str] = {Conclusion.EQUIVALENT: "=", Conclusion.INCONCLUSIVE: "?"}
DOUBTS = {"suspect": "!", "invalid": "!!"}  # of one figure, where they are worse than its row's verdict
DOUBTS_LEGEND = "! suspect, !! invalid: the figure alone, not its row"
LEGEND: dict[str, str] = {Conclusion.EQUIVALENT: "= equivalent within 5 %", Conclusion.INCONCLUSIVE: "? inconclusive"}
COLOURS = {"faster": "green", "slower": "red", "valid": "", "suspect": "yellow", "invalid": "red", "failed": "red"}


@dataclass(frozen=True, slots=True)
class Ratio:
    """One arm against another, with the word that may be said."""

    reference: str
    ratio: float
    low: float
    high: float
    conclusion: str

    def __str__(self) -> str:
        """``0.82 ±0.02 slower``; ties have a mark for a word. The number is left out where it means nothing."""
        if math.isnan(self.ratio):
            return self.conclusion
        word = MARKS.get(self.conclusion, self.conclusion)
        if not math.isfinite(self.low) or not math.isfinite(self.high):
            return f"{compact(self.ratio)} {word}"
        return f"{self.ratio:.2f} ±{max(self.high - self.ratio, self.ratio - self.low):.2f} {word}"


@dataclass(frozen=True, slots=True)
class Line:
    """One arm in a table."""

    arm: str
    verdict: str
    codes: str
    values: dict[str, tuple[float, float, float]]  # metric -> median, low, high
    ratio: Ratio | None
    doubts: dict[str, tuple[str, str]] = field(default_factory=dict)  # metric -> verdict and codes, if worse than those
    places: tuple[int, int] | None = None  # first and last that it may have in its transport; None: not ranked

    def cell(self, metric: str, *, whole: bool = True) -> str:
        """A median, with its interval if it is to be whole, and with a mark if there is more doubt than of the row."""
        ends = self.values.get(metric, (math.nan,) * 3)
        return f"{spread(*ends)} {self.mark(metric)}".rstrip() if whole else compact(ends[0]) + self.mark(metric)

    def mark(self, metric: str) -> str:
        """The mark of a figure that is in more doubt than its row; mostly nothing."""
        return DOUBTS.get(self.doubts.get(metric, ("", ""))[0], "")

    @property
    def is_reference(self) -> bool:
        """Whether the others are compared with this arm."""
        return self.ratio is not None and self.ratio.reference == self.arm


@dataclass(frozen=True, slots=True)
class Results:
    """All arms at one load: TCP first, the best of a transport on top, each control below its arm's transport."""

    scenario: str
    connections: int
    message_bytes: int
    rate_rps: float | None
    metrics: list[str]
    lines: list[Line]

    @property
    def title(self) -> str:
        """The load in words."""
        rate = "" if self.rate_rps is None else f", {compact(self.rate_rps)} requests/s"
        return str(LoadPoint.of(self.scenario, self.connections, self.message_bytes)) + rate


def collect(summary: pd.DataFrame, comparisons: pd.DataFrame, unranked: Collection[str] = ()) -> list[Results]:
    """One for each load, in the order of the summary's scenarios, fewest connections first. unranked: models."""
    if summary.empty:
        return []
    ratios = _ratios(comparisons)
    places = {
        _load(key): ranks(rows.to_dict("records"), unranked)
        for key, rows in comparisons.groupby(list(LoadPoint.COLUMNS), dropna=False)
    }
    found = []
    for key, rows in summary.groupby(list(LoadPoint.COLUMNS), dropna=False, sort=False):
        load = _load(key)
        first = headline(str(rows["scenario_kind"].iloc[0]))
        measured = set(rows["metric"])
        others = (name for name in COLUMNS if name in measured and not METRICS[name].more_is_better and name != first)
        metrics = [first, *others]
        lines = [
            replace(
                _line(str(arm), of_arm, first, ratios.get((*load, str(arm)))), places=places.get(load, {}).get(str(arm))
            )
            for arm, of_arm in rows.groupby("arm")
        ]
        found.append(Results(*load, metrics, _in_order(_with_references(lines), first)))
    scenarios = list(dict.fromkeys(one.scenario for one in found))
    return sorted(found, key=lambda one: (scenarios.index(one.scenario), one.message_bytes, one.connections))


def results(
    summary: pd.DataFrame, comparisons: pd.DataFrame, width: int = WIDE, unranked: Collection[str] = ()
) -> list[Table]:
    """The tables that the terminal shows when a run has ended.

    Where it is narrow, memory and most intervals are left out; the report has them.
    """
    narrow = width < WIDE
    found = collect(summary, comparisons, unranked)
    if narrow:
        found = [replace(one, metrics=[name for name in one.metrics if name != "memory_mb"]) for one in found]
    return [_table(one, narrow=narrow) for one in found]


def _load(key: object) -> tuple[str, int, int, float | None]:
    """A load as groupby names it, usable as a key: an empty rate equals an empty rate."""
    scenario, connections, message_bytes, rate = cast("tuple[Any, ...]", key)
    return str(scenario), int(connections), int(message_bytes), None if pd.isna(rate) else float(rate)


def _ratios(comparisons: pd.DataFrame) -> dict[tuple[object, ...], Ratio]:
    """Each arm against the reference of its own transport, in the metric that its scenario asks for."""
    found: dict[tuple[object, ...], Ratio] = {}
    for row in comparisons.to_dict("records"):
        arm, reference = str(row["arm"]), str(row["reference"])
        if row["metric"] == headline(str(row["scenario_kind"])) and row["kind"] in (
            ComparisonKind.REFERENCE,
            ComparisonKind.CONTROL,
        ):
            ratio, low, high = (float(row[name]) for name in ("ratio", "low", "high"))
            load = _load(tuple(row[column] for column in LoadPoint.COLUMNS))
            found[*load, arm] = Ratio(reference, ratio, low, high, str(row["conclusion"]))
    return found


def _line(arm: str, rows: pd.DataFrame, first: str, ratio: Ratio | None) -> Line:
    values: dict[str, tuple[float, float, float]] = {}
    judged: dict[str, tuple[str, str]] = {}
    for row in rows.to_dict("records"):
        metric, is_ok = str(row["metric"]), row["status"] == "ok"
        values[metric] = float(row["median"]), float(row["low"]), float(row["high"])
        judged[metric] = text(row["verdict" if is_ok else "status"]), text(row["codes" if is_ok else "reason"])
    own = judged.get(first, ("", ""))
    doubts = {metric: one for metric, one in judged.items() if _SEVERITY.get(one[0], 0) > _SEVERITY.get(own[0], 0)}
    return Line(arm, *own, values, ratio, doubts)


def _with_references(lines: list[Line]) -> list[Line]:
    references = {line.ratio.reference for line in lines if line.ratio}
    own = {name: Ratio(name, 1.0, math.nan, math.nan, "reference") for name in references}
    return [replace(line, ratio=line.ratio or own.get(line.arm)) for line in lines]


def _in_order(lines: list[Line], first: str) -> list[Line]:
    def place(line: Line) -> tuple[str, bool, float, str]:
        median = line.values.get(first, (math.nan,) * 3)[0]
        return (
            Arm.parse(line.arm).transport,
            Arm.parse(line.arm).control,
            math.inf if math.isnan(median) else -median,
            line.arm,
        )

    return sorted(lines, key=place)


def _table(one: Results, *, narrow: bool) -> Table:
    table = Table(
        title=one.title,
        title_justify="left",
        title_style="bold",
        caption=_caption(one.lines, one.metrics),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("#", no_wrap=True)
    table.add_column("arm", no_wrap=True)
    for metric in one.metrics:
        heading = SHORT.get(metric, COLUMNS[metric]) if narrow else COLUMNS[metric]
        table.add_column(heading, justify="right", no_wrap=True)
    references = sorted({Arm.parse(line.arm).label for line in one.lines if line.is_reference})
    table.add_column(f"/ {' or '.join(references)}" if references else "ratio", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    above = ""
    for line in one.lines:
        if Arm.parse(line.arm).transport != above:
            table.add_section()
            above = Arm.parse(line.arm).transport
            table.add_row("", Text(above.upper(), style="bold"))
        cells = _cells(line, one.metrics, narrow=narrow)
        table.add_row(*cells, style="dim" if Arm.parse(line.arm).control or line.ratio is None else "")
    return table


def _cells(line: Line, metrics: list[str], *, narrow: bool) -> list[Text]:
    name = Arm.parse(line.arm).label + (" again" if Arm.parse(line.arm).control else "")
    whole = 0 if narrow else len(metrics) - 1  # of memory the interval is of no interest
    numbers = [line.cell(metric) for metric in metrics[:whole]]
    numbers += [line.cell(metric, whole=False) for metric in metrics[whole:]]
    ratio = Text("reference" if line.is_reference else str(line.ratio or "-"))
    ratio.stylize(COLOURS.get(line.ratio.conclusion if line.ratio else "", ""))
    return [
        Text(format_rank(line.places)),
        Text(name),
        *map(Text, numbers),
        ratio,
        Text(line.verdict, style=COLOURS.get(line.verdict, "")),
    ]


def _caption(lines: list[Line], metrics: list[str]) -> Text | None:
    """Why a row or a figure is in doubt, or empty, below the table: codes would not fit beside the numbers."""
    told = [f"{line.arm}: {line.verdict}, {line.codes}" for line in lines if line.verdict != "valid" and line.codes]
    doubts = [line.doubts[metric][1] for line in lines for metric in metrics if line.mark(metric)]
    if doubts:
        flags = DEFAULT_THRESHOLDS.merge(flag for cell in doubts for flag in DEFAULT_THRESHOLDS.parse(cell))
        told.append(f"{DOUBTS_LEGEND}; the worst of them: {format_flags(flags)}")
    words = {line.ratio.conclusion for line in lines if line.ratio}
    if legend := "; ".join(text for word, text in LEGEND.items() if word in words):
        told.append(legend)
    return Text("\n".join(told)) if told else None
