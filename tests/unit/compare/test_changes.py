import math
from pathlib import Path

import pandas as pd
import pytest

from bench.compare.changes import Change, changes, missing, only_in_one
from bench.compare.gates import RuleError, breaking, parse_rule
from bench.compare.run_values import Run, measured, planned
from bench.plan.toml import load_plan
from bench.store.folder_labels import labels
from tests.support import synthetic

RATES = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 4e4}, "asyncio/tcp~control": {16: 3e4}}


def run(seed: int, faster: float = 1.0) -> Run:
    rows = rows_of(seed, faster)
    return measured(rows.trials, rows.slices)


def rows_of(seed: int, faster: float = 1.0, codes: str = "") -> synthetic.Rows:
    rates = RATES | {"select/tcp": {16: 4e4 * faster}}
    judged = {(arm, 16): ("", codes) for arm in RATES}
    return synthetic.run(rates, blocks=10, rounds=8, block_noise=0.01, seed=seed, judged=judged)


def failing(reason: str = "no ready line", status: str = "failed") -> Run:
    """Equal to a run, but for one arm."""
    rows = rows_of(2)
    of_select = rows.trials["arm"] == "select/tcp"
    trials = rows.trials.assign(
        status=rows.trials["status"].mask(of_select, status), reason=rows.trials["reason"].mask(of_select, reason)
    )
    return measured(trials, rows.slices)


def searched(low_rps: float, high_rps: float, *, objective_us: float = 5000.0, held: bool = True) -> Run:
    """A run that consists of one search: at each of two rates all trials agreed."""
    rates = ((0, low_rps, held), (1, high_rps, False))
    trials = [
        {
            "arm": "select/tcp",
            "model": "select",
            "transport": "tcp",
            "protocol": "echo",
            "python": "",
            "scenario": "max_rate",
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
        }
        for step, rate, passed in rates
        for _ in range(3)
    ]
    none = synthetic.run({}, blocks=0)
    return measured(none.trials, none.slices, pd.DataFrame(trials))


def gate(before: Run, now: Run, text: str) -> bool:
    return any(breaking(changes(before, now), missing(before, now), [parse_rule(text)]))


def test_a_change_is_found_where_it_is_and_nowhere_else() -> None:
    found = {one.arm: one for one in changes(run(1), run(2, faster=1.3)) if one.metric == "throughput_rps"}
    assert list(found) == ["asyncio/tcp", "select/tcp"]
    assert found["select/tcp"].conclusion == "faster"
    assert found["select/tcp"].low < 1.3 < found["select/tcp"].high
    assert found["asyncio/tcp"].conclusion not in ("faster", "slower")
    assert {one.kind for one in found.values()} == {"unpaired"}


def test_equal_runs_are_called_different_as_seldom_as_agreed() -> None:
    wrong = sum(
        any(
            one.conclusion in ("faster", "slower")
            for one in changes(run(seed), run(1000 + seed))
            if one.metric == "throughput_rps"
        )
        for seed in range(40)
    )
    assert wrong <= 7  # binomial(40, .05) exceeds it in 0.1 % of cases


@pytest.mark.parametrize(
    ("text", "is_broken"),
    [
        ("throughput_rps<-5%", False),
        ("throughput_rps>5%", True),
        ("throughput_rps>50%", False),
        ("memory_mb>1%", False),
    ],
)
def test_a_rule_counts_what_is_resolved_and_large_enough(text: str, is_broken: bool) -> None:
    assert gate(run(1), run(2, faster=1.3), text) == is_broken


@pytest.mark.parametrize("text", ["speed>5%", "throughput_rps=5%", "throughput_rps>5", ""])
def test_what_is_no_rule_says_how_one_looks(text: str) -> None:
    with pytest.raises(RuleError, match="write for example"):
        parse_rule(text)


def beside_native(seed: int, machine: float, of_select: float = 1.0) -> Run:
    """Everything as fast as the machine is; select by more or less than that."""
    rates = {"asyncio/tcp": 3e4, "select/tcp": 4e4 * of_select, "native/tcp": 1e5}
    loads = {arm: {16: rate * machine} for arm, rate in rates.items()}
    rows = synthetic.run(loads, blocks=10, rounds=8, block_noise=0.01, seed=seed)
    return measured(rows.trials, rows.slices)


def throughput(before: Run, now: Run) -> dict[str, Change]:
    return {one.arm: one for one in changes(before, now) if one.metric == "throughput_rps"}


def test_what_the_machine_explains_is_no_difference() -> None:
    before, now = beside_native(1, 1.0), beside_native(2, 0.88)
    found = throughput(before, now)
    assert found["native/tcp"].conclusion == "slower"
    assert found["asyncio/tcp"].high < 1
    assert (found["asyncio/tcp"].conclusion, found["asyncio/tcp"].verdict) == ("inconclusive", "suspect")
    assert math.isclose(found["asyncio/tcp"].machine, 0.88, rel_tol=0.03)
    assert not gate(before, now, "throughput_rps<-5%")


@pytest.mark.parametrize(("machine", "of_select"), [(0.88, 0.75), (1.0, 0.8)])
def test_what_the_machine_does_not_explain_is_a_difference_still(machine: float, of_select: float) -> None:
    before, now = beside_native(1, 1.0), beside_native(2, machine, of_select)
    found = throughput(before, now)
    assert (found["select/tcp"].conclusion, found["asyncio/tcp"].conclusion) == ("slower", "inconclusive")
    assert gate(before, now, "throughput_rps<-5%")


def test_on_a_machine_that_moved_far_nothing_is_said_and_nothing_judged() -> None:
    before, now = beside_native(1, 1.0), beside_native(2, 0.6, of_select=0.5)
    assert throughput(before, now)["select/tcp"].verdict == "invalid"
    with pytest.raises(RuleError, match="a machine that moved too far"):
        gate(before, now, "throughput_rps<-5%")


def test_memory_is_not_measured_by_the_machine() -> None:
    found = [one for one in changes(beside_native(1, 1.0), beside_native(2, 0.6)) if one.metric == "memory_mb"]
    assert {one.verdict for one in found} == {"valid"}
    assert all(math.isnan(one.machine) for one in found)


def test_arms_of_one_run_alone_are_told() -> None:
    rows = synthetic.run({"asyncio/tcp": {16: 3e4}, "poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    other = measured(rows.trials, rows.slices)
    assert only_in_one(run(1), other) == (["asyncio/tcp~control", "select/tcp"], ["poll/tcp"])
    assert missing(run(1), other) == []
    assert not gate(run(1), other, "throughput_rps<-5%")


def test_a_load_of_one_run_alone_is_told() -> None:
    rows = synthetic.run({arm: {16: 3e4, 64: 3e4} for arm in RATES}, blocks=3, rounds=2)
    assert only_in_one(run(1), measured(rows.trials, rows.slices)) == ([], ["capacity, 64 connections, 64 bytes"])


def test_a_single_block_is_not_resolved() -> None:
    rows = synthetic.run(RATES, blocks=1, rounds=4)
    one = measured(rows.trials, rows.slices)
    found = changes(one, run(2))
    assert {change.conclusion for change in found} == {"inconclusive"}
    assert all(math.isnan(change.low) for change in found)
    with pytest.raises(RuleError, match="of too few blocks"):
        gate(one, run(2), "throughput_rps<-5%")


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_an_arm_that_does_not_work_any_more_breaks_a_gate_on_what_it_had(status: str) -> None:
    (found,) = missing(run(1), failing(status=status))
    assert (found.arm, found.connections, found.status, found.reason) == ("select/tcp", 16, status, "no ready line")
    assert "throughput_rps" in found.metrics
    assert gate(run(1), failing(status=status), "throughput_rps<-5%")
    assert gate(run(1), failing(status=status), "service_p50_us>5%")


def test_an_arm_that_worked_in_neither_run_or_works_now_is_not_missing() -> None:
    assert missing(failing(), failing()) == []
    assert missing(failing(), run(1)) == []
    assert not gate(failing(), failing(), "throughput_rps<-5%")


def test_what_the_plan_asks_for_and_no_row_has_is_missing() -> None:
    rows = synthetic.run({"asyncio/tcp": {16: 3e4}}, blocks=3, rounds=2)
    asked = {("select/tcp", "capacity", 16, 64)}
    (found,) = missing(run(1), measured(rows.trials, rows.slices, planned=asked))
    assert (found.arm, found.status) == ("select/tcp", "missing")


def test_an_arm_that_serves_nothing_any_more_breaks_a_gate_on_its_rate() -> None:
    rows = rows_of(2)
    of_select = rows.slices["arm"] == "select/tcp"
    slices = rows.slices.assign(throughput_rps=rows.slices["throughput_rps"].mask(of_select, 0.0))
    now = measured(rows.trials, slices)
    (found,) = missing(run(1), now)
    assert (found.metrics, found.status, found.reason) == (("throughput_rps",), "ok", "nothing was served")
    assert gate(run(1), now, "throughput_rps<-5%")
    assert not gate(run(1), now, "memory_mb>5%")


def test_a_block_that_lost_everything_is_not_left_out_of_a_comparison() -> None:
    rows = rows_of(2)
    late = rows.trials["arm"].eq("select/tcp") & rows.trials["block"].lt(2)
    trials = rows.trials.assign(service_p99_us=rows.trials["service_p99_us"].mask(late, math.inf))
    found = changes(run(1, faster=1.3), measured(trials, rows.slices))
    assert {one.arm: one.conclusion for one in found if one.metric == "service_p99_us"}["select/tcp"] == "inconclusive"


def test_a_gate_is_refused_where_all_that_it_judges_is_invalid() -> None:
    rows = rows_of(2, faster=0.5, codes="CORRUPT_REPLIES=9")
    invalid = measured(rows.trials, rows.slices)
    with pytest.raises(RuleError, match="throughput_rps: every comparison of it rests on figures that are invalid"):
        gate(run(1), invalid, "throughput_rps<-5%")


def test_costs_are_judged_by_what_concerns_costs() -> None:
    rows = rows_of(2, faster=0.5, codes="GENERATOR_SATURATED=0.95")
    found = {one.metric: one for one in changes(run(1), measured(rows.trials, rows.slices)) if one.arm == "select/tcp"}
    assert found["throughput_rps"].verdict == "invalid"
    assert (found["cpu_us_per_request"].verdict, found["cpu_us_per_request"].conclusion) == ("valid", "slower")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("throughput_rps<-500%", "can never be broken"),
        ("throughput_rps<-100%", "can never be broken"),
        ("throughput_rps<5%", 'write "throughput_rps<-5%"'),
        ("cpu_us_per_request>-5%", 'write "cpu_us_per_request>5%"'),
    ],
)
def test_a_rule_that_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        parse_rule(text)


def test_a_rule_may_ask_for_any_resolved_change() -> None:
    assert parse_rule("throughput_rps<0%").broken_by(
        next(c for c in changes(run(1), run(2, 0.9)) if c.conclusion == "slower")
    )
    assert parse_rule("cpu_us_per_request>0%").rises


@pytest.mark.parametrize(
    ("now", "conclusion"),
    [
        (searched(8e3, 9e3), "slower"),
        (searched(12e3, 13e3), "faster"),
        (searched(9.5e3, 10.5e3), "inconclusive"),  # the bounds overlap
        (searched(8e3, 9e3, objective_us=3000), "inconclusive"),  # it may be the objective's doing
        (searched(8e3, 9e3, objective_us=8000), "slower"),
        (searched(12e3, 13e3, objective_us=8000), "inconclusive"),
    ],
)
def test_limits_differ_where_their_bounds_do_not_overlap(now: Run, conclusion: str) -> None:
    (found,) = changes(searched(10e3, 11e3), now)
    assert (found.metric, found.conclusion) == ("max_rate_rps", conclusion)
    assert found.low <= found.ratio <= found.high
    assert gate(searched(10e3, 11e3), now, "max_rate_rps<-5%") == (conclusion == "slower")


def test_a_search_that_finds_no_rate_any_more_breaks_a_gate() -> None:
    now = searched(10e3, 11e3, held=False)
    assert changes(searched(10e3, 11e3), now) == []
    assert "no rate" in missing(searched(10e3, 11e3), now)[0].reason
    assert gate(searched(10e3, 11e3), now, "max_rate_rps<-5%")


def test_a_plan_asks_for_a_search_of_every_arm_that_competes() -> None:
    of_searches = {key[0] for key in planned(load_plan("thorough")) if key[1] == "max_rate"}
    assert "select/udp" in of_searches
    assert not {arm for arm in of_searches if "~control" in arm or "native" in arm}
    assert ("asyncio/tcp~control", "capacity", 1, 64) in planned(load_plan("thorough"))


def test_folders_of_one_name_are_told_apart_by_what_stands_above() -> None:
    paths = [Path("/a/x/run"), Path("/a/y/run"), Path("/b/y/run"), Path("/a/other")]
    assert labels(paths) == ["x/run", "a/y/run", "b/y/run", "other"]
    assert labels(paths[:1] * 2) == ["run", "run"]
