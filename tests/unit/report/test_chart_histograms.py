import pandas as pd
import pytest

from bench.report.charts.catalogue import ChartRequest, chart_histograms, drawn_histograms
from bench.report.charts.sweeps import Sweep
from bench.schema.column_docs import text_columns
from bench.schema.csv_schema import HistogramRow
from bench.store.histograms import one_row_per_slot

BILLIONS = 3_000_000_000  # more than 32 bits


def make_slots(rate_rps: float | None) -> pd.DataFrame:
    """Return the slots of one histogram as a run folder gives them."""
    load = {"block": 0, "arm": "select/tcp", "scenario": "steady", "connections": 16, "message_bytes": 64}
    row = HistogramRow.of_slots(load | {"rate_rps": rate_rps}, "latency", [(0, 9, 2), (10, BILLIONS, 3)])
    table = pd.DataFrame([{name: getattr(row, name) for name in HistogramRow.__dataclass_fields__}])
    return one_row_per_slot(table.astype(dict.fromkeys(text_columns(HistogramRow), str)))


@pytest.mark.parametrize("rate_rps", [None, 12_345.678])
def test_chart_histograms_belong_to_the_same_sweep(rate_rps: float | None) -> None:
    slots = make_slots(rate_rps)
    chosen = Sweep("steady", 64, rate_rps).rows(chart_histograms(slots))
    assert chosen["upper_ns"].tolist() == [9, BILLIONS]
    assert chosen["count"].tolist() == [2, 3]
    other = None if rate_rps else 12_345.678
    assert Sweep("steady", 64, other).rows(chart_histograms(slots)).empty


def test_chart_histograms_take_little_more_than_half_of_the_memory() -> None:
    slots = pd.concat([make_slots(1e4)] * 5_000, ignore_index=True)
    slots = slots.astype(dict.fromkeys(("arm", "model", "transport", "scenario", "quantity"), "category"))
    assert chart_histograms(slots).memory_usage().sum() < 0.6 * slots.memory_usage().sum()


def test_drawn_histograms_are_those_of_charts_that_read_them() -> None:
    slots = pd.concat([make_slots(None).assign(scenario=name) for name in ("capacity", "other")], ignore_index=True)
    requests = [ChartRequest("service", Sweep("capacity", 64, None)), ChartRequest("memory", Sweep("other", 64, None))]
    assert drawn_histograms(slots, requests)["scenario"].unique().tolist() == ["capacity"]
    assert drawn_histograms(slots, requests[1:]).empty
