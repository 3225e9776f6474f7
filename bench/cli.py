"""The command line: ``holabench`` and ``python -m bench``."""

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from bench.plan import Plan, PlanError
from bench.plan_file import build, load_plan, profile_names
from clients import console as command_line
from clients.console import Stop

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Compare how a server handles its clients: the same protocol and load on every model, over TCP and UDP.",
)


@app.command()
def run(
    profile: Annotated[
        str, typer.Option(help=f"What to measure: {', '.join(profile_names())}, or a plan of your own as FILE.toml.")
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
    into: Annotated[Path, typer.Option(help="Folder that gets the run's folder.")] = Path("results"),
) -> int:
    """Measure: start every server, load them in turns, write CSVs, charts and a report.

    For example:

      holabench run --profile quick

      holabench run --models select,asyncio --connections 1,64,256 --blocks 6

      holabench run --profile my-plan.toml --into /data/results
    """
    from bench.processes import ChildError
    from bench.run import run as run_plan
    from bench.store import StoreError

    if sys.platform != "linux":
        raise Stop(f"holabench needs Linux, not {sys.platform}: its servers and its generator stand on epoll", 1)
    changes = {
        "models": words(models),
        "transports": words(transports),
        "blocks": blocks,
        "seed": seed,
    }
    of_scenarios = {
        "protocol": protocol or None,
        "connections": numbers("--connections", connections),
        "message_bytes": numbers("--message-bytes", message_bytes),
        "seconds": seconds,
    }
    screen = terminal()
    try:
        plan = changed(load_plan(profile), changes, of_scenarios)
        if plan.seed is None:
            plan = changed(plan, {"models": None, "seed": secrets.randbelow(2**31)}, {})
        outcome = run_plan(plan, into, sorted(os.sched_getaffinity(0)), screen)
        if not outcome.blocks:
            screen.print("stopped before the first block was whole: there is nothing to draw")
        else:
            from bench.derive import derive

            show(derive(outcome.folder), screen)
    except PlanError as error:
        raise Stop(str(error)) from error
    except (ChildError, StoreError) as error:
        raise Stop(str(error), 1) from error
    if outcome.interrupted or outcome.failure:
        screen.print(f"stopped after {outcome.blocks} of {plan.blocks} blocks; they are kept, and drawn again by:")
        screen.print(f"  holabench report {outcome.folder.path}", soft_wrap=True, highlight=False)
    print(outcome.folder.path)
    if outcome.failure:
        raise Stop(outcome.failure, 1)
    return 130 if outcome.interrupted else 0


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="The folder of a run.")],
) -> None:
    """Make tables, charts and report of a run anew, from its raw files.

    Example: holabench report results/20261122T073100Z-quick
    """
    from bench.derive import derive
    from bench.store import RunFolder, StoreError

    try:
        show(derive(RunFolder(folder)), terminal())
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    print(folder)


@app.command()
def models() -> None:
    """List the server models: name, what it is, transports, how many clients it can serve.

    Example: holabench models
    """
    from bench.run import models as known

    table = Table(box=None, pad_edge=False)
    for heading in ("model", "transports", "TCP clients at a time", "what it is"):
        table.add_column(heading, overflow="fold")
    for model in known().values():
        limit = "any number" if model.max_tcp_clients is None else str(model.max_tcp_clients)
        table.add_row(model.name, ", ".join(model.transports), limit, model.help)
    Console().print(table)


def changed(plan: Plan, changes: dict[str, Any], of_scenarios: dict[str, Any]) -> Plan:
    """Return the plan with what the command line asked for. Raises PlanError if a value is not allowed."""
    wanted = msgspec.to_builtins(plan)
    wanted.update({key: value for key, value in changes.items() if value is not None})
    for scenario in wanted["scenarios"]:
        scenario.update({key: value for key, value in of_scenarios.items() if value is not None})
    if changes["models"] is not None:
        for role in ("reference", "twin"):  # a model that was left out can be neither; the first takes its place
            if wanted[role] and wanted[role] not in changes["models"]:
                wanted[role] = changes["models"][0]
    return build(wanted, "")


def words(text: str) -> list[str] | None:
    """Split a,b into words; None of nothing."""
    return [word.strip() for word in text.split(",") if word.strip()] or None


def numbers(option: str, text: str) -> list[int] | None:
    """Split 1,16 into whole numbers; None of nothing. Raises Stop."""
    try:
        return [int(word) for word in words(text) or ()] or None
    except ValueError as error:
        raise Stop(f"{option} {text!r} is not a list of whole numbers; write for example 1,16,64") from error


def terminal() -> Console:
    """Where everything goes but the result: stderr, wide enough for a table where it is no terminal."""
    screen = Console(stderr=True)
    return screen if screen.is_terminal else Console(stderr=True, width=110)


def show(derived: Any, screen: Console) -> None:
    """Print the tables of a run and where its charts are."""
    from bench import table

    for one in table.results(derived.summary, derived.comparisons, screen.width):
        screen.print(one)
        screen.print()
    if derived.charts:
        screen.print(
            f"charts: {', '.join(derived.charts)}; report: report.md; all in the folder below", highlight=False
        )


def main() -> int:
    """Run the command line."""
    return command_line.run(app, "holabench")
