"""Bencher Metric Format (BMF): benchmark, measure, and a value with its bounds. Pure.

Format: https://bencher.dev/docs/reference/bencher-metric-format, JSON schema https://bencher.dev/bmf.json (draft-07,
without a version number; read in November 2026). A benchmark is a case, a measure is a metric, and a new measure is
created under its name. The names of metrics end in their unit, since the format has no field for it. It has no field
for doubts either, so suspect values are listed in the notes.
"""

import math
from collections.abc import Sequence

from bench.export.export import Export, RunFacts, rounded, to_json
from bench.export.figures import ExportFigure, split_medians
from clients.quality_codes import SUSPECT

MAX_BENCHMARK_NAME = 1024  # characters
MAX_MEASURE_NAME = 64  # characters


def to_bmf(figures: Sequence[ExportFigure], _facts: RunFacts) -> Export:
    """Return the medians of a run, with their 95% intervals as lower and upper value."""
    exported, left_out = split_medians(figures)
    benchmarks: dict[str, dict[str, dict[str, float]]] = {}
    for figure in exported:
        benchmarks.setdefault(figure.case_name, {})[figure.metric.name] = _metric(figure)
    suspect = [
        f"suspect: {figure.case_name}: {figure.metric.name} ({figure.codes})"
        for figure in exported
        if figure.verdict == SUSPECT
    ]
    return Export({"": to_json(benchmarks)}, len(exported), (*left_out, *suspect))


def _metric(figure: ExportFigure) -> dict[str, float]:
    metric = {"value": rounded(figure.median)}
    if figure.has_interval:
        bounds = {"lower_value": figure.low, "upper_value": figure.high}
        metric |= {name: rounded(bound) for name, bound in bounds.items() if math.isfinite(bound)}
    return metric
