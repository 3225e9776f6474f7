"""The JSON of benchmark-action/github-action-benchmark for custom benchmarks: one file for each direction. Pure.

Format: https://github.com/benchmark-action/github-action-benchmark#examples, version 1.22.0; the fields are those of
``BenchmarkResult`` in its src/extract.ts: name, value, unit, and optionally range and extra, both texts. The tools
``customBiggerIsBetter`` and ``customSmallerIsBetter`` set the direction of all entries of a file. The action refuses a
file without entries.
"""

import math
from collections.abc import Sequence

from bench.export.export import Export, RunFacts, rounded, to_json
from bench.export.figures import ExportFigure, split_medians
from bench.formatting import plural
from clients.quality_codes import VALID

BIGGER_IS_BETTER, SMALLER_IS_BETTER = "customBiggerIsBetter.json", "customSmallerIsBetter.json"


def to_github_action(figures: Sequence[ExportFigure], _facts: RunFacts) -> Export:
    """Return the medians of a run in two files, with intervals as range, and doubts in extra."""
    exported, left_out = split_medians(figures)
    entries: dict[str, list[dict[str, str | float]]] = {BIGGER_IS_BETTER: [], SMALLER_IS_BETTER: []}
    for figure in exported:
        entries[BIGGER_IS_BETTER if figure.metric.more_is_better else SMALLER_IS_BETTER].append(_entry(figure))
    empty = [
        f"{name} has no entries, and the action refuses such a file; remove its step"
        for name, of_file in entries.items()
        if not of_file
    ]
    texts = {name: to_json(of_file) for name, of_file in entries.items()}
    return Export(texts, len(exported), (*left_out, *empty))


def _entry(figure: ExportFigure) -> dict[str, str | float]:
    entry: dict[str, str | float] = {
        "name": f"{figure.case_name}: {figure.metric.name}",
        "unit": figure.metric.unit,
        "value": rounded(figure.median),
    }
    if figure.has_interval:
        # Without a sign: the action takes "± NUMBER" for a half-width, and an interval of a median is not symmetric.
        entry["range"] = f"95% interval {_bounds(figure)}"
    return entry | {"extra": "\n".join(_extra(figure))}


def _extra(figure: ExportFigure) -> list[str]:
    """Return the lines of the tooltip."""
    verdict = figure.verdict or VALID
    lines = [f"verdict: {verdict}{f' ({figure.codes})' if figure.codes else ''}"]
    if figure.findings:
        lines.append(f"findings: {figure.findings}")
    if figure.is_search:
        lines.append(f"bounds of the search: {_bounds(figure)}")
    else:
        lines.append(plural(figure.blocks, "block"))
    if not math.isnan(figure.rate_rps):
        lines.append(f"rate: {figure.rate_rps:.6g} requests/s")
    return lines


def _bounds(figure: ExportFigure) -> str:
    """Return both ends of an interval with their unit; an upper end that is not known is infinite."""
    low, high = ("unknown" if math.isnan(end) else f"{end:.6g}" for end in (figure.low, figure.high))
    return f"{low} to {high} {figure.metric.unit}"
