"""The option --html: a page about several runs as one file."""

from pathlib import Path
from typing import Annotated

import typer

from clients.cli_errors import Stop

_SUFFIX = ".html"

HtmlOption = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", help="File for a page with charts, .html. Default: none."),
]


def check_page_path(path: Path | None) -> None:
    """Raise Stop unless a file is named like a page, so that no mistake overwrites the data of a run."""
    if path is not None and path.suffix.lower() != _SUFFIX:
        raise Stop(f"--html {path}: the name of a page ends in {_SUFFIX}; write {path.name}{_SUFFIX}")


def write_page(path: Path, text: str) -> None:
    """Write a page. Raises Stop if the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Stop(f"--html {path}: {error.strerror or error}; nothing was written") from error
