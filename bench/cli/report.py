"""``holabench report``: render the results of a run again, and print them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bench.cli.console import print_line, stderr_console
from bench.plan.definition import PlanError
from clients.cli_errors import Stop

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]


def report(folder: RunArgument) -> None:
    """Create the tables, charts and report of a run again, from its raw files.

    Example: holabench report results/20261122T073100Z-quick

    Exit codes: 0 success; 2 not a run folder, or nothing measured.
    """
    from bench.report.chart_workers import helpers
    from bench.store.errors import StoreError
    from bench.store.run_folder import RunFolder

    try:
        run = RunFolder.open(folder)
        with helpers(run) as chart_workers:
            from bench.report.build import derive

            results = derive(run, chart_workers)
        print_results(results, stderr_console())
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    print(folder)


def print_results(results: Any, console: Console) -> None:
    """Print the tables of a run and where its charts are."""
    from bench.report import tables

    for table in tables.results(results.summary, results.comparisons, console.width, results.unranked):
        console.print(table)
        console.print()
    for line in results.changed_thresholds:
        print_line(console, f"threshold changed by the plan: {line}")
    if results.charts:
        charts = ", ".join(results.charts)
        print_line(console, f"charts: {charts}; report: report.html, report.md; all in the folder below")
