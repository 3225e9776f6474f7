"""The programs that a plan needs on the machine of its servers: interpreters, and programs of external servers."""

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec

from bench.experiment.external_program import find_missing_program
from bench.experiment.model_catalogue import filled
from bench.machine.interpreters import Interpreter, NoInterpreterError, find, own_label
from bench.plan.definition import Plan, PlanError
from bench.plan.external_server import ExternalServer


def find_interpreters(plan: Plan, warn: Callable[[str], None], required: Collection[str] = ()) -> Plan:
    """Return the plan with the paths of its interpreters. Interpreters that are not installed are left out.

    An interpreter is named by its version. Where two have the same, both keep the plan's own names. required: names of
    those that must be installed.

    Raises PlanError for an interpreter that is required, or given by its path, and does not work, and for one that is
    listed twice.
    """
    found: dict[str, Interpreter] = {}
    for label, wanted in plan.pythons.items():
        try:
            interpreter = find(wanted)
        except NoInterpreterError as error:
            if "/" in wanted or label in required:
                raise PlanError(f"pythons: {error}") from error
            warn(f"skipping interpreter {label}: not installed")
            continue
        if "/" in wanted or label in required or interpreter.label != own_label():
            found[label] = interpreter
    _refuse_same_interpreter({label: interpreter.path for label, interpreter in found.items()})
    versions = Counter(interpreter.label for interpreter in found.values())
    paths = {
        interpreter.label if versions[interpreter.label] == 1 else label: interpreter.path
        for label, interpreter in found.items()
    }
    if len(paths) < len(found):
        raise PlanError(
            f"pythons: {', '.join(map(repr, found))}: a name of one is the version of another; choose other names",
            key="pythons",
        )
    return msgspec.structs.replace(plan, pythons=paths)


def missing_programs(plan: Plan, names: Collection[str]) -> Iterator[tuple[ExternalServer, str]]:
    """Yield each of the named external servers whose program is not installed on this machine, with the program."""
    for server in plan.external_servers:
        if server.command and server.name in names and (program := find_missing_program(filled(server))):
            yield server, program


def _refuse_same_interpreter(paths: Mapping[str, str]) -> None:
    """Raise PlanError if two names mean the same interpreter. paths: by name."""
    names: dict[str, str] = {}
    for name, path in paths.items():
        # The interpreter of a virtual environment is a link to another one, and has other packages.
        other = names.setdefault(os.path.abspath(path), name)  # noqa: PTH100 - resolve() would follow links
        if other != name:
            raise PlanError(f"pythons: {other!r} and {name!r} are the same interpreter, {path}", key="pythons")
