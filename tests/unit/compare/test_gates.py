import pytest

from bench.compare.changes import changes, missing
from bench.compare.gates import RuleError, Violations, find_violations, parse_rule, rule_power
from bench.compare.run_values import RunValues
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


def check_rule(before: RunValues, after: RunValues, text: str) -> Violations:
    return find_violations(changes(before, after), missing(before, after), [parse_rule(text)])


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
    violations = check_rule(make_values(1), make_values(2, faster=1.3), text)
    assert bool(violations) == violated
    assert [change.arm for change in violations.changes] == (["select/tcp"] if violated else [])


def test_rule_is_violated_by_a_change_that_only_rounds_show() -> None:
    before, after = make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 1.12, of_select=0.89)
    (select,) = [
        change for change in changes(before, after) if (change.arm, change.metric) == ("select/tcp", "throughput_rps")
    ]
    assert select.ratio > 0.95, "a faster machine hides the slower server"
    assert [change.arm for change in check_rule(before, after, "throughput_rps<-5%").changes] == ["select/tcp"]


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
    assert bool(check_rule(before, after, "throughput_rps<-5%")) == violated


def test_gate_is_refused_where_machine_drifted_too_far() -> None:
    with pytest.raises(RuleError, match="the machine drifted too far"):
        check_rule(
            make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 0.6, of_select=0.5), "throughput_rps<-5%"
        )


def test_gate_is_refused_where_blocks_are_too_few() -> None:
    rows = synthetic.make_run(RATES, blocks=1, rounds=4)
    with pytest.raises(RuleError, match="blocks are too few"):
        check_rule(judge_values(rows.trials, rows.slices), make_values(2), "throughput_rps<-5%")


def test_gate_is_refused_where_all_numbers_are_invalid() -> None:
    rows = make_rows(2, faster=0.5, codes="CORRUPT_REPLIES=9")
    with pytest.raises(RuleError, match=r"throughput_rps: none of the 2 .* numbers are invalid"):
        check_rule(make_values(1), judge_values(rows.trials, rows.slices), "throughput_rps<-5%")


def test_gate_is_refused_without_common_arm() -> None:
    rows = synthetic.make_run({"poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    with pytest.raises(RuleError, match="no arm in common"):
        check_rule(make_values(1), judge_values(rows.trials, rows.slices), "throughput_rps<-5%")


def test_arms_of_one_plan_only_violate_no_rule() -> None:
    rows = synthetic.make_run({"asyncio/tcp": {16: 3e4}, "poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    assert not check_rule(make_values(1), judge_values(rows.trials, rows.slices), "throughput_rps<-5%")


@pytest.mark.parametrize("status", ["failed", "skipped"])
def test_missing_arm_violates_rules_on_its_metrics(status: str) -> None:
    after = make_failing_values(status=status)
    violations = check_rule(make_values(1), after, "throughput_rps<-5%")
    assert [item.arm for item in violations.missing] == ["select/tcp"]
    assert check_rule(make_values(1), after, "service_p50_us>5%")
    assert not check_rule(make_failing_values(), make_failing_values(), "throughput_rps<-5%")


def test_missing_metric_violates_only_rules_on_it() -> None:
    rows = make_rows(2)
    of_select = rows.slices["arm"] == "select/tcp"
    slices = rows.slices.assign(throughput_rps=rows.slices["throughput_rps"].mask(of_select, 0.0))
    after = judge_values(rows.trials, slices)
    assert check_rule(make_values(1), after, "throughput_rps<-5%")
    assert not check_rule(make_values(1), after, "memory_mb>5%")


@pytest.mark.parametrize(
    ("after", "violated"),
    [
        (make_search_values(8e3, 9e3), True),
        (make_search_values(12e3, 13e3), False),
        (make_search_values(9.5e3, 10.5e3), False),
        (make_search_values(8e3, 9e3, objective_us=3000), False),
        (make_search_values(10e3, 11e3, passes=False), True),
    ],
)
def test_rule_on_max_rate_is_violated_by_lower_bounds(after: RunValues, violated: bool) -> None:
    assert bool(check_rule(make_search_values(10e3, 11e3), after, "max_rate_rps<-5%")) == violated


@pytest.mark.parametrize(
    ("text", "sufficient"), [("throughput_rps<-1%", False), ("throughput_rps<-20%", True), ("throughput_rps<0%", True)]
)
def test_rule_power_depends_on_the_size_of_the_rule(text: str, sufficient: bool) -> None:
    power = rule_power(changes(make_values(1), make_values(2)), parse_rule(text))
    assert power.is_sufficient == sufficient
    assert power.comparisons == len(power.detectable_shares) == 2
    assert 0.01 < power.detectable_shares[0] <= power.detectable_shares[1] < 0.2
    assert [change.arm for change in power.without_power] == ([] if sufficient else ["asyncio/tcp", "select/tcp"])


def test_rule_power_leaves_out_baselines() -> None:
    found = changes(make_values_with_baseline(1, 1.0), make_values_with_baseline(2, 1.0))
    power = rule_power(found, parse_rule("throughput_rps<-5%"))
    assert power.comparisons == 2


def test_rule_without_judged_comparison_has_no_power() -> None:
    rows = synthetic.make_run(RATES, blocks=1, rounds=4)
    found = changes(judge_values(rows.trials, rows.slices), make_values(2))
    power = rule_power(found, parse_rule("throughput_rps<-50%"))
    assert power.detectable_shares == ()
    assert len(power.without_power) == 2
    assert not power.is_sufficient
