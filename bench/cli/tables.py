"""The result tables of a run on the terminal."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bench.analysis.rankings import format_rank
from bench.formatting import join_words, plural
from bench.report.tables import ResultTable, TableRow
from bench.schema.conclusions import Conclusion
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import QualityFlag

FEW_BLOCKS, FEW_SAMPLES = "FEW_BLOCKS", "FEW_SAMPLES"  # mostly the same in all rows, so printed once
MAX_SERVERS = 3  # that are named beside a code; more are counted
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

    If a table does not fit, all are without memory and intervals, and at last without the intervals of ratios. The
    report has them.
    """
    wide = [_render(table, narrow=False) for table in tables]
    if all(_width(table) <= width for table in wide):
        return wide
    tables = [replace(table, metrics=_without_memory(table.metrics)) for table in tables]
    narrow = [_render(table, narrow=True) for table in tables]
    if all(_width(table) <= width for table in narrow):
        return narrow
    return [_render(_without_ratio_intervals(table), narrow=True) for table in tables]


def _width(table: Table) -> int:
    """Return the width of a table without its caption, which is wrapped."""
    caption, table.caption = table.caption, None
    unbounded = Console(width=_UNBOUNDED_WIDTH)
    width = Measurement.get(unbounded, unbounded.options, table).maximum
    table.caption = caption
    return width


def _without_memory(metrics: list[str]) -> list[str]:
    return [metric for metric in metrics if metric != "memory_mb"]


def _without_ratio_intervals(table: ResultTable) -> ResultTable:
    rows = [
        replace(row, ratio=replace(row.ratio, low=math.nan, high=math.nan) if row.ratio else None) for row in table.rows
    ]
    return replace(table, rows=rows)


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
    table.add_column("rank", no_wrap=True)
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
    lines = [*_unmeasured(result), *_findings_by_code(result)]
    if any(row.mark(metric) for row in result.rows for metric in result.metrics):
        lines.append(MARK_LEGEND)
    legend = [SERVICE_TIME_LEGEND] if "service_p50_us" in result.metrics else []
    conclusions = {row.ratio.conclusion for row in result.rows if row.ratio}
    legend += [text for conclusion, text in SIGN_LEGEND.items() if conclusion in conclusions]
    if legend:
        lines.append("; ".join(legend))
    return Text("\n".join(lines)) if lines else None


def _unmeasured(result: ResultTable) -> list[str]:
    """Return a line for each reason why servers failed or were skipped."""
    servers: dict[str, list[str]] = {}
    for row in result.rows:
        if row.verdict in ("failed", "skipped"):
            servers.setdefault(f"{row.verdict}: {row.codes}", []).append(row.arm.display_name)
    return [f"{', '.join(names)}: {reason}" for reason, names in servers.items()]


def _findings_by_code(result: ResultTable) -> list[str]:
    """Return a line for each code: its worst value, and the servers.

    The codes are those of the rows, and of figures that are worse than their row.
    """
    flags_of_code: dict[str, dict[str, list[QualityFlag]]] = {}
    for row in result.rows:
        cells = [row.quality[metric][1] for metric in result.metrics if row.mark(metric)]
        if row.verdict in ("suspect", "invalid"):
            cells.append(row.codes)
        for flag in DEFAULT_THRESHOLDS.parse(" ".join(cells)):
            of_server = flags_of_code.setdefault(flag.code.name, {})
            of_server.setdefault(row.arm.display_name, []).append(flag)
    flags = [flag for of_server in flags_of_code.values() for of_row in of_server.values() for flag in of_row]
    return [
        _finding(worst, list(flags_of_code[worst.code.name]))
        for worst in DEFAULT_THRESHOLDS.merge(flags)
        if worst.code.name not in (FEW_BLOCKS, FEW_SAMPLES)
    ]


def _finding(worst: QualityFlag, servers: Sequence[str]) -> str:
    """Return ``RUN_DELAY: generator preempted up to 62.0% of the time: 9 servers``."""
    names = ", ".join(servers) if len(servers) <= MAX_SERVERS else plural(len(servers), "server")
    description = worst.worst_description if len(servers) > 1 else worst.short_description
    return ": ".join(filter(None, (worst.code.name, description, names)))


def sample_size_advice(tables: Sequence[ResultTable]) -> list[str]:
    """Return a line for figures that rest on too few blocks, and one for those that rest on too few replies."""
    few_samples = _metrics_with(tables, lambda codes: FEW_SAMPLES in codes)
    few_blocks = _metrics_with(tables, lambda codes: FEW_BLOCKS in codes and FEW_SAMPLES not in codes)
    lines = []
    if few_blocks:
        is_headline = bool({table.metrics[0] for table in tables} & set(few_blocks))
        figures = "" if is_headline else f" of {join_words(HEADINGS[metric] for metric in few_blocks)}"
        problem = f"Too few blocks for 95% intervals or comparisons{figures}, so results are suspect"
        lines.append(f"{problem}: {CATALOGUE[FEW_BLOCKS].advice} ({FEW_BLOCKS})")
    if few_samples:
        figures = join_words(HEADINGS[metric] for metric in few_samples)
        problem = f"Few replies per block, so {figures} is rough or not printed"
        lines.append(f"{problem}: {CATALOGUE[FEW_SAMPLES].advice} ({FEW_SAMPLES})")
    return lines


def _metrics_with(tables: Sequence[ResultTable], concerns: Callable[[set[str]], bool]) -> list[str]:
    """Return the metrics of the tables in which a figure has codes that the function accepts."""
    metrics = [
        metric
        for table in tables
        for row in table.rows
        for metric in table.metrics
        if metric in row.quality
        and concerns({flag.code.name for flag in DEFAULT_THRESHOLDS.parse(row.quality[metric][1])})
    ]
    return list(dict.fromkeys(metrics))
