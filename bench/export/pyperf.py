"""The JSON of pyperf for times and memory, readable by ``pyperf show`` and ``pyperf compare_to``. Pure.

Format: https://pyperf.readthedocs.io/en/latest/api.html#pyperf-json-format, JSON version 1.0; read in pyperf 2.10.0
(pyperf/_bench.py and pyperf/_metadata.py), tested with 2.11.0. A benchmark is a metric of a case, and a block, which
starts the server again, is a run with one value. The rounds inside a block are not independent, so as values of their
own they would make the t-test of ``compare_to`` too sure. pyperf takes means where holabench takes medians, so both
print other figures.
"""

import math
from collections.abc import Sequence

from bench.export.export import Export, RunFacts, rounded, to_json
from bench.export.figures import BlockValue, ExportFigure, left_out_lines
from clients.quality_codes import SUSPECT

JSON_VERSION = "1.0"
_UNITS = {"us": ("second", 1e-6), "s": ("second", 1.0), "MB": ("byte", 1e6)}  # pyperf's unit, and the factor to it
_UNIT_PARTS = {"us", "s", "mb"}  # of the name of a metric


def to_pyperf(figures: Sequence[ExportFigure], facts: RunFacts) -> Export:
    """Return the values of all blocks.

    Rates are left out: pyperf has no unit for them, and takes a smaller value for the better one.
    """
    costs = [figure for figure in figures if figure.metric.unit in _UNITS]
    exported = [figure for figure in costs if not figure.left_out]
    left_out = [*left_out_lines(costs), *(line for figure in exported for line in _blocks_left_out(figure))]
    benchmarks = [_benchmark(figure, values) for figure in exported if (values := _usable(figure))]
    if rates := {figure.metric.name: None for figure in figures if figure.metric.unit not in _UNITS}:
        left_out.append(f"{', '.join(rates)} (pyperf has units for times and memory only)")
    metadata = _suite_metadata(facts, left_out)
    document = {"version": JSON_VERSION, "metadata": metadata, "benchmarks": benchmarks}
    return Export({"": to_json(document)}, len(benchmarks), tuple(f"left out: {line}" for line in left_out))


def benchmark_name(figure: ExportFigure) -> str:
    """Return the name of a benchmark. It has no unit, as pyperf converts the values to seconds and bytes."""
    metric = "_".join(part for part in figure.metric.name.split("_") if part not in _UNIT_PARTS)
    return f"{figure.case_name}: {metric}"


def _usable(figure: ExportFigure) -> list[BlockValue]:
    return [value for value in figure.block_values if not _problem(value)]


def _blocks_left_out(figure: ExportFigure) -> list[str]:
    return [
        f"{figure.case_name}: {figure.metric.name} in block {value.block} ({problem})"
        for value in figure.block_values
        if (problem := _problem(value))
    ]


def _problem(value: BlockValue) -> str:
    """Return why the value of a block is not exported; empty if it is. pyperf refuses values that are not above 0."""
    if value.left_out:
        return value.left_out
    if math.isinf(value.value):
        return "infinite"
    return "" if value.value > 0 else "zero, which pyperf refuses"


def _benchmark(figure: ExportFigure, values: Sequence[BlockValue]) -> dict[str, object]:
    unit, factor = _UNITS[figure.metric.unit]
    metadata: dict[str, object] = {
        "name": benchmark_name(figure),
        "unit": unit,
        "holabench_verdict": figure.verdict,
        "holabench_metric": figure.metric.name,
    }
    if figure.verdict == SUSPECT:
        metadata["holabench_codes"] = figure.codes
    if figure.findings:
        metadata["holabench_findings"] = figure.findings
    if figure.python:
        metadata["holabench_server_python"] = figure.python
    if not math.isnan(figure.rate_rps):
        metadata["holabench_rate_rps"] = rounded(figure.rate_rps)
    return {"metadata": metadata, "runs": [_run(value, factor) for value in values]}


def _run(value: BlockValue, factor: float) -> dict[str, object]:
    metadata: dict[str, object] = {"holabench_block": value.block}
    if not math.isnan(value.load_s):
        metadata["duration"] = rounded(value.load_s)  # else pyperf adds the values up
    return {"metadata": metadata, "values": [rounded(value.value * factor)]}


def _suite_metadata(facts: RunFacts, left_out: Sequence[str]) -> dict[str, object]:
    """Return what all benchmarks have in common. pyperf allows neither empty texts nor line feeds in them."""
    started_at = facts.started_at.isoformat(" ", "seconds") if facts.started_at else ""
    metadata: dict[str, object] = {
        "holabench_version": facts.holabench_version,
        "date": started_at,
        "cpu_model_name": facts.cpu_model,
        "cpu_count": facts.cpus,
        "platform": f"Linux-{facts.kernel}" if facts.kernel else "",
        "holabench_left_out": "; ".join(left_out),
    }
    return {name: value for name, value in metadata.items() if value}
