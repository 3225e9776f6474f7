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
    """Run a command line and return its exit code; what is wrong is one line on stderr. Without words, the help."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = app(words, prog_name=program, standalone_mode=False)
    except TyperException as error:
        if _wants_help(error):
            print(error.format_message())  # noqa: T201 - empty where rich has shown it already
        else:
            sys.stderr.write(_visible(f"{program}: {_with_value(error, words)}; see {program} --help") + "\n")
        return 2
    except Stop as stop:
        sys.stderr.write(_visible(f"{program}: {stop}") + "\n")
        return stop.code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return result if isinstance(result, int) else 0


def _wants_help(error: TyperException) -> bool:
    """Whether there was nothing on the command line. The class itself is among Typer's private ones."""
    return type(error).__name__ == "NoArgsIsHelpError"


def _with_value(error: TyperException, words: Sequence[str]) -> str:
    """Add the value that was given, which the parser's message leaves out."""
    line, given = " ".join(error.format_message().split()).rstrip("."), _given(error, words)
    if given is None or _is_in(_visible(given), line):
        return line
    return f"{line} (given: {given})"


def _is_in(word: str, line: str) -> bool:
    """Whether a line has it as a word of its own: 0.001 does not name 0."""
    return re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])", line) is not None


def _given(error: TyperException, words: Sequence[str]) -> str | None:
    """What the command line has for the parameter that is wrong: the last value, which is the one that counts."""
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is None or parameter is None:
        return None
    own = list(words)
    if context.parent is not None:  # after the name of the command
        own = own[own.index(context.info_name) + 1 :]
    try:
        value = context.command.make_parser(context).parse_args(own)[0].get(parameter.name)
    except TyperException:
        return None
    return value if isinstance(value, str) else None


def _visible(text: str) -> str:
    """The text as one line: what would break it, or drive the terminal, is written as its escape."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
