"""Whether a table that was read has the columns of its rows, and in them what can stand there. Pure."""

from dataclasses import fields
from typing import Any, get_args

import numpy as np
import pandas as pd

_MAY_BE_ENDLESS = ("latency_", "service_")  # a request that was lost took for ever
_EXACT = 2**53  # above it a number that was read as a float may be another whole one


def texts(kind: type[Any]) -> list[str]:
    """The columns of a kind of row that hold text."""
    return [field.name for field in fields(kind) if field.type is str]


def misfit(table: pd.DataFrame, kind: type[Any]) -> str:
    """What does not fit the kind of row, in words; empty if all does. Further columns are nobody's business."""
    for field in fields(kind):
        if field.name not in table:
            return f"has no column {field.name!r}"
        wanted = get_args(field.type) or (field.type,)
        endless = field.name.startswith(_MAY_BE_ENDLESS)
        if str not in wanted and (found := _wrong(table[field.name], wanted, endless=endless)):
            return found
    return ""


def _wrong(column: pd.Series, wanted: tuple[Any, ...], *, endless: bool) -> str:
    """What is wrong with a column of numbers, or of yes and no. endless: whether one may be infinite, but not -inf."""
    if bool in wanted:
        return "" if column.dtype == bool or column.empty else _said(column, ~column.isin([True, False]), "yes or no")
    if not pd.api.types.is_numeric_dtype(column):
        numbers = pd.to_numeric(column, errors="coerce")
        if column.dropna().empty:
            return ""
        return _said(column, numbers.isna() & column.notna(), "a number")
    if type(None) not in wanted and int in wanted and column.isna().any():
        return _said(column, column.isna(), "a number")
    if pd.api.types.is_integer_dtype(column):
        return ""
    values = column.to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isneginf(values) if endless else np.isinf(values)
    if infinite.any():
        return _said(column, pd.Series(infinite, column.index), "a finite number")
    if int in wanted:
        broken = ~np.isnan(values) & ((np.abs(values) > _EXACT) | (values != np.floor(values)))
        return _said(column, pd.Series(broken, column.index), "a whole number") if broken.any() else ""
    return ""


def _said(column: pd.Series, where: "pd.Series", wanted: str) -> str:
    place = int(np.argmax(where.to_numpy())) if where.any() else 0
    value = column.iloc[place]
    shown = "nothing" if pd.isna(value) else repr(getattr(value, "item", lambda: value)())
    return f"has {shown} as {column.name} in line {place + 2}, where {wanted} belongs"
