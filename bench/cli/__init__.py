"""The command line: parse arguments and print. ``holabench`` and ``python -m bench`` run ``main``."""

import sys
from typing import Annotated

import typer

from bench.cli.commands import LoadedOnCall, add_commands
from bench.cli.language import use_language_of_command_line
from bench.translation import translate_line
from clients import cli_errors as command_line

app = typer.Typer(
    cls=LoadedOnCall,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Compare server architectures under the same protocol and load, over TCP and UDP.\n\n"
    "Example: holabench run quick\n\n"
    "Exit codes: 0 success; 1 failure; 2 wrong input; 3 a result is invalid or missing; "
    "4 a --fail-if condition holds; 5 it is undecided; 130 interrupted.",
)


def _print_version(requested: bool) -> None:
    if not requested:
        return
    from importlib import metadata  # loads e-mail and ZIP, which takes a sixth of the time of --help

    try:
        typer.echo(f"holabench {metadata.version('holabench')}")
    except metadata.PackageNotFoundError:
        typer.echo("holabench, version unknown (not installed)")
    raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None: ...


add_commands(app)


def main() -> int:
    """Run the command line and return its exit code."""
    use_language_of_command_line(sys.argv[1:])
    return command_line.run(app, "holabench", translate=translate_line)
