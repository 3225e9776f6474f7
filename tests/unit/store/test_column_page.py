import re

import pytest

from bench.schema.column_docs import columns_of, text_columns
from bench.schema.csv_schema import MaxRateRow, SliceRow, TrialRow
from bench.store.column_page import csv_columns_markdown
from bench.store.file_names import TABLES

PAGE = csv_columns_markdown()


@pytest.mark.parametrize("name", TABLES)
def test_page_explains_every_column_of_a_table(name: str) -> None:
    section = PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert documented == [spec.name for spec in columns_of(TABLES[name])]


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_meaning_in_one_line(name: str) -> None:
    for spec in columns_of(TABLES[name]):
        assert spec.column.meaning.rstrip("`").endswith((".", "rps")), spec.name
        assert "\n" not in spec.column.meaning + spec.column.how


def test_links_inside_the_page_lead_to_headings() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\(#([^)]+)\)", PAGE)) <= anchors


def test_unit_of_a_time_or_rate_is_that_of_its_name() -> None:
    units = {"_us": "us", "_rps": "requests/s", "_mb": "MB", "_share": "share", "_s": "s"}
    for row_type in set(TABLES.values()):
        for spec in columns_of(row_type):
            suffix = next((end for end in units if spec.name.endswith(end) and not spec.name.endswith("_per_s")), None)
            assert suffix is None or spec.column.unit == units[suffix], (row_type, spec.name)


def test_column_types_follow_from_the_annotations() -> None:
    specs = {spec.name: spec for spec in columns_of(MaxRateRow)}
    assert specs["passed"].type_name == "yes/no"
    assert specs["step"].type_name == "integer"
    assert specs["step"].is_optional
    assert not specs["objective_p99_us"].is_optional
    assert {"errors", "limited_by"} <= set(text_columns(TrialRow))


def test_arm_columns_follow_from_the_arm_name() -> None:
    assert [spec.name for spec in columns_of(SliceRow)][3:6] == ["arm", "model", "transport"]
