import io
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from bench.export.csv_long import LongRow, to_csv_long
from bench.export.export import RunFacts
from bench.schema.column_docs import column_names
from bench.store.csv_rows import csv_header
from tests.support import synthetic
from tests.unit.analysis.test_search_results import make_trials
from tests.unit.export import builders
from tests.unit.export.builders import SELECT, find, make_figures


def parse(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text), keep_default_na=True)


def test_file_has_one_row_for_each_block_case_and_metric() -> None:
    table = parse(to_csv_long(make_figures(), RunFacts()).files[""])
    assert list(table.columns) == column_names(LongRow)
    keys = ["block", "arm", "scenario", "connections", "message_bytes", "population", "phase", "metric"]
    assert not table.duplicated(keys).any()
    assert len(table.query("arm == 'select/tcp' and metric == 'throughput_rps'")) == 8


def test_median_of_the_values_is_the_figure() -> None:
    figures = make_figures()
    table = parse(to_csv_long(figures, RunFacts()).files[""])
    values = table.query("arm == 'select/tcp' and metric == 'throughput_rps'")["value"]
    assert values.median() == pytest.approx(find(figures, SELECT, "throughput_rps").median)


def test_values_of_an_invalid_figure_are_empty_and_marked() -> None:
    exported = to_csv_long(make_figures(select_codes=builders.INVALID_CODES), RunFacts())
    of_select = parse(exported.files[""]).query("arm == 'select/tcp' and metric == 'throughput_rps'")
    assert of_select["value"].isna().all()
    assert set(of_select["verdict"]) == {"invalid"}
    assert set(of_select["codes"]) == {"CORRUPT_REPLIES=9"}
    assert any(note.startswith(f"empty: {SELECT}: throughput_rps") for note in exported.notes)


def test_value_of_an_invalid_block_is_empty() -> None:
    exported = to_csv_long(builders.make_run_with_one_bad_block("LATE_SENDS@p99=50%"), RunFacts())
    tails = parse(exported.files[""]).query("arm == 'select/tcp' and metric == 'service_p99_us'")
    assert list(tails["value"].isna()) == [False] * 3 + [True] + [False] * 4
    assert list(tails["block_verdict"])[3] == "invalid"
    assert any(note.startswith(f"empty: {SELECT}: service_p99_us in block 3") for note in exported.notes)


def test_invalid_figure_has_no_value_in_any_block() -> None:
    exported = to_csv_long(builders.make_run_with_one_bad_block(builders.INVALID_CODES), RunFacts())
    rates = parse(exported.files[""]).query("arm == 'select/tcp' and metric == 'throughput_rps'")
    assert set(rates["block_verdict"]) == {"valid", "invalid"}
    assert rates["value"].isna().all()


def test_infinite_value_is_written_as_inf() -> None:
    table = parse(to_csv_long(builders.make_run_with_infinite_tail(), RunFacts()).files[""])
    tails = table.query("arm == 'select/tcp' and metric == 'service_p99_us'")["value"]
    assert set(tails) == {float("inf")}


def test_case_that_was_not_measured_is_listed() -> None:
    exported = to_csv_long(make_figures(), RunFacts())
    assert any(note.startswith("left out: iterative/tcp, capacity, 16 connections") for note in exported.notes)


def test_search_is_a_row_without_a_block() -> None:
    searches = pd.DataFrame([asdict(trial) for trial in (*make_trials(0, 3, 0), *make_trials(1, 0, 3))])
    rows = synthetic.make_run({}, blocks=1)
    table = parse(to_csv_long(builders.figures_of(rows.trials, rows.slices, searches), RunFacts()).files[""])
    assert table["block"].isna().all()
    assert table["value"].tolist() == [99.0]


def test_page_shows_the_header() -> None:
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text()
    assert csv_header(LongRow) in page
