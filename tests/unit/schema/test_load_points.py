from bench.schema.load_points import LoadPoint


def test_planned_columns_identify_a_load_point_without_its_rate() -> None:
    row = {"scenario": "latency", "connections": 16, "message_bytes": 64, "rate_rps": 2e4}
    planned = {name: row[name] for name in LoadPoint.PLANNED_COLUMNS}
    assert LoadPoint.from_row(planned) == LoadPoint.from_row(row).planned
    assert (*LoadPoint.PLANNED_COLUMNS, "rate_rps") == LoadPoint.COLUMNS
