"""Collect the English lines that the sources write and a reader sees translated.

These lines are recorded in English, e.g. as the reason of a skipped case, or come from code that knows no reader, e.g.
an observer of a run. ``bench.translation.translate_line`` finds their texts in the catalogue when they are shown. Here
they are literals and f-strings of the modules below. The value of an f-string becomes a placeholder:
``f"{plan.name}: no reply"`` is the text ``{name}: no reply``.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.lint.phrases import ROOT

MODULES = (
    "bench/experiment",
    "bench/fleet",
    "bench/plan",
    "bench/store/errors.py",
    "bench/store/reader.py",
    "bench/store/recovery.py",
    "bench/store/run_folder.py",
    "bench/machine/doctor.py",
    "bench/machine/interpreters.py",
    "bench/cli",
    "bench/translation.py",
    "bench/report/chart_workers.py",
    "bench/compare/gates.py",
    "bench/compare/run_values.py",
    "clients/addresses.py",
    "clients/allocation.py",
    "clients/checked_client.py",
    "clients/fd_limit.py",
    "clients/local_ports.py",
    "clients/protocol_check.py",
    "clients/quality_codes.py",
    "clients/reply_faults.py",
    "clients/cli_errors.py",
    "servers/registry.py",
)
# Their texts are documentation: descriptions of plan keys, and the help of a command line.
DOCUMENTATION = {"Meta", "Option", "Argument", "Typer", "Command", "key", "Table"}
NOT_SHOWN = ("bench/plan/key_reference.py", "bench/cli/new_model.py", "bench/fleet/scheduler_process.py")
# What looks like a sentence, and no reader sees translated: commands, keys, patterns, errors of the code itself.
NOT_SENTENCES = {
    "holabench {version}",
    "bold red",
    "bmf (Bencher), github-action (github-action-benchmark), pyperf, csv-long (for R, pandas, DuckDB)",
    "failed {arm}",
    '"php=php server.php {port}"',
    "What to measure",
    "How long",
    "Which servers",
    "holabench {command} {path}",
    "run --resume",
    "--server {text}",
    "started without pipe_stdin",
    "started with a file for its output",
    "--protocol echo",
    "--protocol hola",
    "bound output",
    "neither (backlog)",
    "neither (lock)",
    "neither (waiting)",
    "cpupower frequency-set --governor performance",
    "Expected `array( \\| null)?`, got",
    "Expected `array` of length (.+)",
    "matching regex",
    "the scenario's",
    "`lock`: Python that holds the interpreter lock. `release`: hashing that releases it.",
    "a plan gets its seed before it is run",
    "Glyph .* missing from font",
    "this is a worker",
    "the initializer sets them",
    "Invalid value",
    "default executor",
    "a common mistake: ",
    "pip install {needs}",
    "time to connect",
    "up to",
    "{data}... ({len} bytes)",
    "lifecycle session, requests_per_session {replies_before}",
    " to {shorten}",
    "\\S+: |\\w+ = .+? (?=must be |is not )",
    "agent stdin",
    "role starter",
    "role stdin",
    "holabench fleet",
    "name taken",
    "the controller",
    "probed before",
    "Requires-Dist: {strip} ; {condition}",
    "({strip}) and extra == '{extra}'",
    "No matching distribution found for ([^\\s(]+)",
    "Expected `float` (<=|>) (\\S+)",
    "{role} (pid {pid}) {reason}",
    "{role} on {host}",
    " (pid {pid})",
    "of the controller",
    "{name} is not the name of a file in a run folder",
    "does not know the command {command}",
    "does not know the command {get}",
    "ssh {port}{target}",
    "got {name}",
    "agent {name} (pid {getpid}) is connected to {scheduler}, and listens at {address}",
    "agent {name} (pid {getpid}) ends: {reason}",
    "agent {name} (pid {getpid}) waits for {url}",
    "its stdin has ended",
    "the connection to the scheduler was lost",
    "the scheduler has ended the run",
}
_COMMANDS = ("sysctl ", "import json")
# A script, or metadata of a wheel.
_PROGRAM = re.compile(r"^import |; do$|^[A-Z]\w+-?\w+: [{\dh]|\w+Error\|", re.MULTILINE)
_TRANSLATED_AT_ONCE = {"gettext", "ngettext", "pgettext", "N_"}


def sentences() -> Iterator[tuple[str, str | tuple[str, str]]]:
    """Yield the path of a module, and each text in it."""
    for module in MODULES:
        path = ROOT / module
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if str(file.relative_to(ROOT)) in NOT_SHOWN:
                continue
            for text in sentences_of(file):
                yield str(file.relative_to(ROOT)), text


def sentences_of(file: Path) -> list[str | tuple[str, str]]:
    """Return the texts of a file, once each."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    finder = _Finder(constants_of(tree))
    finder.visit(tree)
    return list(dict.fromkeys(finder.found))


class _Finder(ast.NodeVisitor):
    def __init__(self, constants: Mapping[str, str]) -> None:
        self.constants = constants
        self.found: list[str | tuple[str, str]] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in _TRANSLATED_AT_ONCE | DOCUMENTATION:
            return
        if name == "plural":
            self._add_plurals(node.args[1])
        else:
            self.generic_visit(node)

    def _add_plurals(self, noun: ast.expr) -> None:
        """Add the texts of ``bench.formatting.plural``: ``1 block`` and ``{count} blocks``."""
        constants = (each.value for each in ast.walk(noun) if isinstance(each, ast.Constant))
        nouns = [each for each in constants if isinstance(each, str)]
        self.found += [(f"{{count}} {each}", f"{{count}} {each}s") for each in nouns]

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._add(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._add(template_of(node, self.constants))
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self.visit(value.value)

    def _add(self, text: str) -> None:
        if text in NOT_SENTENCES or text.startswith(_COMMANDS) or _PROGRAM.search(text):
            return
        if re.search(r"[a-z]{2,}[ ,:;]+\S*[a-z]{2}|[a-z]{2,} \{|\} [a-z]{2,}", text):
            self.found.append(text)


def constants_of(tree: ast.Module) -> dict[str, str]:
    """Return the texts of a module by their names."""
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def template_of(node: ast.JoinedStr, constants: Mapping[str, str]) -> str:
    """Return the text of an f-string, with a placeholder for each value that is no constant."""
    parts: list[str] = []
    names: list[str] = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(_escape(str(value.value)))
        elif isinstance(value, ast.FormattedValue) and (constant := constants.get(ast.unparse(value.value))):
            parts.append(_escape(constant))
        elif isinstance(value, ast.FormattedValue):
            name = name_of(value.value)
            names.append(name)
            parts.append(f"{{{name}}}" if names.count(name) == 1 else f"{{{name}_{names.count(name)}}}")
    return "".join(parts)


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def name_of(node: ast.expr) -> str:
    """Return a name for the value of an expression: that of the first variable or attribute in it."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute):
            return (each.id if isinstance(each, ast.Name) else each.attr).strip("_")
    return "value"
