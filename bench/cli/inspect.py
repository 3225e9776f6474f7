"""The commands that look and do not measure: models, profiles, a plan, the machine; and the proof of the generator."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from bench.cli.console import cells, output, say, terminal
from bench.cli.options import find_models
from bench.plan.definition import PlanError
from bench.plan.toml import load_plan, preset_names
from clients.cli_errors import Stop

look = typer.Typer()


@look.command()
def models(
    models_from: Annotated[str, typer.Option(help="A folder with models of your own, one in each file.")] = "",
) -> None:
    """List the server models: name, transports, clients at a time, CPUs that it can use, what it is and what it needs.

    Example: holabench models
    """
    from bench.experiment.model_catalogue import known_models

    find_models(models_from)
    table = Table(box=None, pad_edge=False)
    for heading in ("model", "transports", "TCP clients", "CPUs", "what it is"):
        table.add_column(heading, overflow="fold")
    for model in known_models().values():
        limit = "any number" if model.max_tcp_clients is None else str(model.max_tcp_clients)
        cpus = "all" if model.parallel or model.forks else "1"
        unavailable = f" ({model.unavailable_reason})" if model.missing else ""
        table.add_row(model.name, ", ".join(model.transports), limit, cpus, escape((model.help + unavailable).strip()))
    output().print(table)


@look.command()
def profiles() -> None:
    """List the profiles: the question that each answers, and about how long it takes.

    Example: holabench profiles
    """
    from bench.experiment.model_catalogue import known_models
    from bench.plan.time_budget import duration_s

    table = Table(box=None, pad_edge=False)
    for heading in ("profile", "takes", "question"):
        table.add_column(heading, overflow="fold")
    for name in preset_names():
        one = load_plan(name)
        table.add_row(name, in_minutes(duration_s(one, known_models(one))), one.question)
    output().print(table)


@look.command(name="plan")
def show_plan(
    profile: Annotated[str, typer.Argument(help="A profile, or a plan of your own as FILE.toml.")],
) -> None:
    """Show what a plan would measure, and about how long it would take, without running it.

    Example: holabench plan my-plan.toml
    """
    from bench.experiment.model_catalogue import known_models
    from bench.plan.matrix import arms, scenario_load_points, skip_reason
    from bench.plan.time_budget import duration_s, load_s
    from bench.plan.validation import check

    try:
        plan = load_plan(profile)  # its interpreters are not tried: a plan that somebody sent is only read here
        models_there = known_models(plan)
        check(plan, models_there)
    except PlanError as error:
        raise Stop(str(error)) from error
    table = Table(box=None, pad_edge=False)
    for heading in ("scenario", "connections", "bytes", "rate", "arms", "skipped"):
        table.add_column(heading, overflow="fold")
    for scenario in plan.scenarios:
        for point in scenario_load_points(scenario):
            skipped = [arm.name for arm in arms(plan) if skip_reason(plan, arm, point, models_there)]
            rate = scenario.rate_text or "closed loop"
            load = (scenario.name, str(point.connections), str(point.message_bytes or "-"), rate)
            table.add_row(*cells(*load, str(len(arms(plan)) - len(skipped)), ", ".join(skipped) or "-"))
    screen = output()
    say(screen, f"{plan.name}: {plan.question}")
    screen.print(table)
    if plan.pythons:
        say(screen, f"interpreters, as far as they are here: {', '.join(plan.pythons)}")
    screen.print(
        f"{plan.blocks} blocks, {load_s(plan, models_there):.0f} s of load in them, "
        f"{in_minutes(duration_s(plan, models_there))} in all",
        highlight=False,
    )


@look.command()
def doctor() -> int:
    """Look whether this machine is fit to measure: what is set how, why it matters, and how to change it.

    Example: holabench doctor

    The exit code is 1 if something should be changed before a run.
    """
    from bench.machine.doctor import findings, problems

    found = findings()
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "how it is", "why it matters", "to change it"):
        table.add_column(heading, overflow="fold")
    marks = {"good": "ok", "note": "[yellow]note[/]", "bad": "[red]bad[/]"}
    for one in found:
        remedy = "" if one.state == "good" else escape(one.remedy)
        table.add_row(marks[one.state], one.name, escape(one.value), one.why, remedy)
    output().print(table, highlight=False)
    return 1 if problems(found) else 0


@look.command()
def selftest(
    only: Annotated[list[str] | None, typer.Option(help="A check to run alone; may be given several times.")] = None,
    json_file: Annotated[str, typer.Option("--json", help="File for what was expected and what was seen.")] = "",
) -> int:
    """Prove the load generator on this machine, against a server whose every reply is known beforehand: two minutes.

    Example: holabench selftest --only queue --only stall_open
    """
    from bench.selftest.checks import checks
    from bench.selftest.runner import lines, run_all, summary

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


def in_minutes(seconds: float) -> str:
    """``1 min 10 s``, ``6 min``."""
    if seconds < 120:
        return f"{seconds // 60:.0f} min {10 * (seconds % 60 // 10):.0f} s"
    return f"{math.ceil(seconds / 60)} min"
