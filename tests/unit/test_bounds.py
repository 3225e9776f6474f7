import math
from dataclasses import asdict, replace

import pandas as pd
import pytest

from bench.bounds import objectives, summarise_limits
from bench.limit import meets
from bench.records import LimitRow

TRIAL = LimitRow(
    scenario="limit", connections=64, message_bytes=64, arm="select/tcp", model="select", transport="tcp",
    protocol="echo", python="cpython 3.11.7", round=0, rung=0, rate_rps=100.0, objective_p99_us=5000.0,
    objective_lost_share=0.001, scheduled=200, sent=200, replies=200, lost=0, unsent=0, throughput_rps=99.0,
    latency_p50_us=40.0, latency_p99_us=900.0, client_cpu_share=0.1, passed=True, counted=True, verdict="valid",
    codes="",
)  # fmt: skip


def table(*trials: LimitRow) -> pd.DataFrame:
    return pd.DataFrame([asdict(trial) for trial in trials])


def at(rung: int, passed: int, failed: int, **changes: object) -> list[LimitRow]:
    one = replace(TRIAL, rung=rung, rate_rps=100.0 * 1.1**rung, throughput_rps=99.0 * 1.1**rung)
    one = replace(one, **changes)  # type: ignore[arg-type]
    return [one] * passed + [replace(one, passed=False)] * failed


def test_the_bounds_are_where_most_trials_held_and_where_most_did_not() -> None:
    (row,) = summarise_limits(table(*at(0, 3, 0), *at(5, 0, 3), *at(2, 3, 2), *at(3, 2, 3))).to_dict("records")
    assert (row["metric"], row["unit"], row["arm"], row["verdict"]) == (
        "limit_rps",
        "requests/s",
        "select/tcp",
        "valid",
    )
    assert (row["low"], row["high"]) == pytest.approx((121.0, 133.1))
    assert row["median"] == pytest.approx(99 * 1.21)
    assert row["blocks"] == 3


def test_what_the_rate_beyond_did_to_the_server_is_no_doubt() -> None:
    beyond = at(1, 0, 3, verdict="suspect", codes="OVERLOAD=0.8")
    (row,) = summarise_limits(table(*at(0, 3, 0), *beyond)).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("valid", "")


def test_a_missing_bound_is_told_and_is_no_number() -> None:
    (none_held,) = summarise_limits(table(*at(0, 0, 3))).to_dict("records")
    assert math.isnan(none_held["low"])
    assert math.isnan(none_held["median"])
    assert (none_held["verdict"], none_held["codes"]) == ("suspect", "no_lower_bound")
    (all_held,) = summarise_limits(table(*at(0, 3, 0), *at(9, 3, 0))).to_dict("records")
    assert math.isnan(all_held["high"])
    assert (all_held["verdict"], all_held["codes"]) == ("suspect", "no_upper_bound")


def test_a_bound_that_the_generator_set_is_invalid_and_trials_made_again_do_not_count() -> None:
    busy = {"verdict": "invalid", "codes": "CEILING=0.95"}
    again = at(1, 0, 2, counted=False, **busy)
    (row,) = summarise_limits(table(*at(0, 3, 0), *again, *at(1, 0, 3, **busy))).to_dict("records")
    assert (row["verdict"], row["codes"]) == ("invalid", "CEILING=0.95")


def test_a_run_without_a_search_has_no_rows() -> None:
    assert summarise_limits(None).empty
    assert objectives(None) == []


def test_the_objective_is_told_in_words() -> None:
    (told,) = objectives(table(*at(0, 3, 0)))
    assert told == "limit, 64 connections: 99 % of the requests answered within 5 ms, at most 0.10% lost"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"latency_us": {"p99": 5000.1}}, False),
        ({"latency_us": {"p99": "inf"}}, False),
        ({"latency_us": {"p99": None}}, False),
        ({"ledger": {"lost": 1, "late": 1, "corrupt": 0}}, False),
        ({"ledger": {"lost": 1, "late": 0, "corrupt": 0}}, True),
        ({"ledger": {"lost": 1, "late": 0, "corrupt": 1}}, False),
        ({"unsent": 2}, False),
        ({"verdict": {"codes": ["OVERLOAD=0.9"]}}, False),
    ],
)
def test_the_objective_asks_for_time_and_answers(changes: dict[str, object], expected: bool) -> None:
    document = {
        "latency_us": {"p99": 900.0},
        "ledger": {"lost": 0, "late": 0, "corrupt": 0},
        "unsent": 0,
        "scheduled": 1000,
        "verdict": {"codes": []},
    }
    assert meets(document | changes, 5000.0, 0.001) is expected
