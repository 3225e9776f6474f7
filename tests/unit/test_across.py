import math

import pytest

from bench.across import RuleError, Tables, broken, changes, only_in_one, rule
from bench.history import change_points

from . import synthetic

RATES = {"asyncio/tcp": {16: 3e4}, "select/tcp": {16: 4e4}, "asyncio/tcp~twin": {16: 3e4}}


def run(seed: int, faster: float = 1.0) -> Tables:
    rates = RATES | {"select/tcp": {16: 4e4 * faster}}
    rows = synthetic.run(rates, blocks=10, rounds=8, block_noise=0.01, seed=seed)
    return Tables(rows.trials, rows.slices)


def test_a_change_is_found_where_it_is_and_nowhere_else() -> None:
    found = {one.arm: one for one in changes(run(1), run(2, faster=1.3)) if one.metric == "throughput_rps"}
    assert list(found) == ["asyncio/tcp", "select/tcp"]
    assert found["select/tcp"].word == "faster"
    assert found["select/tcp"].low < 1.3 < found["select/tcp"].high
    assert found["asyncio/tcp"].word not in ("faster", "slower")
    assert {one.kind for one in found.values()} == {"unpaired"}


def test_equal_runs_are_called_different_as_seldom_as_agreed() -> None:
    wrong = sum(
        any(
            one.word in ("faster", "slower")
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
    found = changes(run(1), run(2, faster=1.3))
    assert bool(broken(found, [rule(text)])) == is_broken


@pytest.mark.parametrize("text", ["speed>5%", "throughput_rps=5%", "throughput_rps>5", ""])
def test_what_is_no_rule_says_how_one_looks(text: str) -> None:
    with pytest.raises(RuleError, match="write for example"):
        rule(text)


def test_arms_of_one_run_alone_are_told() -> None:
    rows = synthetic.run({"asyncio/tcp": {16: 3e4}, "poll/tcp": {16: 3e4}}, blocks=3, rounds=2)
    assert only_in_one(run(1), Tables(rows.trials, rows.slices)) == (["asyncio/tcp~twin", "select/tcp"], ["poll/tcp"])


def test_a_single_block_is_not_resolved() -> None:
    rows = synthetic.run(RATES, blocks=1, rounds=4)
    one = Tables(rows.trials, rows.slices)
    found = changes(one, run(2))
    assert {change.word for change in found} == {"not resolved"}
    assert all(math.isnan(change.low) for change in found)


def test_a_step_in_a_history_is_found_at_its_place() -> None:
    steady = [1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.01]
    assert change_points(steady) == []
    assert change_points([*steady, *(1.3 * value for value in steady)]) == [len(steady)]
    assert change_points([1.0, 1.0, 2.0]) == []  # too few to say
