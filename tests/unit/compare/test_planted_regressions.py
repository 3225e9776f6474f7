"""Regressions that are planted into one server of a made-up run: each must be found, or declared undecided.

The machine's speed drifts within each block, and differs by 5% between the runs.
"""

import functools
from collections import Counter

import pytest

from bench.compare.changes import changes
from bench.compare.gates import GateOutcome, judge_rule, parse_rule
from bench.compare.run_values import RunValues
from tests.support import synthetic
from tests.unit.compare.builders import judge_values

pytestmark = pytest.mark.slow
MODELS = {"asyncio": 3e4, "select": 4e4, "multiprocessing": 3.9e4}
SERVER = "mine/tcp"
RULES = ("throughput_rps<-5%", "cpu_us_per_request>5%")
RUNS = 12  # pairs of runs for each kind and regression
KINDS = {"quick": (6, (16,)), "standard": (9, (1, 16, 64))}  # blocks, and connections


@functools.cache
def make_rows(kind: str, seed: int, machine: float) -> synthetic.Rows:
    """Return the rows of a run of an external server beside models. machine: factor of its speed."""
    blocks, connections = KINDS[kind]
    rates = {f"{model}/tcp": rate for model, rate in MODELS.items()} | {"native/tcp": 1e5, SERVER: 3.5e4}
    loads = {arm: dict.fromkeys(connections, machine * rate) for arm, rate in rates.items()}
    return synthetic.make_run(loads, blocks=blocks, rounds=8, block_noise=0.015, noise=0.03, seed=seed)


@functools.cache
def make_values(kind: str, seed: int, machine: float, regression: float) -> RunValues:
    """Return the values of a run. regression: factor of the external server's time per request."""
    rows = make_rows(kind, seed, machine)
    slices = rows.slices.copy()
    is_planted = slices["arm"] == SERVER
    slices.loc[is_planted, "throughput_rps"] /= regression
    slices.loc[is_planted, "server_cpu_us"] *= regression
    return judge_values(rows.trials, slices)


def count_outcomes(kind: str, regression: float, same_programs: frozenset[str]) -> Counter[GateOutcome]:
    """Return how often each outcome occurs, over pairs of runs and rules."""
    outcomes: Counter[GateOutcome] = Counter()
    for seed in range(RUNS):
        runs = make_values(kind, seed, 1.0, 1.0), make_values(kind, 1000 + seed, 1.05, regression)
        found = changes(*runs, same_programs, [SERVER])
        outcomes.update(judge_rule(found, [], parse_rule(rule)).outcome for rule in RULES)
    return outcomes


@pytest.mark.parametrize("same_programs", [frozenset(MODELS), frozenset()], ids=["models", "native"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("regression", [1.05 / 0.95, 1.2])
def test_planted_regression_never_passes(kind: str, regression: float, same_programs: frozenset[str]) -> None:
    outcomes = count_outcomes(kind, regression, same_programs)
    assert outcomes[GateOutcome.PASSED] == 0
    if regression == 1.2:
        assert outcomes[GateOutcome.BROKEN] >= 0.8 * outcomes.total()


@pytest.mark.parametrize("kind", KINDS)
def test_regression_of_the_size_of_the_rule_seldom_passes(kind: str) -> None:
    outcomes = count_outcomes(kind, 1 / 0.95, frozenset(MODELS))
    assert outcomes[GateOutcome.PASSED] <= 4  # binomial(24, .05) exceeds it in 0.2% of cases


@pytest.mark.parametrize("kind", KINDS)
def test_equal_servers_seldom_break_a_rule(kind: str) -> None:
    outcomes = count_outcomes(kind, 1.0, frozenset(MODELS))
    assert outcomes[GateOutcome.BROKEN] <= 4  # binomial(24, .05) exceeds it in 0.2% of cases
    assert outcomes[GateOutcome.PASSED] > outcomes[GateOutcome.UNDECIDED]


def test_models_that_did_not_change_show_smaller_changes_than_the_baseline() -> None:
    runs = make_values("quick", 1, 1.0, 1.0), make_values("quick", 1001, 1.05, 1.1)
    detectable = {}
    for names in (frozenset(MODELS), frozenset[str]()):
        (change,) = [
            change
            for change in changes(*runs, names, [SERVER])
            if (change.arm, change.metric) == (SERVER, "throughput_rps")
        ]
        detectable[change.relative_to] = change.detectable_share
    assert list(detectable) == ["the models", "native"]
    assert detectable["the models"] < detectable["native"]
