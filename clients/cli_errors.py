"""Run a command line: one clear line for an error, and an exit code.

Does not import numba; bench uses it, too.
"""

import errno
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import typer
from typer.exceptions import TyperException

from clients import output


class Stop(Exception):  # noqa: N818 - some commands stop without an error
    """End the command with one line on stderr and an exit code: 2 for wrong input."""

    def __init__(self, line: str, code: int = 2) -> None:
        super().__init__(line)
        self.code = code


def run(
    app: typer.Typer,
    program: str,
    arguments: Sequence[str] | None = None,
    translate: Callable[[str], str] = str,
) -> int:
    """Run a command line and return its exit code.

    An error is one line on stderr, in the language of ``translate``. An empty command line prints the help if the app
    asks for that, and is wrong input: its code is 2.
    """
    command_line = list(sys.argv[1:] if arguments is None else arguments)
    output.escape_what_cannot_be_encoded()
    try:
        _refuse_removed_folder()
        code = _run(app, program, command_line)
        output.flush()
        return code
    except Stop as stop:
        output.print_error(f"{program}: {translate(str(stop))}")
        return stop.code
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except OSError as error:
        if not output.is_of_output(error):
            raise
        output.print_error(translate(f"{program}: cannot print the result: {error.strerror}; send it elsewhere"))
        return 1
    finally:
        output.discard()


def _run(app: typer.Typer, program: str, command_line: Sequence[str]) -> int:
    needs_help = not command_line and app.info.no_args_is_help is True
    try:
        result = app(["--help"] if needs_help else command_line, prog_name=program, standalone_mode=False)
    except TyperException as error:
        raise Stop(f"{_describe(error, command_line)}; see {program} --help") from error
    if needs_help:
        return 2
    return result if isinstance(result, int) else 0


def _refuse_removed_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        reason = "was removed" if error.errno == errno.ENOENT else f"cannot be used: {error.strerror}"
        raise Stop(f"the working directory {reason}; change to another one (cd)") from error


def _describe(error: TyperException, command_line: Sequence[str]) -> str:
    """Return the parser's message, and what was given.

    The message lacks an invalid value, so the command line is added.
    """
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message} (given: {shlex.join(command_line)})" if message.startswith("Invalid value") else message
