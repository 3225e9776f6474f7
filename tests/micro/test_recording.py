"""Recording a latency, reading percentiles, and appending a block's rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from bench.schema.csv_schema import HistogramRow
from clients.engine.histogram_slots import SLOTS, slot_of
from clients.engine.jit import jit
from clients.histogram import coarse, quantile_ns
from tests.unit.store.builders import make_block, make_folder

_VALUES = np.random.default_rng(1).lognormal(11, 1, 10_000).astype(np.int64)


@jit
def record_all(values: Any, counts: Any) -> None:
    for value in values:
        counts[slot_of(value)] += 1


def test_record_ten_thousand_latencies(benchmark: BenchmarkFixture) -> None:
    counts = np.zeros(SLOTS, np.int64)
    record_all(_VALUES, counts)  # compiled before it is timed
    benchmark(record_all, _VALUES, counts)
    assert counts.sum() % len(_VALUES) == 0


def test_read_a_percentile(benchmark: BenchmarkFixture) -> None:
    counts = np.zeros(SLOTS, np.int64)
    record_all(_VALUES, counts)
    assert benchmark(quantile_ns, counts, 0.99) > 0


def test_make_a_histogram_coarse(benchmark: BenchmarkFixture) -> None:
    counts = np.zeros(SLOTS, np.int64)
    record_all(_VALUES, counts)
    assert sum(count for _, _, count in benchmark(coarse, counts)) == len(_VALUES)


def test_append_the_rows_of_a_block(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    one = make_block(0)
    load = {"block": 0, "arm": "select/tcp", "scenario": "capacity", "connections": 16, "message_bytes": 64}
    slots = [(lower, lower + 63, lower % 97) for lower in range(8192, 8192 + 64 * 350, 64)]
    block = replace(
        one,
        slices=list(one.slices) * 300,
        histograms=[HistogramRow.of_slots(load | {"rate_rps": None}, "service", slots)] * 100,
        resources=list(one.resources) * 600,
    )
    with make_folder(tmp_path) as folder:
        benchmark(folder.append, block)
        assert (folder.path / "slices.csv.gz").stat().st_size > 0
