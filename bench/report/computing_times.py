"""The time that a unit of computing took on the machine of a run, beside each trial. Pure.

A plan asks for units of about 1 us. A report prints the time that they take, where the run measured it.
"""

import math

import pandas as pd

from bench.analysis.cases import text
from bench.analysis.predictions.units import ComputeUnits

UNIT_COLUMN = "unit_us"


def with_unit_times(trials: pd.DataFrame, units: ComputeUnits) -> pd.DataFrame:
    """Return the trials with a column ``unit_us``: microseconds of a unit by their interpreter, nan if unknown.

    units: as measured at the start of the run, without load.
    """
    kinds = trials["compute_kind"].map(text)
    times_s = [
        units.unit_s(text(python), kind) if kind else None for python, kind in zip(trials["python"], kinds, strict=True)
    ]
    return trials.assign(**{UNIT_COLUMN: [math.nan if each is None else 1e6 * each for each in times_s]})


def unit_us(trials: pd.DataFrame) -> float | None:
    """Return the time of a unit in these trials; None if it is unknown or differs between interpreters."""
    if UNIT_COLUMN not in trials:
        return None
    times = trials.loc[trials["python"].map(text) != "", UNIT_COLUMN]  # a skipped trial has no interpreter
    return float(times.iloc[0]) if times.nunique(dropna=False) == 1 and times.notna().all() else None
