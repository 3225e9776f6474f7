"""Command lines: one clear line for what went wrong, and the exit code. Pure of numba; bench uses it too."""

import re
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException


class Stop(Exception):  # noqa: N818 - it ends the command, which may be no error
    """End the command with one line on stderr and an exit code: 2 where the input was wrong."""

    def __init__(self, line: str, code: int = 2) -> None:
        super().__init__(line)
        self.code = code


def run(app: typer.Typer, program: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; what is wrong is one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = app(words, prog_name=program, standalone_mode=False)
    except TyperException as error:
        line = error.format_message() if hasattr(error, "format_message") else str(error)
        sys.stderr.write(f"{program}: {_with_value(line, words)}; see {program} --help\n")
        return 2
    except Stop as stop:
        sys.stderr.write(f"{program}: {stop}\n")
        return stop.code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return result if isinstance(result, int) else 0


def _with_value(line: str, words: Sequence[str]) -> str:
    """Add the value that was given, which the parser's message leaves out."""
    line = " ".join(line.split()).rstrip(".")
    option = re.search(r"'(--?[\w-]+)", line)
    if option:
        for k, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name == option[1]:
                given = value if equals else words[k + 1] if k + 1 < len(words) else ""
                return f"{line} (given: {given})" if given and given not in line else line
    return line
