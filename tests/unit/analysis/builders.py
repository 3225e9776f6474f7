"""Tables for the tests of the analysis."""

import numpy as np
import pandas as pd

from bench.schema.csv_schema import SliceRow, TrialRow
from tests.support import synthetic

REFERENCE_ARMS = {"tcp": "asyncio/tcp", "udp": "asyncio/udp"}


def make_tables(rates: dict[str, list[list[float]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return trials and slices. rates: of each arm, by block and round."""
    random = np.random.default_rng(0)
    slices, trials = [], []
    for arm, blocks in rates.items():
        for block, of_block in enumerate(blocks):
            rows = [
                synthetic.make_slice(block, number, arm, 16, "capacity", rate, random)
                for number, rate in enumerate(of_block)
            ]
            slices += rows
            trials.append(synthetic.make_finished_trial(block, arm, 16, "capacity", rows, "valid", ""))
    return synthetic.read_back(trials, TrialRow), synthetic.read_back(slices, SliceRow)


def only_row(table: pd.DataFrame, **values: object) -> pd.Series:
    """Return the only row that has some values in some columns."""
    for column, value in values.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]


def set_codes(trials: pd.DataFrame, verdict: str, codes: str, where: pd.Series) -> None:
    """Set verdict and codes of some trials."""
    trials["codes"] = trials["codes"].astype(object)
    trials.loc[where, ["verdict", "codes"]] = [verdict, codes]
