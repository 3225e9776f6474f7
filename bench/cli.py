"""The command line: ``holabench`` and ``python -m bench``."""

import json
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

MOST_BLOCKS = 1000  # of a run that ends when its intervals are narrow

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
    until: Annotated[str, typer.Option(help="Run blocks until intervals are so narrow, as 3%: their half-width.")] = "",
    at_most: Annotated[float | None, typer.Option(help="With --until: end after so many minutes anyhow.")] = None,
    into: Annotated[Path, typer.Option(help="Folder that gets the run's folder.")] = Path("results"),
) -> int:
    """Measure: start every server, load them in turns, write CSVs, charts and a report.

    For example:

      holabench run --profile quick

      holabench run --models select,asyncio --connections 1,64,256 --blocks 6

      holabench run --profile my-plan.toml --into /data/results

    The exit code is 3 if a number that was asked for is invalid: the verdicts say why.
    """
    from bench.processes import ChildError
    from bench.run import run as run_plan
    from bench.store import StoreError

    if sys.platform != "linux":
        raise Stop(f"holabench needs Linux, not {sys.platform}: its servers and its generator stand on epoll", 1)
    changes = {
        "models": words(models),
        "transports": words(transports),
        "blocks": MOST_BLOCKS if until and blocks is None else blocks,
        "until": share("--until", until),
        "at_most_min": at_most,
        "seed": seed,
    }
    of_scenarios = {
        "protocol": protocol or None,
        "connections": numbers("--connections", connections),
        "message_bytes": numbers("--message-bytes", message_bytes),
        "seconds": seconds,
    }
    screen = terminal()
    invalid: list[str] = []
    try:
        plan = changed(load_plan(profile), changes, of_scenarios)
        if plan.seed is None:
            plan = changed(plan, {"models": None, "seed": secrets.randbelow(2**31)}, {})
        outcome = run_plan(plan, into, sorted(os.sched_getaffinity(0)), screen)
        if not outcome.blocks and not outcome.searches:
            screen.print("stopped before the first block was whole: there is nothing to draw")
        else:
            from bench.derive import derive

            derived = derive(outcome.folder)
            show(derived, screen)
            invalid = invalid_headlines(derived.summary)
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
    if outcome.interrupted:
        return 130
    if invalid:
        screen.print(f"exit code 3: the numbers of {', '.join(invalid)} are invalid; why stands above", soft_wrap=True)
    return 3 if invalid else 0


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


@app.command()
def truth(
    only: Annotated[list[str] | None, typer.Option(help="A check to run alone; may be given several times.")] = None,
    json_file: Annotated[str, typer.Option("--json", help="File for what was expected and what was seen.")] = "",
) -> int:
    """Prove the load generator on this machine, against a server whose every reply is known beforehand: two minutes.

    Example: holabench truth --only queue --only stall_open
    """
    from bench.truth.checks import checks
    from bench.truth.suite import lines, run_all, summary

    known = list(checks())
    names = [check.name for check in known]
    for name in only or []:
        if name not in names:
            raise Stop(f"--only {name!r} is no check; there are: {', '.join(names)}")
    screen = terminal()

    def tell(result: Any) -> None:
        for line in lines(result):
            screen.print(line, highlight=False, soft_wrap=True)

    results = run_all([check for check in known if not only or check.name in only], tell)
    screen.print(summary(results), highlight=False, soft_wrap=True)
    if json_file:
        try:
            text = json.dumps([result.as_document() for result in results], indent=2)
            Path(json_file).write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise Stop(f"--json {json_file}: {error.strerror or error}; the results stand above", 1) from error
    return 1 if any(result.outcome == "fails" for result in results) else 0


def invalid_headlines(summary: Any) -> list[str]:
    """Arms with an invalid figure in what a scenario asks for first, but for those that do not compete."""
    from bench.metrics import LIMIT, headline, is_twin, label

    rows = summary[summary["verdict"] == "invalid"].to_dict("records")
    found = [
        f"{row['arm']} ({row['scenario']})"
        for row in rows
        if row["metric"] == headline(str(row["scenario"])) and not is_twin(row["arm"]) and label(row["arm"]) != LIMIT
    ]
    return list(dict.fromkeys(found))


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


def share(option: str, text: str) -> float | None:
    """Turn 3% or 0.03 into a share; None of nothing. Raises Stop."""
    if not text:
        return None
    try:
        value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = 0.0
    if not 0 < value <= 10:
        raise Stop(f"{option} {text!r} is not a share; write for example 3%")
    return value


def terminal() -> Console:
    """Where everything goes but the result: stderr, wide enough for a table where it is no terminal."""
    screen = Console(stderr=True)
    return screen if screen.is_terminal else Console(stderr=True, width=110)


def show(derived: Any, screen: Console) -> None:
    """Print the tables of a run and where its charts are."""
    from bench import table
    from clients.verdicts import changed_thresholds

    for one in table.results(derived.summary, derived.comparisons, screen.width, derived.unranked):
        screen.print(one)
        screen.print()
    for line in changed_thresholds():
        screen.print(f"judged by a threshold that the plan has changed: {line}", highlight=False, soft_wrap=True)
    if derived.charts:
        screen.print(
            f"charts: {', '.join(derived.charts)}; report: report.md; all in the folder below", highlight=False
        )


def main() -> int:
    """Run the command line."""
    return command_line.run(app, "holabench")
