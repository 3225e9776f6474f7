"""The summary and the comparisons of made-up runs."""

import pandas as pd

from bench.analysis.comparisons import COMPARISON_COLUMNS, compare_arms
from bench.analysis.summary import SUMMARY_COLUMNS, summarise
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

REFERENCE_ARMS = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}
Results = tuple[pd.DataFrame, pd.DataFrame]


def results_of(rows: synthetic.Rows) -> Results:
    """Return the summary and the comparisons of a run."""
    return summarise(rows.trials, rows.slices, DEFAULT_THRESHOLDS), comparisons_of(rows)


def comparisons_of(rows: synthetic.Rows) -> pd.DataFrame:
    """Return the comparisons of a run."""
    return compare_arms(rows.trials, rows.slices, REFERENCE_ARMS, DEFAULT_THRESHOLDS)


def no_results() -> Results:
    """Return the tables of a run that has measured nothing."""
    return pd.DataFrame(columns=SUMMARY_COLUMNS), pd.DataFrame(columns=COMPARISON_COLUMNS)


def make_run_with_invalid_case() -> synthetic.Rows:
    """Return the rows of a run over both transports. Its generator was too slow for one server at 64 connections."""
    judged = {("iterative/udp", 64): ("invalid", "GENERATOR_SATURATED=93.0%")}
    return synthetic.make_run(synthetic.TCP | synthetic.UDP, blocks=6, rounds=4, judged=judged)
