"""Find mistakes in the command of an external server that its words alone show. Pure.

The usual mistake is the syntax of a shell: holabench starts the program itself, as execvp(3) does.
"""

import re
from collections.abc import Iterable, Sequence

from bench.plan.external_server import PLACEHOLDERS, ExternalServer
from bench.plan.suggestions import did_you_mean

_NO_SHELL = "holabench starts the program without a shell"
_OPERATOR = re.compile(r"(\|\|?|&&?|;|\d?>>?(&\d|[^=].*)?|<<?<?.*|\S*;)\Z")
_VARIABLE = re.compile(r"\$(\w|\{|\()|`")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")
_BUILTINS = ("cd", "source", ".", "export", "ulimit", "exec", "eval", "set", "alias", "umask")
_SCRIPT_OPTIONS = ("-c", "-e", "-r", "-E", "--eval")  # the next argument is a program of its own


def find_mistake(server: ExternalServer) -> str:
    """Return what is wrong with a command and what to write instead, in one line; "" for a plausible command."""
    return find_shell_syntax(server.command) or find_missing_port(server.command, server.environment.values())


def find_missing_port(command: Sequence[str], values: Iterable[str] = ()) -> str:
    """Return the problem of a command that is not given its port. values: of its environment variables."""
    texts = [*command, *values]
    if any("{port}" in text for text in texts):
        return ""
    names = [name for text in texts for name in re.findall(r"\{(\w+)\}", text) if name not in PLACEHOLDERS]
    close = next(filter(None, (did_you_mean(name.lower(), PLACEHOLDERS) for name in names)), "")
    found = f" {{{names[0]}}} is not a placeholder{close}" if names and close else ""
    return (
        "the command must contain {port}, which is replaced by the port number: holabench chooses a free port for each "
        f"start.{found} Use a target for a server that is already running on a port of its own"
    )


def find_shell_syntax(command: Sequence[str]) -> str:
    """Return the first piece of shell syntax in a command with its replacement, or ""."""
    if not command:
        return ""
    program, *arguments = command
    if _ASSIGNMENT.match(program):
        in_plan = "or use `environment` in a plan"
        needs_shell = _VARIABLE.search(program)
        remedy = f"write its value, {in_plan}" if needs_shell else f"write `env {program} PROGRAM`, {in_plan}"
        return f"{program!r} sets a variable, and {_NO_SHELL}; {remedy}"
    if program in _BUILTINS:
        folder = "; to start in another directory use `folder` in a plan" if program == "cd" else ""
        return f"{program!r} is a command of the shell, and {_NO_SHELL}{folder}; or write sh -c '...'"
    if program.rpartition("/")[2] in _SHELLS and "-c" in arguments:
        return ""
    for before, word in zip(["", *command], command, strict=False):
        if before not in _SCRIPT_OPTIONS and (problem := _find_in_word(word)):
            return problem
    return ""


def _find_in_word(word: str) -> str:
    if word.startswith("~"):
        return f"{word!r} begins with ~, which a shell would replace, and {_NO_SHELL}; write the whole path"
    if "${port}" in word or "$port" in word:
        return f"{word!r} is not a placeholder; write {{port}} without $"
    if _VARIABLE.search(word):
        return (
            f"{word!r} contains a variable of the shell, and {_NO_SHELL}; write its value, or write sh -c '...' "
            "around it"
        )
    if _OPERATOR.match(word):
        return f"{word!r} is syntax of a shell, and {_NO_SHELL}; write sh -c '...'"
    return ""
