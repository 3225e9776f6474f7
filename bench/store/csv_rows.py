"""Cells and lines of a run's CSV files, and texts that do nothing to whoever reads them. Pure."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def heads(kind: type[Any]) -> str:
    """The first line of the file of a kind of row: the names of its columns."""
    return ",".join(field.name for field in fields(kind)) + "\n"


def lines(kind: type[Any], records: Sequence[Any]) -> str:
    """Records of one kind as the lines of its file."""
    text = io.StringIO()
    cells = attrgetter(*(field.name for field in fields(kind)))
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in cells(record)] for record in records)
    return text.getvalue()


def _cell(value: object) -> object:
    """Nine significant digits are more than any of these figures has; None and what is unknown are empty cells."""
    if value is None or value != value:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else as_text(value)


def as_text(value: object) -> object:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection). Numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value
