"""Tables of raw rows, grouped by case or by load point. Pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd

from bench.schema.column_docs import columns_of
from bench.schema.load_points import LoadPoint

Record = dict[Hashable, Any]
Key = TypeVar("Key", bound=Hashable)
_LOAD_COLUMNS = list(LoadPoint.COLUMNS)


@dataclass(frozen=True, slots=True, order=True)
class CaseKey:
    """One arm, by name, at one load point."""

    arm: str
    load_point: LoadPoint

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> "CaseKey":
        """Return the case of a CSV row."""
        return cls(str(row["arm"]), LoadPoint.from_row(row))

    @property
    def planned(self) -> "CaseKey":
        """The case without its rate: the key that is the same in every run of a plan."""
        return CaseKey(self.arm, self.load_point.planned)


def group_by_case(table: pd.DataFrame) -> dict[CaseKey, pd.DataFrame]:
    """Return the rows of each case, in the order in which the cases first appear."""
    groups = table.groupby(["arm", *_LOAD_COLUMNS], dropna=False, sort=False)
    return {CaseKey(str(arm), LoadPoint.of(*load)): rows for (arm, *load), rows in groups}


def group_by_load_point(table: pd.DataFrame) -> dict[LoadPoint, pd.DataFrame]:
    """Return the rows of each load point, by scenario, then fewest connections first."""
    return {LoadPoint.of(*key): rows for key, rows in table.groupby(_LOAD_COLUMNS, dropna=False)}


def records_by_case(table: pd.DataFrame) -> dict[CaseKey, list[Record]]:
    """Return the same groups as ``group_by_case``, with each row as a dict."""
    return _by_key(table.to_dict("records"), CaseKey.from_row)


def records_by_load_point(table: pd.DataFrame) -> dict[LoadPoint, list[Record]]:
    """Return the same groups as ``group_by_load_point``, with each row as a dict."""
    records = _by_key(table.to_dict("records"), LoadPoint.from_row)
    return {point: records[point] for point in group_by_load_point(table[_LOAD_COLUMNS].drop_duplicates())}


def rows_at(table: pd.DataFrame, load_point: LoadPoint) -> pd.DataFrame:
    """Return the rows of one load point."""
    is_here = table["connections"].eq(load_point.connections) & table["message_bytes"].eq(load_point.message_bytes)
    rates = table["rate_rps"]
    is_here &= rates.isna() if load_point.rate_rps is None else rates.eq(load_point.rate_rps)
    for column in ("scenario", "population", "phase"):
        name = getattr(load_point, column)
        is_here &= table[column].eq(name) if name else table[column].isna() | table[column].eq("")
    return table[is_here]


def _by_key(records: Iterable[Record], key_of: Callable[[Record], Key]) -> dict[Key, list[Record]]:
    groups: dict[Key, list[Record]] = {}
    for record in records:
        groups.setdefault(key_of(record), []).append(record)
    return groups


def to_table(rows: Iterable[Any], row_type: type[Any]) -> pd.DataFrame:
    """Return dataclass rows of one type as a table.

    Columns of numbers stay numeric even if every cell is empty.
    """
    specs = columns_of(row_type)
    names = [spec.name for spec in specs]
    table = pd.DataFrame([[getattr(row, name) for name in names] for row in rows], columns=names)
    return table.astype({spec.name: kind for kind in (int, float) for spec in specs if kind in spec.types})


def text(value: object) -> str:
    """Return the text of a cell as pandas reads it: empty for a missing value."""
    return "" if value is None or value != value else str(value)
