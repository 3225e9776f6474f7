import numpy as np
import pandas as pd

from bench.schema.column_docs import columns_of
from bench.schema.csv_schema import SliceRow, SummaryRow, TrialRow
from bench.schema.load_points import LoadPoint
from bench.store.column_types import complete_columns, schema_error
from tests.support import synthetic


def test_file_without_a_new_column_is_read_with_empty_cells() -> None:
    trials = synthetic.read_back([synthetic.make_trial(0, "select/tcp", 16, "capacity")], TrialRow)
    older = trials.drop(columns="findings")
    assert schema_error(older, TrialRow) == "has no column 'findings'"
    completed = complete_columns(older, TrialRow)
    assert list(completed["findings"]) == [""]
    assert schema_error(completed, TrialRow) == ""


def test_column_with_a_former_name_is_read_under_its_new_name() -> None:
    row = synthetic.make_slice(0, 0, "select/tcp", 16, "capacity", 1e4, np.random.default_rng(1))
    slices = synthetic.read_back([row], SliceRow).assign(given_up=7)
    older = slices.rename(columns={"given_up": "lost"})
    completed = complete_columns(older, SliceRow)
    assert list(completed["given_up"]) == [7]
    assert "lost" not in completed


def test_complete_table_stays_as_it_is() -> None:
    columns = [spec.name for spec in columns_of(SummaryRow) if spec.column.is_new]
    table = pd.DataFrame(columns=["arm", *columns])
    assert list(complete_columns(table, SummaryRow).columns) == ["arm", *columns]


def test_older_table_has_one_population_and_one_phase() -> None:
    row = synthetic.make_slice(0, 0, "select/tcp", 16, "capacity", 1e4, np.random.default_rng(1))
    older = synthetic.read_back([row], SliceRow).drop(columns=["population", "phase", "load_answered"])
    completed = complete_columns(older, SliceRow)
    assert LoadPoint.from_row(completed.iloc[0].to_dict()) == LoadPoint("capacity", 16, 64)
    assert schema_error(completed, SliceRow) == ""
