"""The format is read by pyperf itself."""

import math
from datetime import UTC, datetime

import pyperf
import pytest

from bench.export.export import RunFacts
from bench.export.pyperf import to_pyperf
from tests.unit.export import builders
from tests.unit.export.builders import ASYNCIO, SELECT, find, make_figures

STARTED_AT = datetime(2026, 11, 22, 7, 31, tzinfo=UTC)


def load(text: str) -> dict[str, pyperf.Benchmark]:
    """Return the benchmarks by name. pyperf refuses what does not have its format."""
    return {benchmark.get_name(): benchmark for benchmark in pyperf.BenchmarkSuite.loads(text).get_benchmarks()}


def test_block_is_a_run_with_one_value_in_seconds() -> None:
    figures = make_figures()
    benchmark = load(to_pyperf(figures, RunFacts()).files[""])[f"{SELECT}: service_p50"]
    figure = find(figures, SELECT, "service_p50_us")
    assert benchmark.get_unit() == "second"
    assert [run.values for run in benchmark.get_runs()] == [
        pytest.approx((1e-6 * value.value,)) for value in figure.block_values
    ]
    assert benchmark.median() == pytest.approx(1e-6 * figure.median)


def test_memory_is_in_bytes() -> None:
    figures = make_figures()
    benchmark = load(to_pyperf(figures, RunFacts()).files[""])[f"{SELECT}: memory"]
    assert benchmark.get_unit() == "byte"
    assert benchmark.median() == pytest.approx(1e6 * find(figures, SELECT, "memory_mb").median)


def test_rates_are_left_out_and_listed() -> None:
    exported = to_pyperf(make_figures(), RunFacts())
    assert not any("throughput" in name for name in load(exported.files[""]))
    assert "left out: throughput_rps (pyperf has units for times and memory only)" in exported.notes


def test_invalid_figures_are_listed_in_the_metadata() -> None:
    exported = to_pyperf(make_figures(select_codes=builders.INVALID_CODES), RunFacts())
    benchmarks = load(exported.files[""])
    assert not any(name.startswith(SELECT) for name in benchmarks)
    left_out = benchmarks[f"{ASYNCIO}: memory"].get_metadata()["holabench_left_out"]
    assert f"{SELECT}: service_p50_us" in left_out
    assert "(invalid: CORRUPT_REPLIES=9)" in left_out


def test_suspect_figure_is_marked() -> None:
    benchmarks = load(to_pyperf(make_figures(select_codes=builders.SUSPECT_CODES), RunFacts()).files[""])
    metadata = benchmarks[f"{SELECT}: service_p50"].get_metadata()
    assert (metadata["holabench_verdict"], metadata["holabench_codes"]) == ("suspect", "RUN_DELAY=2.1%")
    assert benchmarks[f"{ASYNCIO}: service_p50"].get_metadata()["holabench_verdict"] == "valid"


def test_invalid_block_is_left_out_of_the_mean() -> None:
    exported = to_pyperf(builders.make_run_with_one_bad_block("LATE_SENDS@p99=50%"), RunFacts())
    benchmark = load(exported.files[""]).get(f"{SELECT}: service_p99")
    assert benchmark is not None
    assert [run.get_metadata()["holabench_block"] for run in benchmark.get_runs()] == [0, 1, 2, 4, 5, 6, 7]
    assert any("service_p99_us in block 3 (invalid: LATE_SENDS@p99=50" in note for note in exported.notes)


def test_block_that_pyperf_would_refuse_is_left_out() -> None:
    exported = to_pyperf(builders.make_run_with_tails(50.0, math.inf, 60.0, 0.0, 70.0), RunFacts())
    benchmark = load(exported.files[""])[f"{SELECT}: service_p99"]
    assert [run.get_metadata()["holabench_block"] for run in benchmark.get_runs()] == [0, 2, 4]
    name = f"left out: {SELECT}: service_p99_us"
    assert f"{name} in block 1 (infinite)" in exported.notes
    assert f"{name} in block 3 (zero, which pyperf refuses)" in exported.notes


def test_facts_of_the_run_are_metadata() -> None:
    environment = {"holabench": {"version": "1.2"}, "machine": {"cpu_model": "Z80", "cpus": 2, "kernel": "6.1"}}
    exported = to_pyperf(make_figures(), RunFacts.of(environment, STARTED_AT))
    benchmark = load(exported.files[""])[f"{ASYNCIO}: memory"]
    expected = {"holabench_version": "1.2", "cpu_model_name": "Z80", "cpu_count": 2, "platform": "Linux-6.1"}
    assert benchmark.get_metadata().items() >= expected.items()
    assert benchmark.get_dates()[0] == STARTED_AT


def test_unknown_facts_are_left_out() -> None:
    facts = RunFacts.of({"machine": "none", "holabench": {}}, None)
    metadata = load(to_pyperf(make_figures(), facts).files[""])[f"{ASYNCIO}: memory"].get_metadata()
    assert not {"holabench_version", "cpu_model_name", "cpu_count", "platform", "date"} & set(metadata)
