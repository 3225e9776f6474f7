import pandas as pd
import pytest

from bench.analysis.cases import (
    group_by_case,
    group_by_load_point,
    records_by_case,
    records_by_load_point,
    rows_at,
)
from bench.schema.load_points import LoadPoint

COLUMNS = ["arm", *LoadPoint.COLUMNS, "value"]


@pytest.fixture
def table() -> pd.DataFrame:
    """Return rows of an open and a closed loop, most connections first, with missing names as pandas reads them."""
    rows = [
        ("select/tcp", "latency", 64, 64, None, None, 1000.5, 1),
        ("select/tcp", "capacity", 16, 64, None, None, None, 2),
        ("asyncio/tcp", "capacity", 1, 64, "", "", None, 3),
        ("select/tcp", "capacity", 1, 64, "", "", None, 4),
        ("select/tcp", "latency", 64, 64, "light", "", 1000.5, 5),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_records_have_the_groups_and_the_order_of_tables(table: pd.DataFrame) -> None:
    by_point = {point: rows["value"].tolist() for point, rows in group_by_load_point(table).items()}
    records = {point: [row["value"] for row in rows] for point, rows in records_by_load_point(table).items()}
    assert list(records.items()) == list(by_point.items())
    by_case = {case: rows["value"].tolist() for case, rows in group_by_case(table).items()}
    assert {case: [row["value"] for row in rows] for case, rows in records_by_case(table).items()} == by_case


def test_rows_at_are_those_of_the_group(table: pd.DataFrame) -> None:
    for load_point, rows in group_by_load_point(table.fillna({"population": "", "phase": ""})).items():
        assert rows_at(table, load_point)["value"].tolist() == rows["value"].tolist()
    assert rows_at(table, LoadPoint("latency", 64, 64)).empty
