"""One value per block: of a metric of one case, or of the ratio of two arms. Pure.

The tables have the columns of ``bench.schema.csv_schema``, as pandas reads them from CSV.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.analysis.cases import CaseKey
from bench.schema.csv_schema import DISTURBED
from bench.schema.load_points import LoadPoint

METRICS_FROM_SLICES = ["throughput_rps", "sessions_per_s", "service_p50_us", "latency_p50_us", "cpu_us_per_request"]
METRICS_FROM_TRIALS = [
    "service_p90_us",
    "service_p99_us",
    "service_p99_9_us",
    "service_max_us",
    "latency_p90_us",
    "latency_p99_us",
    "latency_p99_9_us",
    "latency_max_us",
    "connect_p50_us",
    "connect_p99_us",
    "recovery_s",
    "rss_mb",
    "memory_mb",
]
BlockValues = Mapping[str, Mapping[int, float]]  # of one case: by metric, then by block


def valid_slices(slices: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the slices that count, with two more columns.

    The columns are ``cpu_us_per_request`` and ``scenario_kind``.

    Slices of disturbed rounds do not count, nor do those of trials that failed. An interrupted run may contain slices
    of an unfinished block: no trial belongs to them, so they do not count either.
    """
    if slices.empty or trials.empty:
        return pd.DataFrame(columns=[*slices.columns, "scenario_kind", *METRICS_FROM_SLICES])
    keys = ["block", "arm", *LoadPoint.COLUMNS]
    finished = trials.loc[trials["status"] == "ok", [*keys, "scenario_kind"]].drop_duplicates()
    valid = slices[slices["codes"] != DISTURBED].merge(finished, on=keys)
    answered = valid["answered"].astype(float)
    if "load_answered" in valid:  # the server's CPU time was spent on all populations
        answered = valid["load_answered"].astype(float).fillna(answered)
    return valid.assign(cpu_us_per_request=valid["server_cpu_us"] / answered.where(answered > 0))


def block_values(trials: pd.DataFrame, slices: pd.DataFrame) -> dict[CaseKey, BlockValues]:
    """Return the values of each case that was measured, in the order of its blocks. A missing value is left out.

    trials: all rows of the run, or those of some cases. slices: as ``valid_slices`` returns them.

    A value is the median over the block's rounds. Metrics that slices do not have come from the block's trial.
    """
    values: dict[CaseKey, dict[str, dict[int, float]]] = {}
    finished = trials[trials["status"] == "ok"]
    for rows, metrics in ((finished, METRICS_FROM_TRIALS), (slices, METRICS_FROM_SLICES)):
        for row in _medians(rows, [metric for metric in metrics if metric in rows]):
            of_case = values.setdefault(CaseKey.from_row(row), {})
            for metric in metrics:
                if not math.isnan(row.get(metric, math.nan)):
                    of_case.setdefault(metric, {})[int(row["block"])] = float(row[metric])
    return dict(values)


def _medians(rows: pd.DataFrame, metrics: list[str]) -> list[dict[Hashable, Any]]:
    """Return a row with the medians of each case and block, in the order of the blocks."""
    if rows.empty:
        return []
    medians = rows.groupby(["block", "arm", *LoadPoint.COLUMNS], dropna=False)[metrics].median()
    return medians.reset_index().to_dict("records")


def block_log_ratios(rounds: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[float]]:
    """Return one log ratio per block for each pair: the median over its rounds.

    rounds: one metric; a row for each round, indexed by block and round, and a column for each arm. A round counts
    only if both arms have a value in it. A block without such a round has no value.

    Zero served requests make an infinite log ratio, which a median can bear. Two cases have no defined value and
    count as equal: a round in which both values are 0 (or both infinite), and a block whose median lies between
    infinitely more and infinitely less.
    """
    left, right = _columns(rounds, rounds.to_numpy(dtype=float), pairs)
    ratios = pd.DataFrame(_round_log_ratios(left, right), index=rounds.index).groupby(level="block")
    medians = ratios.median().to_numpy(copy=True)
    has_rounds = ratios.count().to_numpy() > 0
    is_tie = np.isnan(medians) & has_rounds
    medians[is_tie] = 0.0
    return {pair: logs[~np.isnan(logs)].tolist() for pair, logs in zip(pairs, medians.T, strict=True)}


def block_differences(rounds: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[float]]:
    """Return one difference per block for each pair, in the unit of the metric: the median over its rounds.

    rounds: as for ``block_log_ratios``. A round with an infinite value does not count.
    """
    figures = rounds.to_numpy(dtype=float)  # a metric that the generator left empty is read as objects
    left, right = _columns(rounds, np.where(np.isfinite(figures), figures, np.nan), pairs)
    medians = pd.DataFrame(left - right, index=rounds.index).groupby(level="block").median().to_numpy()
    return {pair: values[~np.isnan(values)].tolist() for pair, values in zip(pairs, medians.T, strict=True)}


def block_logs(rounds: pd.DataFrame) -> dict[str, tuple[float, ...]]:
    """Return the logarithm of each block's value for each arm: of the median over its rounds.

    rounds: as for ``block_log_ratios``. A block without a value is left out. The logarithm of 0 is minus infinity.
    """
    medians = rounds.groupby(level="block").median()
    with np.errstate(divide="ignore"):
        return {str(arm): tuple(np.log(medians[arm].dropna().to_numpy(dtype=float)).tolist()) for arm in medians}


def _columns(
    rounds: pd.DataFrame, values: NDArray[np.float64], pairs: Sequence[tuple[str, str]]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the values of the first arm of each pair, and of the second: a column for each pair."""
    column_of = {arm: column for column, arm in enumerate(rounds.columns)}
    left, right = ([column_of[pair[side]] for pair in pairs] for side in (0, 1))
    return values[:, left], values[:, right]


def _round_log_ratios(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log ratios of each round; nan where one of the two arms has no value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: NDArray[np.float64] = np.log(left) - np.log(right)
    both_zero = (left == 0) & (right == 0)
    both_infinite = np.isinf(left) & np.isinf(right)
    ratios[both_zero | both_infinite] = 0.0
    one_missing = np.isnan(left) | np.isnan(right)
    ratios[one_missing] = np.nan
    return ratios
