"""Figures of made-up runs for the tests of exports."""

import functools
import math

import pandas as pd

from bench.export.figures import ExportFigure, collect_figures
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

RATES = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 4e4}, "iterative/tcp": {1: 2e4}}
INVALID_CODES = "CORRUPT_REPLIES=9"
SUSPECT_CODES = "RUN_DELAY=2.1%"
ASYNCIO = "asyncio/tcp, capacity, 16 connections, 64 bytes"
SELECT = "select/tcp, capacity, 16 connections, 64 bytes"


@functools.cache  # the tests read the same few runs, and none changes them
def make_figures(
    seed: int = 1, blocks: int = 8, select_codes: str = "", select_slowness: float = 1.0
) -> tuple[ExportFigure, ...]:
    """Return the figures of a run. select_codes: of every trial of select."""
    rates = RATES | {"select/tcp": {16: 4e4 / select_slowness}}
    judged = {("select/tcp", 16): ("", select_codes)}
    rows = synthetic.make_run(rates, blocks=blocks, rounds=6, seed=seed, judged=judged)
    return tuple(figures_of(rows.trials, rows.slices))


def figures_of(trials: pd.DataFrame, slices: pd.DataFrame, max_rate: pd.DataFrame | None = None) -> list[ExportFigure]:
    """Return the figures of tables."""
    return collect_figures(trials, slices, max_rate, DEFAULT_THRESHOLDS)


def find(figures: list[ExportFigure] | tuple[ExportFigure, ...], case: str, metric: str) -> ExportFigure:
    """Return the figure of a case and metric."""
    (figure,) = (figure for figure in figures if (figure.case_name, figure.metric.name) == (case, metric))
    return figure


def make_run_with_one_bad_block(codes: str) -> list[ExportFigure]:
    """Return the figures of a run in which one block of select has codes."""
    rows = synthetic.make_run(RATES, blocks=8, rounds=6)
    trials = rows.trials.assign(codes=rows.trials["codes"].astype(object))
    is_bad = (trials["arm"] == "select/tcp") & (trials["block"] == 3) & (trials["connections"] == 16)
    trials.loc[is_bad, "codes"] = codes
    return figures_of(trials, rows.slices)


def make_run_with_tails(*tails_us: float) -> list[ExportFigure]:
    """Return the figures of a run in which select has these 99th percentiles, one for each block."""
    rows = synthetic.make_run(RATES, blocks=len(tails_us), rounds=6)
    trials = rows.trials.copy()
    is_select = (trials["arm"] == "select/tcp") & (trials["connections"] == 16)
    trials.loc[is_select, "service_p99_us"] = tails_us
    return figures_of(trials, rows.slices)


def make_run_with_infinite_tail() -> list[ExportFigure]:
    """Return the figures of a run in which the 99th percentile of select is infinite, as with many losses."""
    return make_run_with_tails(*[math.inf] * 6)
