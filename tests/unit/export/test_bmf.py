import json
from typing import Any

import pytest

from bench.export.bmf import MAX_BENCHMARK_NAME, MAX_MEASURE_NAME, to_bmf
from bench.export.export import RunFacts
from bench.schema.metrics import METRICS
from tests.unit.export import builders
from tests.unit.export.builders import ASYNCIO, SELECT, find, make_figures

FIELDS = {"value", "lower_value", "upper_value"}  # of https://bencher.dev/bmf.json


def parse(text: str) -> dict[str, dict[str, dict[str, float]]]:
    """Return a document after the checks of its JSON schema. NaN and infinity are not JSON."""
    document: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    for benchmark, measures in document.items():
        assert 0 < len(benchmark) <= MAX_BENCHMARK_NAME
        for metric in measures.values():
            assert "value" in metric
            assert set(metric) <= FIELDS
            assert all(isinstance(number, float | int) for number in metric.values())
    return document


def test_document_has_the_medians_with_their_intervals() -> None:
    figures = make_figures()
    document = parse(to_bmf(figures, RunFacts()).files[""])
    figure = find(figures, SELECT, "throughput_rps")
    assert document[SELECT]["throughput_rps"] == pytest.approx(
        {"value": figure.median, "lower_value": figure.low, "upper_value": figure.high}
    )
    assert figure.low < figure.median < figure.high


def test_metric_without_interval_has_neither_lower_nor_upper_value() -> None:
    document = parse(to_bmf(make_figures(blocks=3), RunFacts()).files[""])
    assert set(document[ASYNCIO]["throughput_rps"]) == {"value"}


def test_invalid_figures_are_listed_but_not_exported() -> None:
    exported = to_bmf(make_figures(select_codes=builders.INVALID_CODES), RunFacts())
    document = parse(exported.files[""])
    assert SELECT not in document
    assert ASYNCIO in document
    (note,) = (note for note in exported.notes if note.startswith(f"left out: {SELECT}: throughput_rps"))
    assert note.endswith("(invalid: CORRUPT_REPLIES=9)")


def test_suspect_figures_are_exported_and_listed() -> None:
    exported = to_bmf(make_figures(select_codes=builders.SUSPECT_CODES), RunFacts())
    assert "throughput_rps" in parse(exported.files[""])[SELECT]
    assert f"suspect: {SELECT}: throughput_rps (RUN_DELAY=2.1%)" in exported.notes


def test_infinite_percentile_is_left_out() -> None:
    document = parse(to_bmf(builders.make_run_with_infinite_tail(), RunFacts()).files[""])
    assert "service_p99_us" not in document[SELECT]
    assert "service_p99_us" in document[ASYNCIO]


def test_names_of_metrics_are_short_enough_for_measures() -> None:
    assert all(len(name) <= MAX_MEASURE_NAME for name in METRICS)


def test_number_of_values_is_that_of_the_document() -> None:
    exported = to_bmf(make_figures(), RunFacts())
    assert exported.values == sum(len(measures) for measures in parse(exported.files[""]).values())
