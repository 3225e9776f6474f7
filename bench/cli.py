"""The command line: ``holabench`` and ``python -m bench``."""

import json
import math
import os
import secrets
import shlex
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
    minutes: Annotated[
        float | None, typer.Option(help="Choose the blocks for so much time, and shorter ones if it is little.")
    ] = None,
    until: Annotated[str, typer.Option(help="Run blocks until intervals are so narrow, as 3%: their half-width.")] = "",
    at_most: Annotated[float | None, typer.Option(help="With --until: end after so many minutes anyhow.")] = None,
    server: Annotated[
        list[str] | None,
        typer.Option(help='A server of somebody else, as "php=php server.php {port}"; may be given several times.'),
    ] = None,
    python: Annotated[
        str, typer.Option(help="Other interpreters for every model, too, as 3.13,pypy3,/path/to/python.")
    ] = "",
    models_from: Annotated[str, typer.Option(help="A folder with models of your own, one in each file.")] = "",
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
    find_models(models_from)
    changes = {
        "models": words(models),
        "transports": words(transports),
        "pythons": interpreters(python),
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
        plan = with_outside(changed(load_plan(profile), changes, of_scenarios), server or [])
        plan = with_seed(plan if minutes is None else fitted(plan, minutes))
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
def models(
    models_from: Annotated[str, typer.Option(help="A folder with models of your own, one in each file.")] = "",
) -> None:
    """List the server models: name, transports, clients at a time, CPUs that it can use, what it is and what it needs.

    Example: holabench models
    """
    from bench.run import models as known

    find_models(models_from)
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "transports", "TCP clients", "CPUs", "what it is"):
        table.add_column(heading, overflow="fold")
    for model in known().values():
        limit = "any number" if model.max_tcp_clients is None else str(model.max_tcp_clients)
        cpus = "all" if model.parallel or model.forks else "1"
        needs = f" (not installed: pip install {model.needs})" if model.missing else ""
        table.add_row(model.name, ", ".join(model.transports), limit, cpus, model.help + needs)
    Console().print(table)


@app.command()
def profiles() -> None:
    """List the profiles: the question that each answers, and about how long it takes.

    Example: holabench profiles
    """
    from bench.budget import duration_s
    from bench.run import models as known

    table = Table(box=None, pad_edge=False)
    for heading in ("profile", "takes", "question"):
        table.add_column(heading, overflow="fold")
    for name in profile_names():
        one = load_plan(name)
        table.add_row(name, in_minutes(duration_s(one, known())), one.question)
    Console().print(table)


@app.command(name="plan")
def show_plan(
    profile: Annotated[str, typer.Argument(help="A profile, or a plan of your own as FILE.toml.")],
) -> None:
    """Show what a plan would measure, and about how long it would take, without running it.

    Example: holabench plan my-plan.toml
    """
    from bench.budget import duration_s
    from bench.plan import arms, cases, check, loaded_s, skip_reason
    from bench.run import models as known

    try:
        plan = load_plan(profile)
        check(plan, known())
    except PlanError as error:
        raise Stop(str(error)) from error
    table = Table(box=None, pad_edge=False)
    for heading in ("scenario", "connections", "bytes", "rate", "arms", "skipped"):
        table.add_column(heading, overflow="fold")
    for scenario in plan.scenarios:
        for case in cases(plan, scenario):
            skipped = [arm.name for arm in arms(plan) if skip_reason(arm, case, known())]
            rate = str(scenario.rate) if scenario.rate else "closed loop"
            cells = (scenario.name, str(case.connections), str(case.message_bytes or "-"), rate)
            table.add_row(*cells, str(len(arms(plan)) - len(skipped)), ", ".join(skipped) or "-")
    screen = Console()
    screen.print(f"{plan.name}: {plan.question}", highlight=False)
    screen.print(table)
    screen.print(
        f"{plan.blocks} blocks, {loaded_s(plan, known()):.0f} s of load in them, "
        f"{in_minutes(duration_s(plan, known()))} in all",
        highlight=False,
    )


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


def find_models(folder: str) -> None:
    """Take the models of a folder, too. Raises Stop."""
    from servers import registry

    if folder:
        if not Path(folder).is_dir():
            raise Stop(f"--models-from {folder!r} is not a folder")
        registry.add_folder(str(Path(folder).resolve()))


def interpreters(text: str) -> dict[str, str] | None:
    """Find interpreters by label and path; None of nothing. Raises Stop."""
    from bench.interpreters import NoInterpreterError, find

    try:
        found = [find(wanted) for wanted in words(text) or ()]
    except NoInterpreterError as error:
        raise Stop(f"--python: {error}") from error
    return {one.label: one.path for one in found} or None


def with_seed(plan: Plan) -> Plan:
    """Return the plan with a seed: its own, or a new one."""
    return plan if plan.seed is not None else msgspec.structs.replace(plan, seed=secrets.randbelow(2**31))


def fitted(plan: Plan, minutes: float) -> Plan:
    """Return the plan for so much time. Raises PlanError."""
    from bench.budget import fit
    from bench.run import models as known

    return fit(plan, minutes, known())


def in_minutes(seconds: float) -> str:
    """``1 min 10 s``, ``6 min``."""
    if seconds < 120:
        return f"{seconds // 60:.0f} min {10 * (seconds % 60 // 10):.0f} s"
    return f"{math.ceil(seconds / 60)} min"


def with_outside(plan: Plan, servers: list[str]) -> Plan:
    """Return the plan with somebody else's servers: NAME=COMMAND or NAME/udp=COMMAND. Raises Stop, PlanError."""
    found: dict[str, dict[str, Any]] = {one.name: msgspec.to_builtins(one) for one in plan.outside}
    for text in servers:
        arm, sign, command = text.partition("=")
        name, _, over = arm.strip().partition("/")
        try:
            parts = shlex.split(command)
        except ValueError as error:
            raise Stop(f"--server {text!r}: {error}") from error
        if not sign or not name or not parts:
            raise Stop(f'--server {text!r} is not NAME=COMMAND; write for example "php=php server.php {{port}}"')
        if "{port}" not in command:
            raise Stop(f"--server {text!r}: nothing tells the command its port; write {{port}} where it belongs")
        found[name] = {"name": name, "command": parts, "transports": [over or "tcp"]}
    return changed(plan, {"models": None, "outside": list(found.values())}, {}) if servers else plan


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
