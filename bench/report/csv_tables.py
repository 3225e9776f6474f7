"""The rows of a page about several runs as CSV, with the digits that the page leaves out. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pandas as pd

from bench.compare.level_shifts import LevelShift
from bench.compare.run_comparison import RunComparison
from bench.compare.series import Series
from bench.schema.metrics import METRICS
from bench.store.csv_rows import escape_formula

_DIGITS = "%.9g"  # exceeds the precision of every measurement


def change_csv(comparison: RunComparison) -> str:
    """Return a row for each arm, load point and metric: the names of both runs, and the columns of ``--json``."""
    before, after = comparison.names
    runs = {"run_before": before, "run_after": after}
    return _as_csv(runs | asdict(change) for change in comparison.changes)


def series_csv(selected: Sequence[Series], shifts: Sequence[LevelShift]) -> str:
    """Return a row for each arm, load point and run.

    level_ratio: of the new level to the level before, in the first run of a new level. with_machine: whether the
    baseline has a new level in that run, too.
    """
    shift_of = {(shift.series.arm, shift.series.load_point, shift.point.position): shift for shift in shifts}
    rows = []
    for series in selected:
        for point in series.points:
            shift = shift_of.get((series.arm, series.load_point, point.position))
            rows.append(
                {
                    "run": point.run,
                    "arm": series.arm,
                    **series.load_point.planned_cells,
                    "metric": series.metric,
                    "unit": METRICS[series.metric].unit,
                    **{name: getattr(point, name) for name in ("median", "low", "high", "verdict")},
                    "level_ratio": shift.ratio if shift else math.nan,
                    "with_machine": shift.with_machine if shift else None,
                }
            )
    return _as_csv(rows)


def _as_csv(rows: Iterable[dict[str, object]]) -> str:
    table = pd.DataFrame(rows).map(escape_formula)
    return str(table.to_csv(index=False, lineterminator="\n", float_format=_DIGITS))
