"""The commands by name, and what each of them imports before it does anything."""

import inspect
import json

import pytest

from bench.cli.commands import COMMANDS, Command
from tests.support.commands import run_python

# Each takes a tenth of a second or more to import.
SLOW_LIBRARIES = {"jinja2", "matplotlib", "numba", "numpy", "pandas", "PIL", "ruptures", "scipy"}
LIST_IMPORTS = """
import json, sys
from bench.cli import main

sys.argv = ["holabench", *sys.argv[1:]]
main()
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
print(json.dumps(sorted(name for name in sys.modules if name.startswith("bench."))))
"""


def imports_of(*arguments: str) -> tuple[set[str], set[str]]:
    """Run a command in a process of its own; return the libraries and the modules of bench that it imported."""
    libraries, modules = run_python("-c", LIST_IMPORTS, *arguments).stdout.splitlines()[-2:]
    return set(json.loads(libraries)), set(json.loads(modules))


def test_help_imports_no_command() -> None:
    libraries, modules = imports_of("--help")
    assert not libraries & SLOW_LIBRARIES
    assert modules == {"bench.cli", "bench.cli.commands", "bench.cli.language", "bench.translation"}


@pytest.mark.parametrize("command", ["doctor", "models", "plan", "presets"])
def test_command_that_needs_no_tables_imports_no_slow_library(command: str) -> None:
    libraries, modules = imports_of(command)
    assert f"bench.cli.{'plan' if command == 'plan' else 'inspect'}" in modules
    assert not libraries & SLOW_LIBRARIES


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_summary_is_the_first_line_of_the_help(command: Command) -> None:
    assert (inspect.getdoc(command.function) or "").splitlines()[0] == command.summary
