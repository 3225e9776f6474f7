"""The command line: ``holabench`` and ``python -m bench``."""

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from bench.cli.across import across
from bench.cli.console import say, terminal
from bench.cli.inspect import look
from bench.cli.options import (
    changed,
    find_models,
    fitted,
    interpreters,
    numbers,
    share,
    with_external,
    with_interpreters,
    with_seed,
    words,
)
from bench.cli.progress import ConsoleObserver
from bench.plan.definition import PlanError
from bench.plan.toml import load_plan, preset_names
from clients import cli_errors as command_line
from clients.cli_errors import Stop

if TYPE_CHECKING:  # a command line begins two seconds sooner without pandas
    from collections.abc import Callable

    from bench.experiment.runner import Outcome
    from bench.plan.definition import Plan
    from bench.store.run_folder import RunFolder

MOST_BLOCKS = 1000  # of a run that ends when its intervals are narrow

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compare how a server handles its clients: the same protocol and load on every model, over TCP and UDP.\n\n"
    "Example: holabench run --profile quick",
)

app.add_typer(look)
app.add_typer(across)


@app.command()
def run(
    profile: Annotated[
        str, typer.Option(help=f"What to measure: {', '.join(preset_names())}, or a plan of your own as FILE.toml.")
    ] = "standard",
    models: Annotated[str, typer.Option(help="Server models, as select,asyncio. All: holabench models.")] = "",
    transports: Annotated[str, typer.Option(help="tcp, udp, or tcp,udp.")] = "",
    protocol: Annotated[str, typer.Option(help="echo or hola, in every scenario instead of the profile's.")] = "",
    connections: Annotated[str, typer.Option(help="Clients at the same time, as 1,16,64, in every scenario.")] = "",
    message_bytes: Annotated[str, typer.Option(help="Sizes of an echo message, as 64,1024.")] = "",
    blocks: Annotated[
        int | None, typer.Option(help="Fresh starts of every server; more of them narrow the intervals.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(help="Load on each arm, in each case of each block.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the order of everything; the plan's own, or a new one for each run.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Choose the blocks for so much time, and shorter ones if it is little.")
    ] = None,
    until: Annotated[str, typer.Option(help="Run blocks until intervals are so narrow, as 3%: their half-width.")] = "",
    at_most: Annotated[float | None, typer.Option(help="With --until: end after so many minutes anyhow.")] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(help='A server of somebody else, as "php=php server.php {port}"; may be given several times.'),
    ] = None,
    target: Annotated[
        str,
        typer.Option(help="A server that is up, as tcp://HOST:PORT: nothing but its answers is seen of it."),
    ] = "",
    python: Annotated[
        str, typer.Option(help="Other interpreters for every model, too, as 3.13,pypy3,/path/to/python.")
    ] = "",
    models_from: Annotated[str, typer.Option(help="A folder with models of your own, one in each file.")] = "",
    into: Annotated[Path, typer.Option(help="Folder that gets the run's folder.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="The results as lines of JSON, for scripts.")] = False,
    no_charts: Annotated[
        bool, typer.Option("--no-charts", help="Tables alone, for scripts; holabench report draws later what is left.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(help="The folder of a run that was cut off: measure what is missing, with its plan.")
    ] = None,
) -> int:
    """Measure: start every server, load them in turns, write CSVs, charts and a report.

    Examples of use:

      holabench run --profile quick

      holabench run --models select,asyncio --connections 1,64,256 --blocks 6

      holabench run --profile my-plan.toml --into /data/results

      holabench run --resume results/20261122T073100Z-standard

    The exit code is 3 if a number that was asked for is invalid, or could not be measured in any block.
    """
    from bench.experiment.child_process import ChildError
    from bench.experiment.runner import resume as resume_run
    from bench.experiment.runner import run as run_plan
    from bench.store.run_folder import StoreError

    if sys.platform != "linux":
        raise Stop(f"holabench needs Linux, not {sys.platform}: its servers and its generator stand on epoll", 1)
    find_models(models_from)
    changes = {
        "models": words("--models", models),
        "transports": words("--transports", transports),
        "pythons": interpreters(python),
        "blocks": MOST_BLOCKS if until and blocks is None else blocks,
        "target_precision": share("--until", until) or None,
        "max_minutes": at_most,
        "seed": seed,
    }
    of_scenarios = {
        "protocol": protocol or None,
        "connections": numbers("--connections", connections),
        "message_bytes": numbers("--message-bytes", message_bytes),
        "seconds": seconds,
    }
    screen, cpus = terminal(), sorted(os.sched_getaffinity(0))
    observer = ConsoleObserver(screen)
    try:
        if resume is not None:
            asked = any(value is not None for value in (changes | of_scenarios).values()) or profile != "standard"
            elsewhere = into != Path("results")
            folder = unfinished(
                resume, screen, asked=bool(asked or server or target or minutes is not None or elsewhere)
            )
            outcome = _closing(observer, lambda: resume_run(folder, cpus, observer))
            return told(outcome, folder.read().plan, screen, as_json=as_json, charts=not no_charts)
        if into.exists() and not into.is_dir():
            raise Stop(f"cannot make a results folder in --into {into}: that is a file; name a folder")
        plan = with_interpreters(changed(load_plan(profile), changes, of_scenarios), screen)
        plan = with_external(plan, server or [], target)
        plan = with_seed(plan if minutes is None else fitted(plan, minutes))
        return told(
            _closing(observer, lambda: run_plan(plan, into, cpus, observer)),
            plan,
            screen,
            as_json=as_json,
            charts=not no_charts,
        )
    except PlanError as error:
        raise Stop(str(error)) from error
    except (ChildError, StoreError) as error:
        raise Stop(str(error), 1) from error


def _closing(observer: ConsoleObserver, action: "Callable[[], Outcome]") -> "Outcome":
    """Run something, and end the display of its progress."""
    try:
        return action()
    finally:
        observer.close()


def unfinished(path: Path, screen: Console, *, asked: bool) -> "RunFolder":
    """The folder of a run, mended so that it can go on. asked: whether its plan was to be changed. Raises Stop."""
    from bench.store.run_folder import RunFolder, StoreError

    if asked:
        raise Stop(f"--resume {path} measures with the plan of that run: leave out the other options")
    try:
        folder = RunFolder.open(path)
        if folder.complete:
            raise Stop(f"--resume {path}: nothing is missing there; to draw it anew: holabench report {path}")
        for line in folder.reopen():
            say(screen, f"mended: {line}")
    except StoreError as error:
        raise Stop(f"--resume: {error}") from error
    return folder


def told(outcome: "Outcome", plan: "Plan", screen: Console, *, as_json: bool, charts: bool) -> int:
    """Draw what a run has left and tell it; return the exit code."""
    from bench.store.run_folder import StoreError

    doubts: list[str] = []
    failure, interrupted, drawn = outcome.failure, outcome.interrupted, False
    try:
        doubts = drawn_and_shown(outcome, screen, as_json=as_json, charts=charts)
        drawn = True
    except StoreError as error:
        if failure:  # it comes first, and is said last
            screen.print(str(error), soft_wrap=True, highlight=False, markup=False)
        failure = failure or str(error)
    except KeyboardInterrupt:
        interrupted = True
    line, commands = way_on(outcome, plan, drawn=drawn)
    if line:
        screen.print(line)
    for command in commands:
        screen.print(f"  holabench {command} {outcome.folder.path}", soft_wrap=True, highlight=False, markup=False)
    print(json.dumps({"folder": str(outcome.folder.path)}) if as_json else outcome.folder.path)
    if failure:
        raise Stop(failure, 1)
    if interrupted:
        return 130
    for line in doubts:
        screen.print(f"exit code 3: {line}; why stands above", soft_wrap=True, highlight=False, markup=False)
    return 3 if doubts else 0


def way_on(outcome: "Outcome", plan: "Plan", *, drawn: bool) -> tuple[str, list[str]]:
    """What became of a run that is not whole, or not drawn, and the commands that go on with its folder."""
    if outcome.interrupted or outcome.failure:
        if not outcome.blocks and not outcome.searches:
            return "stopped before the first block was whole: there is nothing to draw. To go on:", ["run --resume"]
        wanted = "" if plan.target_precision else f" of {plan.blocks}"  # who asks for a width asks for no number
        line = f"stopped after {outcome.blocks}{wanted} blocks; they are kept. To go on, and to draw them:"
        return line, ["run --resume", "report"]
    if not drawn:
        return "everything is measured and kept, and not all of it is drawn. To draw it:", ["report"]
    return "", []


def drawn_and_shown(outcome: "Outcome", screen: Console, *, as_json: bool, charts: bool) -> list[str]:
    """Draw what a run has left, print its tables, and return what is to be doubted. Raises StoreError."""
    if not outcome.blocks and not outcome.searches:
        return []
    from bench.report.chart_workers import chart_workers

    with chart_workers(outcome.folder.path) if charts else contextlib.nullcontext() as workers:
        from bench.report.build import build

        derived = build(outcome.folder.read(), workers)
    show(derived, screen)
    if not charts:
        say(screen, f"no chart and no report is of these figures. To draw them: holabench report {outcome.folder.path}")
    if as_json:
        for table in (derived.summary, derived.comparisons):
            if len(table):  # of none there would be an empty line
                typer.echo(table.to_json(orient="records", lines=True), nl=False)
    from bench.analysis.run_problems import problems

    return problems(derived.summary, derived.trials)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
) -> None:
    """Make tables, charts and report of a run anew, from its raw files.

    Example: holabench report results/20261122T073100Z-quick
    """
    from bench.report.chart_workers import chart_workers
    from bench.store.errors import StoreError
    from bench.store.reader import read_run

    try:
        run = read_run(folder)
        with chart_workers(folder) as workers:
            from bench.report.build import build

            derived = build(run, workers)
        show(derived, terminal())
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    print(folder)


def show(derived: Any, screen: Console) -> None:
    """Print the tables of a run and where its charts are."""
    from bench.cli.tables import render_tables

    for table in render_tables(derived.tables, screen.width):
        screen.print(table)
        screen.print()
    for line in derived.changed_thresholds:
        say(screen, f"judged by a threshold that the plan has changed: {line}")
    if derived.charts:
        screen.print(
            f"charts: {', '.join(derived.charts)}; report: report.html, report.md; all in the folder below",
            highlight=False,
        )


def main() -> int:
    """Run the command line."""
    return command_line.run(app, "holabench")
