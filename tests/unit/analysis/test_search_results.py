import math
from collections.abc import Hashable
from dataclasses import asdict, replace
from typing import Any

import pandas as pd
import pytest

from bench.analysis.search_results import objectives, summarise_run, summarise_searches
from bench.schema.csv_schema import MaxRateRow
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic

TRIAL = MaxRateRow(
    scenario="max_rate", connections=64, message_bytes=64, arm="select/tcp", model="select", transport="tcp",
    protocol="echo", python="cpython 3.11.7", round=0, step=0, rate_rps=100.0, objective_p99_us=5000.0,
    objective_lost_share=0.001, scheduled=2000, sent=2000, replies=2000, lost=0, unsent=0, throughput_rps=99.0,
    latency_p50_us=40.0, latency_p99_us=900.0, generator_cpu_share=0.1, passed=True, counted=True, verdict="valid",
    codes="",
)  # fmt: skip


def make_table(*trials: MaxRateRow) -> pd.DataFrame:
    return pd.DataFrame([asdict(trial) for trial in trials])


def make_trials(step: int, passed: int, failed: int, **changes: object) -> list[MaxRateRow]:
    """Return trials at one step: first those that passed, then those that failed."""
    trial = replace(TRIAL, step=step, rate_rps=100.0 * 1.1**step, throughput_rps=99.0 * 1.1**step)
    trial = replace(trial, **changes)  # type: ignore[arg-type]  # any column may be changed
    return [trial] * passed + [replace(trial, passed=False)] * failed


def result_rows(*trials: MaxRateRow) -> list[dict[Hashable, Any]]:
    """Return the rows of the searches that have these trials."""
    return summarise_searches(make_table(*trials), DEFAULT_THRESHOLDS).to_dict("records")


def test_search_bounds_follow_the_majority_of_trials() -> None:
    (row,) = result_rows(*make_trials(0, 3, 0), *make_trials(5, 0, 3), *make_trials(2, 3, 2), *make_trials(3, 2, 3))
    assert (row["metric"], row["unit"], row["arm"], row["verdict"]) == (
        "max_rate_rps",
        "requests/s",
        "select/tcp",
        "valid",
    )
    assert (row["low"], row["high"]) == pytest.approx((121.0, 133.1))
    assert row["median"] == pytest.approx(99 * 1.21)
    assert row["blocks"] == 3


def test_search_overload_at_upper_bound_is_valid() -> None:
    beyond = make_trials(1, 0, 3, verdict="suspect", codes="OVERLOAD=80.0%")
    (row,) = result_rows(*make_trials(0, 3, 0), *beyond)
    assert (row["verdict"], row["codes"]) == ("valid", "")


def test_search_missing_bound_is_suspect_and_empty() -> None:
    (none_passed,) = result_rows(*make_trials(0, 0, 3))
    assert math.isnan(none_passed["low"])
    assert math.isnan(none_passed["median"])
    assert (none_passed["verdict"], none_passed["codes"]) == ("suspect", "NO_PASSING_RATE")
    (all_passed,) = result_rows(*make_trials(0, 3, 0), *make_trials(9, 3, 0))
    assert math.isnan(all_passed["high"])
    assert (all_passed["verdict"], all_passed["codes"]) == ("suspect", "NO_FAILING_RATE")


def test_search_bound_set_by_generator_is_invalid() -> None:
    busy = {"verdict": "invalid", "codes": "NEAR_GENERATOR_LIMIT=95.0%"}
    repeated = make_trials(1, 0, 2, counted=False, **busy)
    (row,) = result_rows(*make_trials(0, 3, 0), *repeated, *make_trials(1, 0, 3, **busy))
    assert (row["verdict"], row["codes"]) == ("invalid", "NEAR_GENERATOR_LIMIT=95.0%")


def test_searches_of_run_without_search_are_empty() -> None:
    assert summarise_searches(None, DEFAULT_THRESHOLDS).empty
    assert objectives(None) == []


def test_objectives_are_described_in_one_line() -> None:
    (text,) = objectives(make_table(*make_trials(0, 3, 0)))
    assert text == "max_rate, 64 connections: 99% of the requests answered within 5 ms, at most 0.10% lost"


def test_search_without_trials_has_status_and_reason() -> None:
    without = [replace(TRIAL, step=None, rate_rps=None, scheduled=None, passed=False, counted=False)]
    for status, reason in (("skipped", "serves one connection at a time"), ("failed", "exited during start-up, up")):
        rows = [replace(trial, verdict="", status=status, reason=reason) for trial in without]
        (row,) = result_rows(*rows)
        assert (row["status"], row["reason"], row["blocks"]) == (status, reason, 0)
        assert (row["verdict"], row["codes"]) == ("", "")
        assert all(math.isnan(row[name]) for name in ("median", "low", "high"))


def test_search_failed_server_keeps_bound_and_reason() -> None:
    fails = make_trials(
        1, 0, 3, verdict="", status="failed", reason="exited while measured; last stderr lines: it it it"
    )
    (row,) = result_rows(*make_trials(0, 3, 0), *fails)
    assert (row["status"], row["reason"]) == ("failed", "exited while measured; last stderr lines: it it it")
    assert (row["verdict"], row["codes"]) == ("suspect", "")
    assert row["low"] == 100.0


def test_search_with_few_requests_is_suspect() -> None:
    (row,) = result_rows(*make_trials(0, 3, 0, scheduled=999), *make_trials(1, 0, 3))
    assert (row["verdict"], row["codes"]) == ("suspect", "FEW_SAMPLES=10")
    (row,) = result_rows(*make_trials(0, 3, 0, scheduled=1001), *make_trials(1, 0, 3))
    assert (row["verdict"], row["codes"]) == ("valid", "")


def test_run_summary_has_blocks_then_searches() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}}, blocks=2, rounds=2)
    with_search = summarise_run(rows.trials, rows.slices, make_table(*make_trials(0, 3, 0)), DEFAULT_THRESHOLDS)
    assert list(with_search["scenario"].unique()) == ["capacity", "max_rate"]
    assert set(summarise_run(rows.trials, rows.slices, None, DEFAULT_THRESHOLDS)["scenario"]) == {"capacity"}
