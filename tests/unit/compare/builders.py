"""Values of made-up runs for the tests of comparisons between runs."""

import functools
from typing import Any

import pandas as pd

from bench.compare.run_values import RunValues, collect_values
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

RATES = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 4e4}, "asyncio/tcp~control": {16: 3e4}}


def judge_values(trials: pd.DataFrame, slices: pd.DataFrame, **options: Any) -> RunValues:
    """Return the values of a run whose plan changes no threshold. options: of ``collect_values``."""
    return collect_values(trials, slices, **({"thresholds": DEFAULT_THRESHOLDS} | options))


@functools.cache  # most tests compare the same few runs, and none changes them
def make_rows(seed: int, faster: float = 1.0, codes: str = "") -> synthetic.Rows:
    """Return the rows of a run. faster: factor for select. codes: of every trial."""
    rates = RATES | {"select/tcp": {16: 4e4 * faster}}
    judged = {(arm, 16): ("", codes) for arm in RATES}
    return synthetic.make_run(rates, blocks=10, rounds=8, block_noise=0.01, seed=seed, judged=judged)


@functools.cache
def make_values(seed: int, faster: float = 1.0) -> RunValues:
    """Return the values of a run. faster: factor for select."""
    rows = make_rows(seed, faster)
    return judge_values(rows.trials, rows.slices)


def make_failing_values(reason: str = "no ready line", status: str = "failed") -> RunValues:
    """Return the values of a run in which select was not measured."""
    rows = make_rows(2)
    of_select = rows.trials["arm"] == "select/tcp"
    trials = rows.trials.assign(
        status=rows.trials["status"].mask(of_select, status), reason=rows.trials["reason"].mask(of_select, reason)
    )
    return judge_values(trials, rows.slices)


@functools.cache
def make_values_with_baseline(seed: int, machine: float, of_select: float = 1.0) -> RunValues:
    """Return the values of a run with a baseline.

    machine: factor for all arms. of_select: further factor for select.
    """
    rates = {"asyncio/tcp": 3e4, "select/tcp": 4e4 * of_select, "native/tcp": 1e5}
    loads = {arm: {16: rate * machine} for arm, rate in rates.items()}
    rows = synthetic.make_run(loads, blocks=10, rounds=8, block_noise=0.01, seed=seed)
    return judge_values(rows.trials, rows.slices)


def make_search_values(
    low_rps: float, high_rps: float, *, objective_us: float = 5000.0, passes: bool = True
) -> RunValues:
    """Return the values of one search, with unanimous trials at two rates."""
    rates = ((0, low_rps, passes), (1, high_rps, False))
    trials = [
        {
            "arm": "select/tcp",
            "model": "select",
            "transport": "tcp",
            "protocol": "echo",
            "python": "",
            "scenario": "max_rate",
            "scenario_kind": "max_rate",
            "connections": 16,
            "message_bytes": 64,
            "step": step,
            "rate_rps": rate,
            "scheduled": 2000,
            "throughput_rps": rate,
            "objective_p99_us": objective_us,
            "objective_lost_share": 0.001,
            "passed": passed,
            "counted": True,
            "verdict": "valid",
            "codes": "",
            "status": "ok",
            "reason": "",
        }
        for step, rate, passed in rates
        for _ in range(3)
    ]
    empty = synthetic.make_run({}, blocks=0)
    return judge_values(empty.trials, empty.slices, max_rate=pd.DataFrame(trials))
