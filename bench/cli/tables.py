"""The result tables of a run on the terminal."""

from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bench.analysis.rankings import format_rank
from bench.report.tables import ResultTable, TableRow
from bench.schema.conclusions import Conclusion
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import describe_flags

FEW_BLOCKS = "FEW_BLOCKS"  # is the same in all rows, so it is printed once
_UNBOUNDED_WIDTH = 10_000  # columns
HEADINGS = {
    "throughput_rps": "requests/s",
    "max_rate_rps": "requests/s",
    "sessions_per_s": "sessions/s",
    "service_p50_us": "p50 µs",
    "service_p99_us": "p99 µs",
    "cpu_us_per_request": "CPU µs/req",
    "memory_mb": "MB",
}
SHORT_HEADINGS = {
    "throughput_rps": "req/s",
    "max_rate_rps": "req/s",
    "sessions_per_s": "sess/s",
    "service_p50_us": "p50",
    "service_p99_us": "p99",
    "cpu_us_per_request": "CPU µs",
}
COLOURS = {"faster": "green", "slower": "red", "valid": "", "suspect": "yellow", "invalid": "red", "failed": "red"}
SIGN_LEGEND: dict[str, str] = {
    Conclusion.EQUIVALENT: "= equivalent within 5%",
    Conclusion.INCONCLUSIVE: "? inconclusive",
}
MARK_LEGEND = "! suspect, !! invalid: only that figure, not its row"
SERVICE_TIME_LEGEND = "p50, p99: service time"


def render_tables(tables: Sequence[ResultTable], width: int) -> list[Table]:
    """Return the tables for a terminal of a width in columns.

    If a table does not fit, all are without memory and intervals; the report has them.
    """
    wide = [_render(table, narrow=False) for table in tables]
    if all(_width(table) <= width for table in wide):
        return wide
    return [_render(replace(table, metrics=_without_memory(table.metrics)), narrow=True) for table in tables]


def _width(table: Table) -> int:
    """Return the width of a table without its caption, which is wrapped."""
    caption, table.caption = table.caption, None
    unbounded = Console(width=_UNBOUNDED_WIDTH)
    width = Measurement.get(unbounded, unbounded.options, table).maximum
    table.caption = caption
    return width


def _without_memory(metrics: list[str]) -> list[str]:
    return [metric for metric in metrics if metric != "memory_mb"]


def _render(result: ResultTable, *, narrow: bool) -> Table:
    table = Table(
        title=result.title,
        title_justify="left",
        title_style="bold",
        caption=_caption(result),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("#", no_wrap=True)
    table.add_column("server", no_wrap=True)
    for metric in result.metrics:
        heading = SHORT_HEADINGS.get(metric, HEADINGS[metric]) if narrow else HEADINGS[metric]
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(_ratio_heading(result), no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    transport = ""
    for row in result.rows:
        if row.arm.transport != transport:
            transport = row.arm.transport
            table.add_section()
            table.add_row("", Text(transport.upper(), style="bold"))
        style = "dim" if row.arm.control or row.ratio is None else ""
        table.add_row(*_cells(row, result.metrics, narrow=narrow), style=style)
    return table


def _ratio_heading(result: ResultTable) -> str:
    """Return which figure is divided by whose: ``req/s / asyncio``."""
    metric = result.metrics[0]
    references = sorted({row.arm.label for row in result.rows if row.is_reference})
    return f"{SHORT_HEADINGS.get(metric, HEADINGS[metric])} / {' or '.join(references) or 'reference'}"


def _cells(row: TableRow, metrics: list[str], *, narrow: bool) -> list[Text]:
    with_spread = 0 if narrow else len(metrics) - 1  # the interval of memory is of no interest
    numbers = [row.cell(metric) for metric in metrics[:with_spread]]
    numbers += [row.cell(metric, with_spread=False) for metric in metrics[with_spread:]]
    ratio = Text("reference" if row.is_reference else str(row.ratio or "-"))
    ratio.stylize(COLOURS.get(row.ratio.conclusion if row.ratio else "", ""))
    return [
        Text(format_rank(row.rank)),
        Text(row.arm.display_label),
        *map(Text, numbers),
        ratio,
        Text(row.verdict, style=COLOURS.get(row.verdict, "")),
    ]


def _caption(result: ResultTable) -> Text | None:
    """Return the lines below a table: reasons for doubt, and what the signs mean."""
    lines = [
        f"{row.arm.display_name}: {row.verdict}: {reason}"
        for row in result.rows
        if row.verdict != "valid" and (reason := _reason(row))
    ]
    marked = [row.quality[metric][1] for row in result.rows for metric in result.metrics if row.mark(metric)]
    if marked:
        lines.append("; the worst: ".join(filter(None, (MARK_LEGEND, _describe_codes(" ".join(marked))))))
    legend = [SERVICE_TIME_LEGEND] if "service_p50_us" in result.metrics else []
    conclusions = {row.ratio.conclusion for row in result.rows if row.ratio}
    legend += [text for conclusion, text in SIGN_LEGEND.items() if conclusion in conclusions]
    if legend:
        lines.append("; ".join(legend))
    return Text("\n".join(lines)) if lines else None


def _reason(row: TableRow) -> str:
    return row.codes if row.verdict in ("failed", "skipped") else _describe_codes(row.codes)


def _describe_codes(codes: str) -> str:
    flags = DEFAULT_THRESHOLDS.merge(DEFAULT_THRESHOLDS.parse(codes))
    return describe_flags(flag for flag in flags if flag.code.name != FEW_BLOCKS)


def few_blocks_advice(tables: Sequence[ResultTable]) -> str:
    """Return one line if results are suspect because of too few blocks, else ""."""
    all_codes = [codes for table in tables for row in table.rows for _, codes in row.quality.values()]
    flags = [flag for codes in all_codes for flag in DEFAULT_THRESHOLDS.parse(codes) if flag.code.name == FEW_BLOCKS]
    if not flags:
        return ""
    advice = CATALOGUE[FEW_BLOCKS].advice
    return f"Too few blocks for 95% intervals or comparisons, so results are suspect: {advice} ({FEW_BLOCKS})"
