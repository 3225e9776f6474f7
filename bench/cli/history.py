"""``holabench history``: print one metric over many runs, and where it changed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bench.cli.console import print_line, stdout_console, text_cells
from bench.cli.language import Language
from bench.cli.option_values import parse_percent
from bench.cli.page_output import HtmlOption, check_page_path, write_page
from bench.escaping import visible
from bench.plan.definition import PlanError
from bench.schema.code_words import in_words
from bench.schema.metrics import METRICS
from bench.translation import ngettext
from clients.cli_errors import Stop
from clients.quality_codes import INVALID

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    from collections.abc import Sequence

    from bench.compare.series import Point, RunSummary, Series

MAX_TABLES = 6  # that are printed without asking; of more series, only those that changed


def history(
    folders: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, in any order.")],
    metric: Annotated[
        str, typer.Option(metavar="NAME", help=f"Metric to print: {', '.join(METRICS)}.")
    ] = "cpu_us_per_request",
    arm: Annotated[
        str, typer.Option(metavar="SERVER", help="Print only this server, e.g. asyncio/tcp. Default: all.")
    ] = "",
    scenario: Annotated[
        str, typer.Option(metavar="NAME", help="Print only this scenario, e.g. capacity. Default: all.")
    ] = "",
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File for a chart, .png or .svg. Default: none.")
    ] = None,
    html: HtmlOption = None,
    lang: Language = None,
    threshold: Annotated[
        str, typer.Option(metavar="PERCENT", help="Report changes of level from this size on; count smaller ones.")
    ] = "5%",
    show_all: Annotated[
        bool,
        typer.Option(
            "--all", help=f"Print every series. Default: those that changed, if there are more than {MAX_TABLES}."
        ),
    ] = False,
) -> None:
    """Print where a metric changed over many runs, and the series of the servers that changed.

    Examples:

      holabench history results/*-standard --metric throughput_rps

      holabench history results/*/ --arm asyncio/tcp --html history.html

    Runs are sorted by the time in the folder's name, e.g. 20261122T073100Z-standard, or else by the time of its
    plan.toml. Invalid values are marked as such, not printed, and not searched for changes.

    Exit codes: 0 success; 2 wrong input.
    """
    check_page_path(html)
    if metric not in METRICS:
        raise Stop(f"--metric {metric!r}: unknown metric; the metrics are {', '.join(METRICS)}")
    from bench.compare.level_shifts import level_shifts
    from bench.compare.series import collect_series, sort_series
    from bench.compare.series_text import series_sentences
    from bench.store.errors import StoreError

    min_listed = parse_percent("--threshold", threshold)
    try:
        all_series = collect_series(read_summaries(folders), metric, scenario)
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    selected = sort_series([series for series in all_series if arm in ("", series.arm)])
    if not selected:
        raise Stop(_nothing_found(metric, arm, scenario))
    shifts = [shift for shift in level_shifts(all_series) if shift.series in selected]
    if html is not None:  # before printing, so that a reader who closes the pipe has the page
        from bench.report.history_page import render_history

        write_page(html, render_history(selected, all_series, shifts, min_listed))
    console = stdout_console()
    for text in series_sentences(selected, shifts, min_listed):
        print_line(console, text)
    changed = [shift.series for shift in shifts if shift.is_large(min_listed)]
    shown = selected if show_all or len(selected) <= MAX_TABLES else [each for each in selected if each in changed]
    for series in shown:
        console.print()
        print_line(console, f"{series.arm}, {series.load_point}: {METRICS[metric].label}", "bold")
        console.print(_run_table(series, series.machine_changes(all_series)))
    if hidden := len(selected) - len(shown):
        print_line(
            console, ngettext("{count} series is not listed (--all)", "{count} series are not listed (--all)", hidden)
        )
    if chart is not None:
        _save_chart(selected, chart)
        typer.echo(chart)
    if html is not None:
        typer.echo(html)


def read_summaries(folders: "Sequence[Path]") -> "list[RunSummary]":
    """Return the summary of each run, oldest first. A folder that is given twice counts once.

    Raises StoreError and PlanError.
    """
    from bench.analysis.search_results import summarise_run
    from bench.compare.series import RunSummary
    from bench.store.folder_labels import labels
    from bench.store.reader import read_run

    paths = list({path.resolve(): path for path in reversed(folders)}.values())
    labelled = zip(map(read_run, paths), labels(paths), strict=True)
    return [
        RunSummary(visible(label), summarise_run(run.trials, run.slices, run.max_rate, run.thresholds))
        for run, label in sorted(labelled, key=lambda pair: (pair[0].started_at, pair[1]))
    ]


def _nothing_found(metric: str, arm: str, scenario: str) -> str:
    line = f"none of these runs has {metric}"
    if arm:
        line += f" of {arm} (--arm)"
    if scenario:
        line += f" in {scenario} (--scenario)"
    return line


def _save_chart(selected: "list[Series]", path: Path) -> None:
    """Raises Stop if the file cannot be written, or if its name does not end in the name of an image format."""
    import bench.report.charts.plain_matplotlib  # noqa: F401 - first, see there
    from bench.report.charts.history import draw_history
    from bench.report.charts.style import look

    try:
        with look():
            draw_history(selected).savefig(path)
    except (OSError, ValueError) as error:
        raise Stop(f"--chart {path}: {error}") from error


def _run_table(series: "Series", machine_changes: "Sequence[Point]") -> Table:
    """Return a row for each run. machine_changes: points at which the baseline changed, too."""
    from bench.compare.series_text import point_columns, point_rows

    table = Table(box=None, pad_edge=False)
    run, *headings = point_columns(series.metric)
    table.add_column(run, overflow="fold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in point_rows(series, machine_changes):
        table.add_row(*text_cells(*row), style="dim" if row[3] == in_words(INVALID) else "")
    return table
