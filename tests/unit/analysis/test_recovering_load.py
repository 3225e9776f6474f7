"""Count the loads from which each server recovers, on made-up trials."""

import math

import pandas as pd
import pytest

from bench.analysis.recovering_load import LoadOutcome, overload_series, recovery_table
from bench.plan.definition import Plan
from bench.plan.toml import decode

LOADS = (0.2, 0.4, 0.6)


def make_plan(loads: tuple[float, ...] = LOADS) -> Plan:
    """Return a plan with an overload for each load after it, of clients that send a request again once."""
    head = 'name = "plan"\nmodels = ["asyncio", "select"]\ntransports = ["tcp"]\nbaseline = "none"\n'
    return decode(head + "".join(map(_scenario, loads)), "text")


def _scenario(load: float) -> str:
    phases = "".join(
        f'[[scenarios.phases]]\nname = "{name}"\nseconds = 1.0\ncapacity_share = {{ clients = {share} }}\n'
        for name, share in (("before", load), ("overload", 1.5), ("after", load))
    )
    return (
        f'[[scenarios]]\nname = "load_{round(100 * load)}"\nprotocol = "work"\n'
        f'[[scenarios.populations]]\nname = "clients"\nconnections = 10\ntimeout_s = 0.2\nretries = 1\n{phases}'
    )


def make_trials(times_s: dict[str, dict[float, list[float]]], verdict: str = "valid", codes: str = "") -> pd.DataFrame:
    """Return the trials of the phases after the overloads. times_s: of each block, by arm and load."""
    rows = [
        {"arm": arm, "scenario": f"load_{round(100 * load)}", "block": block, "recovery_s": time_s}
        for arm, of_arm in times_s.items()
        for load, of_load in of_arm.items()
        for block, time_s in enumerate(of_load)
    ]
    common = {"population": "clients", "phase": "after", "status": "ok", "verdict": verdict, "codes": codes}
    return pd.DataFrame(rows).assign(**common)


NEVER = math.inf
TIMES_S = {
    "asyncio/tcp": {0.2: [0.5, 0.6, 0.5], 0.4: [2.0, NEVER, 2.5], 0.6: [NEVER, NEVER, NEVER]},
    "select/tcp": {0.2: [0.5, NEVER, NEVER], 0.4: [NEVER] * 3, 0.6: [NEVER] * 3},
}


def test_table_counts_the_blocks_that_recovered() -> None:
    table = recovery_table(make_plan(), make_trials(TIMES_S))
    row = table[(table["arm"] == "asyncio/tcp") & (table["load_share"] == 0.4)].iloc[0]
    assert (row["blocks"], row["recovered_blocks"]) == (3, 2)
    assert (row["retries"], row["timeout_s"], row["overload_share"], row["overload_s"]) == (1, 0.2, 1.5, 1.0)
    assert row["predicted_share"] == 0.5


def test_highest_load_is_one_from_which_most_blocks_recovered() -> None:
    (series,) = overload_series(recovery_table(make_plan(), make_trials(TIMES_S)))
    assert (series.retries, series.timeout_s, series.predicted_share) == (1, 0.2, 0.5)
    asyncio, select = series.arms
    assert asyncio.highest_recovered == LoadOutcome(0.4, 2, 3)
    assert asyncio.lowest_not_recovered == LoadOutcome(0.6, 0, 3)
    assert select.highest_recovered is None
    assert select.lowest_not_recovered == LoadOutcome(0.2, 1, 3)


def test_one_load_after_an_overload_is_no_series() -> None:
    table = recovery_table(make_plan((0.2,)), make_trials({"asyncio/tcp": {0.2: [0.5]}}))
    assert len(table) == 1
    assert overload_series(table) == []


@pytest.mark.parametrize("trials", [make_trials(TIMES_S, "invalid"), make_trials({"asyncio/tcp": {0.2: [math.nan]}})])
def test_invalid_and_unknown_times_do_not_count(trials: pd.DataFrame) -> None:
    assert recovery_table(make_plan(), trials).empty
    assert recovery_table(make_plan(), trials.iloc[:0]).empty
