import math
from dataclasses import asdict, replace

import pandas as pd
import pytest

from bench.analysis.search_results import objectives, summarise_searches
from bench.schema.rows import MaxRateRow

TRIAL = MaxRateRow(
    scenario="max_rate", connections=64, message_bytes=64, arm="select/tcp", model="select", transport="tcp",
    protocol="echo", python="cpython 3.11.7", round=0, step=0, rate_rps=100.0, objective_p99_us=5000.0,
    objective_lost_share=0.001, scheduled=2000, sent=2000, replies=2000, lost=0, unsent=0, throughput_rps=99.0,
    latency_p50_us=40.0, latency_p99_us=900.0, generator_cpu_share=0.1, passed=True, counted=True, verdict="valid",
    codes="",
)  # fmt: skip


def table(*trials: MaxRateRow) -> pd.DataFrame:
    return pd.DataFrame([asdict(trial) for trial in trials])


def at(step: int, passed: int, failed: int, **changes: object) -> list[MaxRateRow]:
    one = replace(TRIAL, step=step, rate_rps=100.0 * 1.1**step, throughput_rps=99.0 * 1.1**step)
    one = replace(one, **changes)  # type: ignore[arg-type]
    return [one] * passed + [replace(one, passed=False)] * failed


def test_the_bounds_are_where_most_trials_held_and_where_most_did_not() -> None:
    (row,) = summarise_searches(table(*at(0, 3, 0), *at(5, 0, 3), *at(2, 3, 2), *at(3, 2, 3))).to_dict("records")
    assert (row["metric"], row["unit"], row["arm"], row["verdict"]) == (
        "max_rate_rps",
        "requests/s",
        "select/tcp",
        "valid",
    )
    assert (row["low"], row["high"]) == pytest.approx((121.0, 133.1))
    assert row["median"] == pytest.approx(99 * 1.21)
    assert row["blocks"] == 3


def test_what_the_rate_beyond_did_to_the_server_is_no_doubt() -> None:
    beyond = at(1, 0, 3, verdict="suspect", codes="OVERLOAD=0.8")
    (row,) = summarise_searches(table(*at(0, 3, 0), *beyond)).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("valid", "")


def test_a_missing_bound_is_told_and_is_no_number() -> None:
    (none_held,) = summarise_searches(table(*at(0, 0, 3))).to_dict("records")
    assert math.isnan(none_held["low"])
    assert math.isnan(none_held["median"])
    assert (none_held["verdict"], none_held["codes"]) == ("suspect", "NO_PASSING_RATE")
    (all_held,) = summarise_searches(table(*at(0, 3, 0), *at(9, 3, 0))).to_dict("records")
    assert math.isnan(all_held["high"])
    assert (all_held["verdict"], all_held["codes"]) == ("suspect", "NO_FAILING_RATE")


def test_a_bound_that_the_generator_set_is_invalid_and_trials_made_again_do_not_count() -> None:
    busy = {"verdict": "invalid", "codes": "NEAR_GENERATOR_LIMIT=0.95"}
    again = at(1, 0, 2, counted=False, **busy)
    (row,) = summarise_searches(table(*at(0, 3, 0), *again, *at(1, 0, 3, **busy))).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("invalid", "NEAR_GENERATOR_LIMIT=0.95")


def test_a_run_without_a_search_has_no_rows() -> None:
    assert summarise_searches(None).empty
    assert objectives(None) == []


def test_the_objective_is_told_in_words() -> None:
    (told,) = objectives(table(*at(0, 3, 0)))
    assert told == "max_rate, 64 connections: 99 % of the requests answered within 5 ms, at most 0.10% lost"


def test_a_search_that_could_not_be_made_is_a_row_with_its_reason() -> None:
    without = [replace(TRIAL, step=None, rate_rps=None, scheduled=None, passed=False, counted=False)]
    for verdict, reason in (("skipped", "serves one connection at a time"), ("failed", "ended before it was up, up")):
        rows = [replace(one, verdict=verdict, codes=reason) for one in without]
        (row,) = summarise_searches(table(*rows)).to_dict("records")
        assert (row["verdict"], row["codes"], row["blocks"]) == (verdict, reason, 0)
        assert all(math.isnan(row[name]) for name in ("median", "low", "high"))


def test_a_server_that_fails_at_a_rate_says_why_in_its_own_words() -> None:
    fails = at(1, 0, 3, verdict="failed", codes="ended while it was measured; its last words were: it it it")
    (row,) = summarise_searches(table(*at(0, 3, 0), *fails)).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("failed", "ended while it was measured; its last words were: it it it")
    assert row["low"] == 100.0


def test_a_limit_from_few_requests_is_suspect() -> None:
    (row,) = summarise_searches(table(*at(0, 3, 0, scheduled=999), *at(1, 0, 3))).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("suspect", "FEW_SAMPLES=10")
    (row,) = summarise_searches(table(*at(0, 3, 0, scheduled=1001), *at(1, 0, 3))).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("valid", "")
