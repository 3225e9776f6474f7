"""Rows as the text of a CSV file. Pure."""

import csv
import io
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from bench.escaping import visible
from bench.schema.column_docs import column_names

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def csv_header(row_type: type[Any]) -> str:
    """Return the first line of a file: the names of its columns."""
    return ",".join(column_names(row_type)) + "\n"


def csv_rows(row_type: type[Any], rows: Sequence[Any]) -> str:
    """Return rows of one type as the lines of a file."""
    text = io.StringIO()
    values_of = attrgetter(*column_names(row_type))
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in values_of(row)] for row in rows)
    return text.getvalue()


def _cell(value: object) -> object:
    """Return a cell. None and nan are empty; nine significant digits exceed the precision of every measurement."""
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        return f"{value:.9g}"
    # Recovery relies on one line for each row, and `cat` must not send what a server wrote to the terminal.
    return escape_formula(visible(value)) if isinstance(value, str) else value


def escape_formula(value: object) -> object:
    """Return a text that no spreadsheet takes for a formula (OWASP, CSV injection). Numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA_STARTS else value
