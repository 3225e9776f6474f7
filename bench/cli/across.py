"""The commands that read several runs: ``holabench compare`` and ``holabench history``."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bench.cli.console import cells, output, say
from bench.formatting import compact
from bench.plan.definition import PlanError, plan_thresholds
from bench.schema.arms import BASELINE_MODEL
from bench.schema.metrics import METRICS
from bench.store.run_folder import RunFolder, StoreError
from clients.console import Stop

if TYPE_CHECKING:  # a command line begins two seconds sooner without pandas
    from bench.compare.run_values import Run
    from bench.compare.series import Series

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
        first = RunFolder.open(before)
        of_first = _read(first)
        for path in others:
            folder = RunFolder.open(path)
            names = labels([before, path])
            one = compared(names, of_first, _read(folder), rules)
            is_broken |= bool(one.wrong or one.absent)
            if as_json:
                for line in as_lines(one):
                    typer.echo(line)
            else:
                tell(screen, one, differences(first.environment(), folder.environment()), everything=everything)
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
    from bench.compare.change_points import ENOUGH_RUNS, LEAST_RUNS
    from bench.compare.series import series

    try:
        every = series(folders, metric, scenario)
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    found = [one for one in every if arm in ("", one.arm)]
    if not found:
        raise Stop(f"no run of these has {metric}{f' of {arm}' * bool(arm)}{f' in {scenario}' * bool(scenario)}")
    screen = output()
    for one in found:
        say(screen, f"{one.arm}, {one.load}: {METRICS[metric].label}", "bold")
        screen.print(_course(one, one.machine(every)))
        screen.print()
    if invalid := sum(verdict == "invalid" for one in found for verdict in one.verdicts):
        say(screen, f"invalid figures, in which no change is looked for: {invalid}; why, says report.md of each run")
    fewest = min(len(one.sound) for one in found)
    if fewest < LEAST_RUNS:
        say(screen, f"where fewer than {LEAST_RUNS} runs have figures to trust, no change is looked for")
    elif fewest < ENOUGH_RUNS:
        say(screen, f"fewer than {ENOUGH_RUNS} runs: only what is very many times their scatter is called a change")
    if chart is not None:
        try:
            _save(found, chart)
        except (OSError, ValueError) as error:
            raise Stop(f"--chart {chart}: {error}") from error
        typer.echo(chart)


def _save(found: "list[Series]", chart: Path) -> None:
    """Raises OSError, and ValueError if the file's ending is that of no picture."""
    from bench.report.charts.history import draw_history
    from bench.report.charts.style import look

    with look():
        draw_history(found).savefig(chart)


def _read(folder: RunFolder) -> "Run":
    """What is compared of a run, judged by its plan's own thresholds. Raises StoreError and PlanError."""
    from bench.compare.run_values import measured, planned

    plan, limits = folder.plan(), folder.limits()
    trials = folder.measured() if limits is None else folder.trials()
    return measured(trials, folder.finished("slices"), limits, planned(plan), plan_thresholds(plan))


def _course(one: "Series", machine: set[int]) -> Table:
    """A row for each run. machine: places where its limit changed, too."""
    table = Table(box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for heading in ("median", "interval", "verdict", ""):
        table.add_column(heading, no_wrap=True)
    changed = one.changes
    rows = zip(one.runs, one.medians, one.lows, one.highs, one.verdicts, strict=True)
    for place, (run, median, low, high, verdict) in enumerate(rows):
        between = "-" if math.isnan(low) else f"{compact(low)} to {compact(high)}"
        mark = f"<- changed{f', as {BASELINE_MODEL} did' * (place in machine)}" if place in changed else ""
        table.add_row(*cells(run, compact(median), between, verdict, mark), style="dim" * (verdict == "invalid"))
    return table
