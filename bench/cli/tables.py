"""The result tables of a run on the terminal."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bench.analysis.rankings import format_rank
from bench.formatting import join_alternatives, join_words
from bench.report.reference_ratios import WITHIN_NOISE
from bench.report.tables import FINDING_MARK, NOISE_SIGN, ResultTable, TableRow
from bench.schema.code_words import in_words
from bench.schema.conclusions import Conclusion, Pairing
from bench.schema.quality_words import advice_text, short_text, worst_text
from bench.translation import N_, gettext, ngettext
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import MIN_SAMPLES_BEYOND, QualityFlag

FEW_BLOCKS, FEW_SAMPLES = "FEW_BLOCKS", "FEW_SAMPLES"  # mostly the same in all rows, so printed once
_SAMPLES_NEEDED = (
    MIN_SAMPLES_BEYOND,
    CATALOGUE[FEW_SAMPLES].suspect,
)  # beyond a percentile: to be printed, to be valid
MAX_SERVERS = 3  # that are named beside a code; more are counted
_UNBOUNDED_WIDTH = 10_000  # columns
HEADINGS = {
    "throughput_rps": N_("requests/s"),
    "max_rate_rps": N_("requests/s"),
    "sessions_per_s": N_("sessions/s"),
    "latency_p50_us": "p50 µs",
    "latency_p99_us": "p99 µs",
    "service_p50_us": "p50 µs",
    "service_p99_us": "p99 µs",
    "connect_p50_us": N_("connect p50 µs"),
    "connect_p99_us": N_("connect p99 µs"),
    "cpu_us_per_request": N_("CPU µs/req"),
    "memory_mb": "MB",
}
SHORT_HEADINGS = {
    "throughput_rps": N_("req/s"),
    "max_rate_rps": N_("req/s"),
    "sessions_per_s": N_("sess/s"),
    "latency_p50_us": "p50",
    "latency_p99_us": "p99",
    "service_p50_us": "p50",
    "service_p99_us": "p99",
    "cpu_us_per_request": "CPU µs",
}
COLOURS = {"faster": "green", "slower": "red", "valid": "", "suspect": "yellow", "invalid": "red", "failed": "red"}
SIGN_LEGEND: dict[str, str] = {
    Conclusion.EQUIVALENT: N_("= equivalent within 5%"),
    Conclusion.INCONCLUSIVE: N_("? inconclusive"),
}
MARK_LEGEND = N_("! suspect, !! invalid: only that figure, not its row")
PREDICTION_LEGEND = N_("predicted: as predicted within 10%, else x measured / predicted")
TIME_LEGENDS = {"latency_p50_us": N_("p50, p99: latency"), "service_p50_us": N_("p50, p99: service time")}
RATIO_LEGENDS: dict[str, str] = {
    Pairing.ROUNDS: N_("ratio: median of the ratios inside rounds, not the ratio of the medians"),
    Pairing.BLOCKS: N_("ratio: mean of the ratios inside blocks, not the ratio of the medians"),
    Pairing.UNPAIRED: N_("ratio: unpaired, because phases are measured once in a block"),
}


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
    table.add_column(gettext("rank"), no_wrap=True)
    table.add_column(gettext("server"), no_wrap=True)
    for metric in result.metrics:
        heading = gettext(SHORT_HEADINGS.get(metric, HEADINGS[metric]) if narrow else HEADINGS[metric])
        table.add_column(heading, justify="right", no_wrap=True)
    if result.has_predictions:
        table.add_column(gettext("predicted"), justify="right", no_wrap=True)
    table.add_column(_ratio_heading(result), no_wrap=True)
    table.add_column(gettext("verdict"), no_wrap=True)
    transport = ""
    for row in result.rows:
        if row.arm.transport != transport:
            transport = row.arm.transport
            table.add_section()
            table.add_row("", Text(transport.upper(), style="bold"))
        style = "dim" if row.arm.control or row.ratio is None else ""
        table.add_row(*_cells(row, result, narrow=narrow), style=style)
    return table


def _ratio_heading(result: ResultTable) -> str:
    """Return which figure is divided by whose: ``req/s / asyncio``."""
    metric = result.metrics[0]
    references = sorted({row.arm.label for row in result.rows if row.is_reference})
    heading = gettext(SHORT_HEADINGS.get(metric, HEADINGS[metric]))
    return f"{heading} / {join_alternatives(references) if references else gettext('reference')}"


def _cells(row: TableRow, result: ResultTable, *, narrow: bool) -> list[Text]:
    metrics = result.metrics
    with_spread = 0 if narrow else len(metrics) - 1  # the interval of memory is of no interest
    numbers = [row.cell(metric) for metric in metrics[:with_spread]]
    numbers += [row.cell(metric, with_spread=False) for metric in metrics[with_spread:]]
    ratio = Text(gettext("reference") if row.is_reference else str(row.ratio or "-"))
    ratio.stylize(COLOURS.get(row.ratio.conclusion if row.ratio else "", ""))
    return [
        Text(format_rank(row.rank)),
        Text(row.arm.display_label),
        *map(Text, numbers),
        *([_predicted_cell(row)] if result.has_predictions else []),
        ratio,
        Text(row.marked_verdict, style=COLOURS.get(row.verdict, "")),
    ]


def _predicted_cell(row: TableRow) -> Text:
    if row.predicted is None:
        return Text("-")
    return Text(str(row.predicted), style="" if row.predicted.explains else "yellow")


def _caption(result: ResultTable) -> Text | None:
    """Return the lines below a table: reasons for doubt, and what the signs mean."""
    lines = [*result.baseline, *_unmeasured(result), *_doubts_by_code(result), *_findings_by_code(result)]
    if any(row.mark(metric) for row in result.rows for metric in result.metrics):
        lines.append(gettext(MARK_LEGEND))
    legend = [gettext(text) for metric, text in TIME_LEGENDS.items() if metric in result.metrics]
    pairings = {row.ratio.pairing for row in result.rows if row.ratio and math.isfinite(row.ratio.low)}
    legend += [gettext(RATIO_LEGENDS[pairing]) for pairing in sorted(pairings)]
    if result.has_predictions:
        legend.append(gettext(PREDICTION_LEGEND))
    conclusions = {row.ratio.conclusion for row in result.rows if row.ratio and row.ratio.is_measured}
    legend += [gettext(text) for conclusion, text in SIGN_LEGEND.items() if conclusion in conclusions]
    if any(row.ratio.within_noise for row in result.rows if row.ratio):
        legend.append(f"{NOISE_SIGN} {gettext(WITHIN_NOISE)}")
    if legend:
        lines.append("; ".join(legend))
    return Text("\n".join(lines)) if lines else None


def _unmeasured(result: ResultTable) -> list[str]:
    """Return a line for each reason why servers failed or were skipped."""
    servers: dict[str, list[str]] = {}
    for row in result.rows:
        if row.verdict in ("failed", "skipped"):
            servers.setdefault(f"{in_words(row.verdict)}: {row.codes}", []).append(row.arm.display_name)
    return [f"{', '.join(names)}: {reason}" for reason, names in servers.items()]


def _doubts_by_code(result: ResultTable) -> list[str]:
    """Return a line for each doubt: its worst value, and the servers.

    The doubts are those of the rows, and of figures that are worse than their row.
    """
    cells_of_rows = []
    for row in result.rows:
        cells = [row.quality[metric][1] for metric in result.metrics if row.mark(metric)]
        if row.verdict in ("suspect", "invalid"):
            cells.append(row.codes)
        cells_of_rows.append((row.arm.display_name, " ".join(cells)))
    return _lines_by_code(cells_of_rows)


def _findings_by_code(result: ResultTable) -> list[str]:
    """Return a line for each finding: its worst value, and the servers."""
    lines = _lines_by_code([(row.arm.display_name, row.findings) for row in result.rows])
    return [f"{FINDING_MARK} {line}" for line in lines]


def _lines_by_code(cells_of_rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return a line for each code, in the order of the catalogue. cells_of_rows: name of a server, and its codes."""
    flags_of_code: dict[str, dict[str, list[QualityFlag]]] = {}
    for server, cell in cells_of_rows:
        for flag in DEFAULT_THRESHOLDS.parse(cell):
            flags_of_code.setdefault(flag.name, {}).setdefault(server, []).append(flag)
    flags = [flag for of_server in flags_of_code.values() for of_row in of_server.values() for flag in of_row]
    return [
        _describe_code(worst, list(flags_of_code[worst.name]))
        for worst in DEFAULT_THRESHOLDS.merge(flags)
        if worst.code.name not in (FEW_BLOCKS, FEW_SAMPLES)
    ]


def _describe_code(worst: QualityFlag, servers: Sequence[str]) -> str:
    """Return ``RUN_DELAY: generator preempted up to 62.0% of the time: 9 servers``."""
    names = (
        ", ".join(servers)
        if len(servers) <= MAX_SERVERS
        else ngettext("{count} server", "{count} servers", len(servers))
    )
    description = worst_text(worst) if len(servers) > 1 else short_text(worst)
    return ": ".join(filter(None, (worst.name, description, names)))


def sample_size_advice(tables: Sequence[ResultTable], seconds: Mapping[str, float] = {}) -> list[str]:
    """Return a line for figures that rest on too few blocks, and one for those that rest on too few replies.

    seconds: of load in a block, by scenario.
    """
    few_samples = _metrics_with(tables, lambda codes: FEW_SAMPLES in codes)
    few_blocks = _metrics_with(tables, lambda codes: FEW_BLOCKS in codes and FEW_SAMPLES not in codes)
    lines = []
    if few_blocks:
        is_headline = bool({table.metrics[0] for table in tables} & set(few_blocks))
        figures = (
            ""
            if is_headline
            else gettext(" of {figures}", figures=join_words(gettext(HEADINGS[metric]) for metric in few_blocks))
        )
        problem = gettext(
            "Too few blocks for 95% intervals or comparisons{figures}, so results are suspect", figures=figures
        )
        lines.append(f"{problem}: {advice_text(CATALOGUE[FEW_BLOCKS])} ({FEW_BLOCKS})")
    if few_samples:
        figures = join_words(dict.fromkeys(gettext(HEADINGS[metric]) for metric in few_samples))
        problem = gettext("Few replies per block, so {figures} is rough or not printed (-)", figures=figures)
        lines.append(f"{problem}: {_seconds_advice(tables, seconds)} ({FEW_SAMPLES})")
    return lines


def _seconds_advice(tables: Sequence[ResultTable], seconds: Mapping[str, float]) -> str:
    """Return how long each scenario would have to load a server, for the slowest server that is shown."""
    needs = []
    for scenario in dict.fromkeys(table.load_point.scenario for table in tables):
        samples = [flag.value for table in tables if table.load_point.scenario == scenario for flag in _few(table)]
        known = [value for value in samples if value > 0]
        if known and scenario in seconds:
            printed, sound = (seconds[scenario] * count / min(known) for count in _SAMPLES_NEEDED)
            shown = (
                gettext("{seconds:g} s to be printed, ", seconds=_round_up(printed))
                if min(known) < MIN_SAMPLES_BEYOND
                else ""
            )
            needs.append(
                gettext(
                    "{scenario} needs {shown}{seconds:g} s to be valid",
                    scenario=scenario,
                    shown=shown,
                    seconds=_round_up(sound),
                )
            )
    return "; ".join([advice_text(CATALOGUE[FEW_SAMPLES]), *needs])


def _few(table: ResultTable) -> list[QualityFlag]:
    """Return the flags of the shown figures that rest on too few replies."""
    cells = [row.quality[metric][1] for row in table.rows for metric in table.metrics if metric in row.quality]
    return [flag for flag in DEFAULT_THRESHOLDS.parse(" ".join(cells)) if flag.code.name == FEW_SAMPLES]


def _round_up(seconds: float) -> float:
    """Return seconds with one decimal, or whole seconds from 10 on, rounded up."""
    return float(math.ceil(seconds)) if seconds >= 10 else math.ceil(10 * seconds) / 10


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
