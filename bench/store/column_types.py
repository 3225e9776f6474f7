"""Check that a table has the columns of its rows, and that every cell has a permitted value. Pure."""

from typing import Any

import numpy as np
import pandas as pd

from bench.schema.column_docs import ColumnSpec, columns_of

_MAY_BE_INFINITE = (
    "latency_",
    "service_",
    "pooled_latency_",
    "pooled_service_",
    "median",
    "low",
    "high",
    "ratio",
    "recovery_s",
)
_MAX_EXACT = 2**53  # a larger integer that was read as a float may be another one


def complete_columns(table: pd.DataFrame, row_type: type[Any]) -> pd.DataFrame:
    """Return a table of an older version of the schema with the columns of this version.

    Columns that were renamed get their new name, and columns that were added are empty.
    """
    specs = columns_of(row_type)
    renamed = {
        spec.column.former_name: spec.name
        for spec in specs
        if spec.name not in table and spec.column.former_name in table
    }
    missing = [spec for spec in specs if spec.column.is_new and spec.name not in table]
    empty: dict[str, Any] = {spec.name: "" if spec.is_text else np.nan for spec in missing}
    return table.rename(columns=renamed).assign(**empty) if renamed or empty else table


def schema_error(table: pd.DataFrame, row_type: type[Any]) -> str:
    """Describe the first difference between a table and its row type, or return "".

    Extra columns are ignored.
    """
    for spec in columns_of(row_type):
        if spec.name not in table:
            return f"has no column {spec.name!r}"
        if not spec.is_text and (error := _column_error(table[spec.name], spec)):
            return error
    return ""


def _column_error(column: pd.Series, spec: ColumnSpec) -> str:
    """Describe the first cell of a column of numbers or booleans that is not permitted, or return ""."""
    if bool in spec.types:
        if column.dtype == bool or column.empty:
            return ""
        return _cell_error(column, ~column.isin([True, False]), "yes or no")
    if not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce")
        if column.dropna().empty:
            return ""
        return _cell_error(column, numbers.isna() & column.notna(), "a number")
    if int in spec.types and not spec.is_optional and column.isna().any():
        return _cell_error(column, column.isna(), "a number")
    if pd.api.types.is_integer_dtype(column):
        return ""
    return _float_error(column, spec)


def _float_error(column: pd.Series, spec: ColumnSpec) -> str:
    values = column.to_numpy(dtype=float, na_value=np.nan)
    # A percentile is infinite if too many requests were never answered; it is never minus infinity.
    infinite = np.isneginf(values) if spec.name.startswith(_MAY_BE_INFINITE) else np.isinf(values)
    if infinite.any():
        return _cell_error(column, pd.Series(infinite, column.index), "a finite number")
    if int in spec.types:
        broken = ~np.isnan(values) & ((np.abs(values) > _MAX_EXACT) | (values != np.floor(values)))
        return _cell_error(column, pd.Series(broken, column.index), "a whole number") if broken.any() else ""
    return ""


def _cell_error(column: pd.Series, wrong: "pd.Series", expected: str) -> str:
    """Describe the first wrong cell. wrong: which cells are."""
    index = int(np.argmax(wrong.to_numpy())) if wrong.any() else 0
    value = column.iloc[index]
    shown = "nothing" if pd.isna(value) else repr(getattr(value, "item", lambda: value)())
    return f"has {shown} as {column.name} in line {index + 2}; expected {expected}"
