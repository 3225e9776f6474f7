"""``holabench export``: write the figures of a run in the format of another tool."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import print_line, print_path, stderr_console
from bench.cli.option_values import parse_names
from bench.cli.report import RunArgument
from bench.plan.definition import PlanError
from bench.schema.metrics import METRICS
from clients.cli_errors import Stop

if TYPE_CHECKING:  # without pandas, other commands start two seconds sooner
    from collections.abc import Sequence

    from bench.export.export import Export

_FORMATS = "bmf (Bencher), github-action (github-action-benchmark), pyperf, csv-long (for R, pandas, DuckDB)"


def export(
    folder: RunArgument,
    format_name: Annotated[str, typer.Option("--as", metavar="FORMAT", help=f"Format: {_FORMATS}.")],
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File to write; for github-action, which has two files, their directory. Default: print the file.",
        ),
    ] = None,
    metrics: Annotated[
        str, typer.Option(metavar="NAMES", help="Metrics, e.g. throughput_rps,memory_mb. Default: all.")
    ] = "",
) -> None:
    """Write the figures of a run in the format of another tool.

    Examples:

      holabench export results/20261122T073100Z-quick --as bmf

      holabench export results/20261122T073100Z-quick --as pyperf --output quick.json

    Invalid figures are left out, and listed with the reason on standard error.

    Exit codes: 0 success; 2 wrong input, or nothing to export.
    """
    from bench.export.formats import FORMATS

    if format_name not in FORMATS:
        raise Stop(f"--as {format_name!r}: unknown format; the formats are {', '.join(FORMATS)}")
    file_names = FORMATS[format_name].file_names
    if file_names and output is None:
        raise Stop(f"--as {format_name} writes {' and '.join(file_names)}; add --output DIRECTORY")
    exported = _export_run(folder, format_name, parse_names("--metrics", metrics) if metrics else [])
    console = stderr_console()
    for note in exported.notes:
        print_line(console, note)
    if not exported.values:
        raise Stop(f"{folder}: nothing to export as {format_name}; the lines above list the reasons")
    if output is None:
        typer.echo(exported.files[""], nl=False)
    else:
        _write(exported, output)


def _export_run(folder: Path, format_name: str, metrics: "Sequence[str]") -> "Export":
    """Return the export of a run. Raises Stop. metrics: empty for all."""
    if unknown := [name for name in metrics if name not in METRICS]:
        raise Stop(f"--metrics {unknown[0]!r}: unknown metric; the metrics are {', '.join(METRICS)}")
    from bench.export.export import RunFacts
    from bench.export.figures import collect_figures
    from bench.export.formats import FORMATS
    from bench.store.errors import StoreError
    from bench.store.reader import read_run

    try:
        run = read_run(folder)
        run.check_measured()
        figures = collect_figures(run.trials, run.slices, run.max_rate, run.thresholds)
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    selected = [figure for figure in figures if not metrics or figure.metric.name in metrics]
    return FORMATS[format_name].convert(selected, RunFacts.of(run.environment, run.recorded_start))


def _write(exported: "Export", output: Path) -> None:
    """Write a single file, or several into a directory, and print their paths. Raises Stop."""
    try:
        if "" not in exported.files:
            output.mkdir(parents=True, exist_ok=True)
        for name, text in exported.files.items():
            path = output / name if name else output
            path.write_text(text, encoding="utf-8")
            print_path(path)
    except OSError as error:
        raise Stop(f"--output {output}: {error.strerror or error}; choose another path") from error
