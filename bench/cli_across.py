"""The commands that read several runs: ``holabench compare`` and ``holabench history``."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.metrics import METRICS, compact, load_in_words
from bench.screen import output
from clients.console import Stop

if TYPE_CHECKING:  # a command line begins two seconds sooner without pandas
    from bench.across import Change

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
        bool, typer.Option("--all", help="Also what did not change, and what is not resolved.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each comparison, for scripts.")] = False,
) -> int:
    """Tell what changed between runs: each arm at each load, unpaired, with its interval.

    Examples of use:

      holabench compare results/monday results/tuesday

      holabench compare main branch --fail-if "cpu_us_per_request>5%"

    Only differences that are resolved count for --fail-if.
    """
    from bench import across as runs
    from bench.environment import differences
    from bench.store import RunFolder, StoreError

    screen, is_broken = output(), False
    try:
        rules = [runs.rule(text) for text in fail_if or ()]
        first = RunFolder.open(before)
        tables = runs.Tables(first.measured(), first.finished("slices"))
        for path in others:
            folder = RunFolder.open(path)
            other = runs.Tables(folder.measured(), folder.finished("slices"))
            found = runs.changes(tables, other)
            wrong = runs.broken(found, rules)
            is_broken |= bool(wrong)
            if as_json:
                for one in found:
                    line = {"runs": [before.name, path.name], **_plain(asdict(one)), "broken": one in wrong}
                    typer.echo(json.dumps(line))
                continue
            _tell(screen, before, path, differences(first.environment(), folder.environment()))
            for side, names in zip((before, path), runs.only_in_one(tables, other), strict=True):
                if names:
                    screen.print(f"only in {side.name}: {', '.join(names)}", highlight=False, soft_wrap=True)
            shown = [one for one in found if everything or one.word in ("faster", "slower") or one in wrong]
            screen.print(_table(shown, wrong) if shown else "no difference is resolved", highlight=False)
            counts = ", ".join(f"{sum(one.word == word for one in found)} {word}" for word in _words(found))
            screen.print(f"{len(found)} comparisons, unpaired: {counts}", highlight=False)
            for one in wrong:
                screen.print(f"broken: {one.arm}, {_load(one)}: {one.metric} {_ratio(one)}", highlight=False)
    except runs.RuleError as error:
        raise Stop(f"--fail-if {error}") from error
    except StoreError as error:
        raise Stop(str(error)) from error
    return BROKEN if is_broken else 0


@across.command()
def history(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, in any order: their names hold their times.")],
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(METRICS)}.")] = "cpu_us_per_request",
    arm: Annotated[str, typer.Option(help="Only this one, as asyncio/tcp.")] = "",
    scenario: Annotated[str, typer.Option(help="Only this one, as capacity.")] = "",
    chart: Annotated[Path | None, typer.Option(help="File for a chart: PNG or SVG.")] = None,
) -> None:
    """Follow a figure over many runs, and mark where it changed.

    Examples of use:

      holabench history results/*-standard --arm asyncio/tcp --chart history.png
    """
    if metric not in METRICS:
        raise Stop(f"--metric {metric!r} is not measured; there are: {', '.join(METRICS)}")
    from bench import history as runs
    from bench.store import StoreError

    try:
        found = runs.series(folders, metric, arm, scenario)
    except StoreError as error:
        raise Stop(str(error)) from error
    if not found:
        raise Stop(f"no run of these has {metric}{f' of {arm}' * bool(arm)}{f' in {scenario}' * bool(scenario)}")
    screen = output()
    for one in found:
        changed = {one.runs[place] for place in one.changes}
        table = Table(
            box=None, pad_edge=False, title=f"{one.arm}, {one.load}: {METRICS[metric].label}", title_justify="left"
        )
        for heading in ("run", "median", "interval", ""):
            table.add_column(heading)
        for run, median, low, high in zip(one.runs, one.medians, one.lows, one.highs, strict=True):
            between = "-" if math.isnan(low) else f"{compact(low)} to {compact(high)}"
            table.add_row(run, compact(median), between, "<- changed" if run in changed else "")
        screen.print(table)
        screen.print()
    if len(found[0].runs) < runs.LEAST_RUNS:
        screen.print(f"fewer than {runs.LEAST_RUNS} runs: no change is looked for", highlight=False)
    if chart is not None:
        try:
            runs.save(found, chart)
        except (OSError, ValueError) as error:
            raise Stop(f"--chart {chart}: {error}") from error
        typer.echo(chart)


def _tell(screen: Console, before: Path, now: Path, differences: list[str]) -> None:
    screen.print(f"{now.name} against {before.name}", style="bold", highlight=False)
    for line in differences:
        screen.print(f"  not the same: {line}", highlight=False, soft_wrap=True)


def _table(changes: "list[Change]", wrong: "list[Change]") -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("arm", "load", "metric", "before", "now", "ratio", "", "verdict"):
        table.add_column(heading)
    for one in changes:
        style = "bold red" if one in wrong else "dim" if one.verdict == "invalid" else ""
        cells = (
            one.arm,
            _load(one),
            one.metric,
            compact(one.before),
            compact(one.now),
            _ratio(one),
            one.word,
            one.verdict,
        )
        table.add_row(*cells, style=style)
    return table


def _load(one: "Change") -> str:
    return load_in_words(one.scenario, one.connections, one.message_bytes)


def _ratio(one: "Change") -> str:
    return f"{one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _words(found: "list[Change]") -> list[str]:
    return sorted({one.word for one in found})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON has no word for is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
