"""The commands that read several runs: ``holabench compare`` and ``holabench history``."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bench.cli.console import cells, output, say
from bench.formatting import compact, visible
from bench.plan.definition import PlanError
from bench.schema.arms import BASELINE_MODEL
from bench.schema.metrics import METRICS
from bench.store.errors import StoreError
from bench.store.reader import RunData, read_run
from clients.cli_errors import Stop

if TYPE_CHECKING:  # a command line begins two seconds sooner without pandas
    from bench.compare.run_values import RunValues
    from bench.compare.series import Point, RunSummary, Series

across = typer.Typer()
BROKEN = 4  # the exit code of a comparison in which a rule is broken


@across.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The folder of a run.")],
    others: Annotated[list[Path], typer.Argument(help="One or more later ones, each compared with the first.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help='What must not be, as "cpu_us_per_request>5%"; may be given several times. Exit code 4.'),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what did not change, and what is inconclusive.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each comparison, for scripts.")] = False,
) -> int:
    """Tell what changed between runs: each arm at each load, unpaired, with its interval.

    Examples of use:

      holabench compare results/monday results/tuesday

      holabench compare main branch --fail-if "cpu_us_per_request>5%"

    For --fail-if only differences count that are resolved, and what was measured before and is missing now.
    """
    from bench.cli.comparison import as_lines, compared, tell
    from bench.compare.gates import RuleError, parse_rule
    from bench.machine.environment import differences
    from bench.store.folder_labels import labels

    screen, is_broken = output(), False
    try:
        rules = [parse_rule(text) for text in fail_if or ()]
        first = read_run(before)
        of_first = _read(first)
        for path in others:
            folder = read_run(path)
            names = labels([before, path])
            one = compared(names, of_first, _read(folder), rules)
            is_broken |= bool(one.wrong or one.absent)
            if as_json:
                for line in as_lines(one):
                    typer.echo(line)
            else:
                tell(screen, one, differences(first.environment, folder.environment), everything=everything)
    except RuleError as error:
        raise Stop(f"--fail-if {error}") from error
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    return BROKEN if is_broken else 0


@across.command()
def history(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, in any order.")],
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(METRICS)}.")] = "cpu_us_per_request",
    arm: Annotated[str, typer.Option(help="Only this one, as asyncio/tcp.")] = "",
    scenario: Annotated[str, typer.Option(help="Only this one, as capacity.")] = "",
    chart: Annotated[Path | None, typer.Option(help="File for a chart: PNG or SVG.")] = None,
) -> None:
    """Follow a figure over many runs, and mark where it changed: the first run of each new level.

    Examples of use:

      holabench history results/*-standard --metric throughput_rps

      holabench history results/*/ --arm asyncio/tcp --chart history.png

    Runs stand in the order of their times: that with which a folder's name begins, as 20261122T073100Z-standard, which
    a copy keeps; of a folder with another name, when its plan.toml was written. Invalid figures are shown, and left out
    where a change is looked for.
    """
    if metric not in METRICS:
        raise Stop(f"--metric {metric!r} is not measured; there are: {', '.join(METRICS)}")
    from bench.compare.change_points import MIN_RUNS, RELIABLE_RUNS
    from bench.compare.series import collect_series

    try:
        every = collect_series(ordered_summaries(folders), metric, scenario)
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    found = [one for one in every if arm in ("", one.arm)]
    if not found:
        raise Stop(f"no run of these has {metric}{f' of {arm}' * bool(arm)}{f' in {scenario}' * bool(scenario)}")
    screen = output()
    for one in found:
        say(screen, f"{one.arm}, {one.load_point}: {METRICS[metric].label}", "bold")
        screen.print(_course(one, one.machine_changes(every)))
        screen.print()
    if invalid := sum(point.verdict == "invalid" for one in found for point in one.points):
        say(screen, f"invalid figures, in which no change is looked for: {invalid}; why, says report.md of each run")
    fewest = min(len(one.sound_points) for one in found)
    if fewest < MIN_RUNS:
        say(screen, f"where fewer than {MIN_RUNS} runs have figures to trust, no change is looked for")
    elif fewest < RELIABLE_RUNS:
        say(screen, f"fewer than {RELIABLE_RUNS} runs: only what is very many times their scatter is called a change")
    if chart is not None:
        try:
            _save(found, chart)
        except (OSError, ValueError) as error:
            raise Stop(f"--chart {chart}: {error}") from error
        typer.echo(chart)


def ordered_summaries(folders: Sequence[Path]) -> "list[RunSummary]":
    """Return the summary of each run, oldest first, labelled by its folder. Raises StoreError and PlanError.

    A folder that is given twice counts once.
    """
    from bench.analysis.search_results import summarise_run
    from bench.compare.series import RunSummary
    from bench.store.folder_labels import labels

    paths = list({path.resolve(): path for path in reversed(folders)}.values())
    runs = sorted(zip(map(read_run, paths), labels(paths), strict=True), key=lambda each: (each[0].started_at, each[1]))
    return [
        RunSummary(visible(label), summarise_run(run.trials, run.slices, run.max_rate, run.thresholds))
        for run, label in runs
    ]


def _save(found: "list[Series]", chart: Path) -> None:
    """Raises OSError, and ValueError if the file's ending is that of no picture."""
    from bench.report.charts.history import draw_history
    from bench.report.charts.style import look

    with look():
        draw_history(found).savefig(chart)


def _read(run: RunData) -> "RunValues":
    """What is compared of a run, judged by its plan's own thresholds. Raises StoreError and PlanError."""
    from bench.compare.run_values import collect_values, planned_cases

    run.check_measured()
    return collect_values(run.trials, run.slices, run.max_rate, planned_cases(run.plan), run.thresholds)


def _course(one: "Series", machine: "list[Point]") -> Table:
    """Return a row for each run. machine: points at which the baseline changed, too."""
    table = Table(box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for heading in ("median", "interval", "verdict", ""):
        table.add_column(heading, no_wrap=True)
    changed = one.changes
    for point in one.points:
        between = "-" if math.isnan(point.low) else f"{compact(point.low)} to {compact(point.high)}"
        mark = f"<- changed{f', as {BASELINE_MODEL} did' if point in machine else ''}" if point in changed else ""
        style = "dim" if point.verdict == "invalid" else ""
        table.add_row(*cells(point.run, compact(point.median), between, point.verdict, mark), style=style)
    return table
