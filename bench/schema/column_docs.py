"""The documentation of a column, and the columns of a kind of row. Pure.

A row is a frozen dataclass. Each of its fields is one column of a CSV file, and its annotation carries the
documentation: ``Annotated[float, Column("Rate of correct replies.", unit="requests/s")]``.
"""

from dataclasses import dataclass, fields
from typing import Any, get_args


@dataclass(frozen=True, slots=True)
class Column:
    """The documentation of one column, from which ``docs/csv-columns.md`` is generated."""

    meaning: str
    unit: str = ""
    how: str = ""  # how the value is computed, where the meaning does not show it
    interval: str = ""  # level and kind of the interval that the value belongs to
    is_new: bool = False  # added within the schema: an older file without the column is read with empty cells
    former_name: str = ""  # of the column in an older file of the schema


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column of a kind of row: its name, its types and its documentation."""

    name: str
    types: tuple[Any, ...]  # NoneType is one of them if the cell may be empty
    column: Column

    @property
    def is_text(self) -> bool:
        """Return whether the column contains text, which is never empty: a missing text is ``""``."""
        return str in self.types

    @property
    def is_optional(self) -> bool:
        """Return whether a cell of numbers may be empty."""
        return type(None) in self.types

    @property
    def type_name(self) -> str:
        """Return the type as the documentation names it: text, yes/no, integer or number."""
        names: dict[type, str] = {str: "text", bool: "yes/no", int: "integer", float: "number"}
        return next(name for kind, name in names.items() if kind in self.types)


def columns_of(row_type: type[Any]) -> tuple[ColumnSpec, ...]:
    """Return the columns of a kind of row, in the order of its file. Every field must be documented."""
    return tuple(_spec(field.name, field.type) for field in fields(row_type))


def column_names(row_type: type[Any]) -> list[str]:
    """Return the names of the columns of a kind of row, in the order of its file."""
    return [field.name for field in fields(row_type)]


def text_columns(row_type: type[Any]) -> list[str]:
    """Return the names of the columns that contain text."""
    return [spec.name for spec in columns_of(row_type) if spec.is_text]


def _spec(name: str, annotation: Any) -> ColumnSpec:
    base, *metadata = get_args(annotation)
    column = next(value for value in metadata if isinstance(value, Column))
    return ColumnSpec(name, get_args(base) or (base,), column)


def share(meaning: str, how: str = "") -> Column:
    """Return the documentation of a share: a number without a unit, where 1 means all."""
    return Column(meaning, unit="share", how=how)


def microseconds(meaning: str, how: str = "") -> Column:
    """Return the documentation of a time in microseconds."""
    return Column(meaning, unit="us", how=how)
