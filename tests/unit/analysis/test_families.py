import math

import pandas as pd
import pytest

from bench.analysis.block_values import valid_slices
from bench.analysis.families import Family, families, holm_p_values
from bench.analysis.statistics import LogRatio
from tests.support import synthetic
from tests.unit.analysis.builders import REFERENCE_ARMS, make_tables


def make_families(*arms: str, reference_arms: dict[str, str] = REFERENCE_ARMS) -> list[Family]:
    """Return the families of throughput of a run with equal arms."""
    trials, slices = make_tables({arm: [[10.0, 10.1]] * 4 for arm in arms})
    every = families(valid_slices(slices, trials), trials, reference_arms)
    return [family for family in every if family.metric == "throughput_rps"]


def pairs_of(family: Family) -> set[tuple[str, str, str]]:
    return {(member.pair.arm, member.pair.reference, member.pair.kind.value) for member in family.members}


def test_families_are_controls_transports_and_each_transport() -> None:
    controls, tcp, udp, transports = make_families(
        "asyncio/tcp", "asyncio/tcp~control", "select/tcp", "asyncio/udp", "select/udp"
    )
    assert pairs_of(controls) == {("asyncio/tcp~control", "asyncio/tcp", "control")}
    assert pairs_of(tcp) == {("select/tcp", "asyncio/tcp", "reference")}
    assert pairs_of(udp) == {("select/udp", "asyncio/udp", "reference")}
    assert pairs_of(transports) == {
        ("asyncio/udp", "asyncio/tcp", "transports"),
        ("select/udp", "select/tcp", "transports"),
    }


def test_family_has_all_pairs_of_a_transport_but_no_baseline() -> None:
    tcp, _ = make_families("asyncio/tcp", "select/tcp", "iterative/tcp", "native/tcp")
    assert pairs_of(tcp) == {
        ("iterative/tcp", "asyncio/tcp", "reference"),
        ("select/tcp", "asyncio/tcp", "reference"),
        ("iterative/tcp", "select/tcp", "pair"),
    }
    assert tcp.independent == 2


def test_baseline_is_compared_with_every_competing_arm_of_its_transport() -> None:
    every = make_families("asyncio/tcp", "asyncio/tcp~control", "select/tcp", "native/tcp", "native/udp", "asyncio/udp")
    of_baseline = [family for family in every if family.members[0].pair.kind == "baseline"]
    assert [pairs_of(family) for family in of_baseline] == [
        {("native/tcp", "asyncio/tcp", "baseline"), ("native/tcp", "select/tcp", "baseline")},
        {("native/udp", "asyncio/udp", "baseline")},
    ]


def test_baseline_is_compared_in_the_rate_of_a_closed_loop_only() -> None:
    rates = {arm: {16: 3e3} for arm in ("asyncio/tcp", "native/tcp")}
    rows = synthetic.make_run(rates, scenario="sessions", blocks=3, rounds=2)
    every = families(valid_slices(rows.slices, rows.trials), rows.trials, REFERENCE_ARMS)
    metrics = [family.metric for family in every if family.members[0].pair.kind == "baseline"]
    assert metrics == ["sessions_per_s"]
    latency = rows.trials.assign(scenario_kind="latency")
    every = families(valid_slices(rows.slices, latency), latency, REFERENCE_ARMS)
    assert not [family for family in every if family.members[0].pair.kind == "baseline"]


def test_family_without_reference_has_pairs_only() -> None:
    (tcp,) = make_families("select/tcp", "poll/tcp", reference_arms={})
    assert pairs_of(tcp) == {("poll/tcp", "select/tcp", "pair")}


def test_controls_of_all_load_points_are_one_family_per_metric() -> None:
    rates = {arm: {1: 3e4, 16: 3e4} for arm in ("asyncio/tcp", "asyncio/tcp~control", "select/tcp")}
    rows = synthetic.make_run(rates, blocks=3, rounds=2)
    every = families(valid_slices(rows.slices, rows.trials), rows.trials, REFERENCE_ARMS)
    sizes = [(family.of_controls, len(family.members)) for family in every if family.metric == "throughput_rps"]
    assert sizes == [(True, 2), (False, 1), (False, 1)]


def test_sessions_are_compared_once() -> None:
    rates = {arm: {16: 3e3} for arm in ("asyncio/tcp", "select/tcp")}
    rows = synthetic.make_run(rates, scenario="sessions", blocks=3, rounds=2)
    every = families(valid_slices(rows.slices, rows.trials), rows.trials, REFERENCE_ARMS)
    metrics = [family.metric for family in every]
    assert "sessions_per_s" in metrics
    assert "throughput_rps" not in metrics  # a session has a fixed number of requests


def test_cpu_time_of_a_mixed_load_is_compared_once() -> None:
    rates = {arm: {16: 3e3} for arm in ("asyncio/tcp", "select/tcp")}
    rows = synthetic.make_run(rates, scenario="mixed", blocks=3, rounds=2)
    trials, slices = (
        pd.concat([table.assign(population=name) for name in ("light", "heavy")])
        for table in (rows.trials, rows.slices)
    )
    trials = trials.assign(scenario_kind="mixed")
    every = families(valid_slices(slices, trials), trials, REFERENCE_ARMS)
    found = [family.members[0].load_point.population for family in every if family.metric == "cpu_us_per_request"]
    assert found == ["light"]


def test_difference_is_the_mean_of_the_medians_of_the_blocks() -> None:
    trials, slices = make_tables(
        {
            "asyncio/tcp": [[10.0, 12.0, 20.0], [10.0, 10.0, 10.0]],
            "select/tcp": [[11.0, 14.0, 20.0], [14.0, 13.0, 13.0]],
        }
    )
    (tcp, *_) = [
        family
        for family in families(valid_slices(slices, trials), trials, REFERENCE_ARMS)
        if family.metric == "throughput_rps"
    ]
    assert tcp.members[0].differences == (1.0, 3.0)
    (difference,) = tcp.differences()
    assert difference.estimate == 2.0
    assert difference.low < 1.0 < 3.0 < difference.high  # 12.7 standard errors with two blocks


def test_holm_p_values_skip_unknown_p_values() -> None:
    intervals = [LogRatio(1, 1, 1, 1, 1, p) for p in (0.04, math.nan, 0.01)]
    adjusted = holm_p_values(intervals)
    assert math.isnan(adjusted[1])
    assert [adjusted[0], adjusted[2]] == pytest.approx([0.04, 0.02])
