import math
from collections.abc import Callable

import pytest

from bench.compare.changes import changes
from bench.compare.gate_sentences import describe_gate, summarise_gate
from bench.compare.gates import GateOutcome, GateResult, RuleError, blocks_needed, judge_rule, parse_rule
from bench.compare.missing_cases import missing
from bench.compare.run_values import RunValues
from bench.formatting import plural
from tests.support import synthetic
from tests.unit.compare.builders import (
    RATES,
    judge_values,
    make_failing_values,
    make_rows,
    make_search_values,
    make_values,
    make_values_with_baseline,
)


def judge(before: RunValues, after: RunValues, text: str) -> GateResult:
    return judge_rule(changes(before, after), missing(before, after), parse_rule(text))


def is_broken(before: RunValues, after: RunValues, text: str) -> bool:
    return judge(before, after, text).outcome == GateOutcome.BROKEN


@pytest.mark.parametrize(
    ("text", "violated"),
    [
        ("throughput_rps<-5%", False),
        ("throughput_rps>5%", True),
        ("throughput_rps>50%", False),
        ("memory_mb>1%", False),
    ],
)
def test_rule_is_violated_by_significant_and_large_change(text: str, violated: bool) -> None:
    gate = judge(make_values(1), make_values(2, faster=1.3), text)
    assert (gate.outcome == GateOutcome.BROKEN) == violated
    assert [change.arm for change in gate.broken] == (["select/tcp"] if violated else [])


def test_rule_is_violated_by_a_change_that_only_rounds_show() -> None:
    before, after = make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 1.12, of_select=0.89)
    (select,) = [
        change for change in changes(before, after) if (change.arm, change.metric) == ("select/tcp", "throughput_rps")
    ]
    assert select.ratio > 0.95, "a faster machine hides the slower server"
    assert [change.arm for change in judge(before, after, "throughput_rps<-5%").broken] == ["select/tcp"]


@pytest.mark.parametrize("text", ["throughput_rps=5%", "throughput_rps>5", "speed", ""])
def test_invalid_rule_is_rejected_with_an_example(text: str) -> None:
    with pytest.raises(RuleError, match=r"is not a valid condition; .*cpu_us_per_request>5%"):
        parse_rule(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("throughput_rp<-5%", "'throughput_rp' is not a metric; did you mean 'throughput_rps'[?] The metrics are: "),
        ("speed>5%", "'speed' is not a metric. The metrics are: throughput_rps, max_rate_rps, "),
        ("throughput_rps<-500%", "can never hold"),
        ("throughput_rps<-100%", "can never hold"),
        ("throughput_rps<5%", 'use "throughput_rps<-5%"'),
        ("cpu_us_per_request>-5%", 'use "cpu_us_per_request>5%"'),
    ],
)
def test_meaningless_rule_is_rejected(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse_rule(text)


@pytest.mark.parametrize("text", ["throughput_rps<-5%", "cpu_us_per_request>0.5%", "memory_mb>0%"])
def test_rule_is_formatted_as_parsed(text: str) -> None:
    assert str(parse_rule(text)) == text


def test_rule_of_zero_percent_is_violated_by_any_significant_change() -> None:
    slower = next(change for change in changes(make_values(1), make_values(2, 0.9)) if change.conclusion == "slower")
    assert parse_rule("throughput_rps<0%").violated_by(slower)
    assert parse_rule("cpu_us_per_request>0%").rises


@pytest.mark.parametrize(
    ("machine", "of_select", "violated"), [(0.88, 1.0, False), (0.88, 0.75, True), (1.0, 0.8, True)]
)
def test_rule_ignores_changes_explained_by_machine(machine: float, of_select: float, violated: bool) -> None:
    before, after = make_values_with_baseline(1, 1.0), make_values_with_baseline(2, machine, of_select)
    assert is_broken(before, after, "throughput_rps<-5%") == violated


def make_drifted() -> tuple[RunValues, RunValues]:
    return make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.6, of_select=0.5)


def make_single_block() -> tuple[RunValues, RunValues]:
    rows = synthetic.make_run(RATES, blocks=1, rounds=4)
    return judge_values(rows.trials, rows.slices), make_values(2)


def make_invalid() -> tuple[RunValues, RunValues]:
    rows = make_rows(2, faster=0.5, codes="CORRUPT_REPLIES=9")
    return make_values(1), judge_values(rows.trials, rows.slices)


@pytest.mark.parametrize("make_runs", [make_drifted, make_single_block, make_invalid])
def test_gate_is_undecided_where_no_comparison_can_be_judged(
    make_runs: Callable[[], tuple[RunValues, RunValues]],
) -> None:
    gate = judge(*make_runs(), "throughput_rps<-5%")
    assert gate.outcome == GateOutcome.UNDECIDED
    assert not gate.is_judged
    assert gate.undecided == gate.comparisons
    count = plural(len(gate.comparisons), "comparison")
    assert summarise_gate(gate) == f"gate throughput_rps<-5% undecided: none of {count} can be judged"
    reason, *cases = describe_gate(gate, ["before", "after"])
    assert reason.startswith("gate throughput_rps<-5%: no comparison can be judged, because figures are invalid, ")
    assert all(line.startswith("undecided: ") for line in cases)


def test_gate_is_refused_without_common_arm() -> None:
    rows = synthetic.make_run({"poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    with pytest.raises(RuleError, match="no server that may have changed"):
        judge(make_values(1), judge_values(rows.trials, rows.slices), "throughput_rps<-5%")


def test_arms_of_one_plan_only_violate_no_rule() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}, "poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    gate = judge(make_values(1), judge_values(rows.trials, rows.slices), "throughput_rps<-5%")
    assert [change.arm for change in gate.comparisons] == ["asyncio/tcp"]
    assert not gate.missing


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_missing_arm_violates_rules_on_its_metrics(status: str) -> None:
    after = make_failing_values(status=status)
    gate = judge(make_values(1), after, "throughput_rps<-5%")
    assert [item.arm for item in gate.missing] == ["select/tcp"]
    assert is_broken(make_values(1), after, "service_p50_us>5%")
    assert not is_broken(make_failing_values(), make_failing_values(), "throughput_rps<-5%")


def test_missing_metric_violates_only_rules_on_it() -> None:
    rows = make_rows(2)
    of_select = rows.slices["arm"] == "select/tcp"
    slices = rows.slices.assign(throughput_rps=rows.slices["throughput_rps"].mask(of_select, 0.0))
    after = judge_values(rows.trials, slices)
    assert is_broken(make_values(1), after, "throughput_rps<-5%")
    assert not is_broken(make_values(1), after, "memory_mb>5%")


@pytest.mark.parametrize(
    ("after", "outcome"),
    [
        (make_search_values(8e3, 9e3), GateOutcome.BROKEN),
        (make_search_values(12e3, 13e3), GateOutcome.PASSED),
        (make_search_values(12e3, 13e3, objective_us=8000), GateOutcome.UNDECIDED),  # a looser objective
        (make_search_values(9.5e3, 10.5e3), GateOutcome.UNDECIDED),
        (make_search_values(8e3, 9e3, objective_us=3000), GateOutcome.UNDECIDED),
        (make_search_values(10e3, 11e3, passes=False), GateOutcome.BROKEN),
    ],
)
def test_rule_on_max_rate_is_judged_by_its_bounds(after: RunValues, outcome: GateOutcome) -> None:
    assert judge(make_search_values(10e3, 11e3), after, "max_rate_rps<-5%").outcome == outcome


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("throughput_rps<-1%", GateOutcome.UNDECIDED),
        ("throughput_rps<-20%", GateOutcome.PASSED),
        ("throughput_rps<0%", GateOutcome.PASSED),
    ],
)
def test_rule_is_undecided_if_its_change_cannot_be_excluded(text: str, outcome: GateOutcome) -> None:
    gate = judge(make_values(1), make_values(2), text)
    assert gate.outcome == outcome
    assert len(gate.comparisons) == len(gate.detectable_shares) == 2
    assert 0.01 < gate.detectable_shares[0] <= gate.detectable_shares[1] < 0.2
    undecided = ["asyncio/tcp", "select/tcp"] if outcome == GateOutcome.UNDECIDED else []
    assert [change.arm for change in gate.undecided] == undecided


def test_rule_leaves_out_baselines() -> None:
    gate = judge(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 1.0), "throughput_rps<-5%")
    assert [change.arm for change in gate.comparisons] == ["asyncio/tcp", "select/tcp"]


def test_blocks_needed_grow_with_the_square_of_the_precision() -> None:
    change = judge(make_values(1), make_values(2), "throughput_rps<-1%").undecided[0]
    coarse, fine = (blocks_needed(change, parse_rule(f"throughput_rps<-{percent}%")) for percent in (1, 0.5))
    assert change.blocks == 10
    assert 10 < coarse < fine
    assert fine / coarse == pytest.approx(4, rel=0.05)
    assert blocks_needed(change, parse_rule("throughput_rps<-50%")) == 10
    assert math.isnan(blocks_needed(change, parse_rule("throughput_rps<0%")))
