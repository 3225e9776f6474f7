import math

import pytest

from bench.schema.load_points import LoadPoint

ROW = {"scenario": "mixed", "connections": 16, "message_bytes": 64, "rate_rps": 2e4, "population": "heavy", "phase": ""}


def test_planned_columns_identify_a_load_point_without_its_rate() -> None:
    planned = {name: ROW[name] for name in LoadPoint.PLANNED_COLUMNS}
    assert LoadPoint.from_row(planned) == LoadPoint.from_row(ROW).planned
    assert (*LoadPoint.PLANNED_COLUMNS, "rate_rps") == LoadPoint.COLUMNS


@pytest.mark.parametrize("missing", [None, math.nan, ""])
def test_missing_population_and_phase_equal_the_only_ones(missing: object) -> None:
    row = {"scenario": "capacity", "connections": 16, "message_bytes": 64, "population": missing, "phase": missing}
    assert LoadPoint.from_row(row) == LoadPoint("capacity", 16, 64)
    assert LoadPoint.from_row({"scenario": "capacity", "connections": 16, "message_bytes": 64}).part == ""


def test_populations_of_a_load_are_different_load_points() -> None:
    light, heavy = (LoadPoint("mixed", 16, 64, population=name) for name in ("light", "heavy"))
    assert light != heavy
    assert light.whole == heavy.whole == LoadPoint("mixed", 16, 64)


def test_load_point_names_population_and_phase() -> None:
    point = LoadPoint("recovery", 16, 64, "clients", "overload", 2e4)
    assert str(point) == "recovery, 16 connections, 64 bytes, clients during overload, 20.0k requests/s"
