"""Consoles of the command line, and text that is safe to print on them."""

import contextlib
import sys
from pathlib import Path
from typing import IO, Any, cast

from rich.console import Console
from rich.text import Text

from bench.escaping import escape_text, visible

STDERR_WIDTH = 140  # columns, where stderr is not a terminal: enough for a table of results
STDOUT_WIDTH = 200  # columns, where stdout is not a terminal: nothing is cut in a pipe


class _LenientStream:
    """Standard error, where a failed write stops nothing: its file may be on a full disk while a run measures."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            return self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def stderr_console() -> Console:
    """Return the console for everything except a command's result."""
    stream = None if sys.stderr is None else cast("IO[str]", _LenientStream(sys.stderr))
    console = Console(file=stream, stderr=True)
    return console if console.is_terminal else Console(file=stream, stderr=True, width=STDERR_WIDTH)


def stdout_console() -> Console:
    """Return the console for a command's result."""
    console = Console()
    return console if console.is_terminal else Console(width=STDOUT_WIDTH)


def print_line(console: Console, line: str, style: str = "", indent: int = 0) -> None:
    """Print one line without cutting it. Escape sequences and rich's markup in it have no effect."""
    console.print(Text(" " * indent + visible(line), style), soft_wrap=True)


def print_path(path: Path) -> None:
    """Print the result of a command that is a path: exactly for a program that reads it, and visibly on a terminal."""
    print(escape_text(str(path)) if sys.stdout.isatty() else path)


def text_cells(*texts: str) -> list[Text]:
    """Return table cells in which escape sequences and rich's markup have no effect."""
    return [Text(visible(text)) for text in texts]
