"""The commands by name. The module of a command is imported when it is called, so that no command waits for others."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, slots=True)
class Command:
    """A command. summary: the first line of its function's docstring, which the list of commands shows."""

    name: str
    module: str
    summary: str

    @property
    def function(self) -> Any:
        """The function that runs the command; it has the same name, with underscores. Its module is imported."""
        return getattr(import_module(self.module), self.name.replace("-", "_"))


COMMANDS = (
    Command(
        "run", "bench.cli.run", "Start every server, load them in turns, and write CSV files, charts and a report."
    ),
    Command("presets", "bench.cli.inspect", "List the presets, the question that each one answers, and its duration."),
    Command("models", "bench.cli.inspect", "List the server models."),
    Command("plan", "bench.cli.plan", "Print what a plan would measure and how long it takes, without measuring."),
    Command(
        "doctor",
        "bench.cli.inspect",
        "Check whether this machine is suitable for benchmarking, and how to fix what is not.",
    ),
    Command(
        "selftest",
        "bench.cli.selftest",
        "Check the load generator against a server whose every reply is known in advance. Takes two minutes.",
    ),
    Command("report", "bench.cli.report", "Create the tables, charts and report of a run again, from its raw files."),
    Command(
        "compare",
        "bench.cli.compare",
        "Print what changed between runs: each server at each load point, with its confidence interval.",
    ),
    Command(
        "history",
        "bench.cli.history",
        "Print where a metric changed over many runs, and the series of the servers that changed.",
    ),
    Command("export", "bench.cli.export", "Write the figures of a run in the format of another tool."),
    Command(
        "agent",
        "bench.cli.agent",
        "Let a controller on another machine start servers or load generators on this host.",
    ),
    Command(
        "fleet-keys",
        "bench.cli.agent",
        "Make the keys of a fleet: a private authority, and a certificate for the controller and for each host.",
    ),
    Command(
        "new-model",
        "bench.cli.new_model",
        "Write NAME.py, a complete server model to start from. Existing files are not overwritten.",
    ),
)


class LoadedOnCall(TyperGroup):
    """A group that lists its commands by their summaries, and replaces one with its function when it is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the name and the command of a command line, and the arguments that are left."""
        name, listed, rest = super().resolve_command(ctx, args)
        called = next((command for command in COMMANDS if command.name == name), None)
        return name, listed if called is None else _load(called), rest


def add_commands(app: typer.Typer) -> None:
    """Add all commands to an app with the class ``LoadedOnCall``."""
    for command in COMMANDS:
        app.command(command.name, help=command.summary)(_listed)


def _listed() -> None:
    """Stand for a command in the list of commands."""


def _load(command: Command) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False)
    app.command(command.name)(command.function)
    return typer.main.get_command(app)
