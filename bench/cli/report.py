"""``holabench report``: render the results of a run again, and print them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bench.cli.console import print_line, print_path, stderr_console
from bench.cli.language import Language
from bench.plan.definition import PlanError
from bench.translation import gettext
from clients.cli_errors import Stop

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    from bench.report.build import Report

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]


def report(folder: RunArgument, lang: Language = None) -> None:
    """Create the tables, charts and report of a run again, from its raw files.

    Example: holabench report results/20261122T073100Z-quick

    Exit codes: 0 success; 1 the charts could not be drawn; 2 not a run folder, or nothing measured.
    """
    from bench.report.chart_workers import chart_workers
    from bench.report.uncollected_imports import uncollected_imports
    from bench.store.errors import StoreError
    from bench.store.reader import read_run

    try:
        run = read_run(folder)
        with chart_workers(run.path) as workers:
            with uncollected_imports():
                from bench.report.build import build

            results = build(run, workers)
        print_results(results, stderr_console())
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    if results.chart_failure:
        raise Stop(results.chart_failure, 1)
    print_path(folder)


def print_results(results: "Report", console: Console) -> None:
    """Print the tables of a run, where its charts are, and the sentences that the report begins with."""
    from bench.cli.tables import render_tables, sample_size_advice

    for table in render_tables(results.tables, console.width):
        console.print(table)
        console.print()
    for advice in sample_size_advice(results.tables, results.seconds):
        print_line(console, advice)
    for line in results.changed_thresholds:
        print_line(console, gettext("threshold changed by the plan: {line}", line=line))
    if results.charts:
        charts = ", ".join(results.charts)
        print_line(
            console, gettext("charts: {charts}; report: report.html, report.md; all in the folder below", charts=charts)
        )
    if results.load_time is not None:
        print_line(console, gettext("load share: {load_time} under load", load_time=results.load_time))
    if results.sentences:
        console.print()
    for sentence in results.sentences:
        print_line(console, sentence)
    if results.notes:
        console.print()
    for note in results.notes:
        print_line(console, note)
