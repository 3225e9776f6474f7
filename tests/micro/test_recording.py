"""Record latencies, read percentiles, and append a block's rows."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from bench.store.run_folder import RunFolder
from clients.engine.histogram_slots import SLOTS, slot_of
from clients.engine.jit import jit
from clients.histogram import coarse, quantile_ns
from tests.unit.store.test_run_folder import PLAN, rows

_VALUES = np.random.default_rng(1).lognormal(11, 1, 10_000).astype(np.int64)


@jit
def record_all(values: Any, counts: Any) -> None:
    for value in values:
        counts[slot_of(value)] += 1


def test_record_10000_latencies(benchmark: BenchmarkFixture) -> None:
    counts = np.zeros(SLOTS, np.int64)
    record_all(_VALUES, counts)  # compile before the clock starts
    benchmark(record_all, _VALUES, counts)
    assert counts.sum() % len(_VALUES) == 0


def test_read_percentile(benchmark: BenchmarkFixture) -> None:
    counts = np.zeros(SLOTS, np.int64)
    record_all(_VALUES, counts)
    assert benchmark(quantile_ns, counts, 0.99) > 0


def test_make_coarse_histogram(benchmark: BenchmarkFixture) -> None:
    counts = np.zeros(SLOTS, np.int64)
    record_all(_VALUES, counts)
    assert sum(count for _, _, count in benchmark(coarse, counts)) == len(_VALUES)


def test_append_block_rows(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, PLAN, {})
    rows_of_block = rows(0)
    block = replace(
        rows_of_block,
        slices=list(rows_of_block.slices) * 300,
        histograms=list(rows_of_block.histograms) * 5_000,
        resources=list(rows_of_block.resources) * 600,
    )
    benchmark(folder.append, block)
    assert (folder.path / "slices.csv").stat().st_size > 0
