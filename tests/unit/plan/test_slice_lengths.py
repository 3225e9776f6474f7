import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.plan.definition import Plan, PlanError
from bench.plan.matrix import arms, load_points
from bench.plan.ordering import round_count, takes_part
from bench.plan.slice_lengths import (
    MAX_LOAD_FACTOR,
    MAX_SLICE_S,
    MIN_REQUESTS,
    WARMUP_SHARE,
    Lengths,
    SliceLength,
    choose_length,
    is_short,
    short_cycle_s,
    usual_length,
)
from bench.plan.time_budget import MIN_BLOCKS, duration_s, fit, slices_per_block
from bench.plan.validation import check_form
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios

CYCLES_S = st.floats(1e-6, 20.0)


def make_sessions(**changes: object) -> Plan:
    return make_plan(scenarios=make_scenarios(lifecycle="session", **changes))


def with_blocks(plan: Plan, blocks: int) -> Plan:
    return msgspec.structs.replace(plan, blocks=blocks)


@pytest.mark.parametrize("rate_rps", [None, 1000.0, 20_000.0])
def test_fast_server_keeps_the_slices_of_the_plan(rate_rps: float | None) -> None:
    plan = make_plan()
    longest_s = short_cycle_s(plan) if rate_rps is None else plan.slice_warmup_s
    for cycle_s in (1e-5, 1e-3, longest_s):
        length = choose_length(plan, plan.scenarios[0], cycle_s, rate_rps)
        assert (length.slice_s, length.warmup_s) == (plan.slice_s, plan.slice_warmup_s)
        assert length.round_interval(round_count(plan, plan.scenarios[0]), plan.slice_s) == 1


def test_cycle_is_short_against_the_slices_of_its_scenario() -> None:
    """Then the slices do not depend on the cycle, so one try of it is enough."""
    plan = make_plan(scenarios=make_scenarios(slice_s=0.4))
    (scenario,) = plan.scenarios
    for cycle_s in (0.01, 0.08):
        assert is_short(plan, scenario, cycle_s)
        assert choose_length(plan, scenario, cycle_s).slice_s == 0.4
    assert not is_short(plan, scenario, 0.1)
    assert not is_short(make_plan(), make_plan().scenarios[0], 0.01)


def test_warm_up_of_open_loop_lasts_until_the_first_replies() -> None:
    plan = make_plan()
    length = choose_length(plan, plan.scenarios[0], 0.005, 20_000.0)
    assert (length.warmup_s, length.window_s) == (0.005, usual_length(plan).window_s)


def test_unanswered_requests_keep_the_slices_of_the_plan() -> None:
    plan = make_plan()
    assert choose_length(plan, plan.scenarios[0], None) == usual_length(plan)


@given(CYCLES_S)
def test_slice_of_slow_server_has_a_cycle_of_warm_up_and_two_in_the_window(cycle_s: float) -> None:
    plan = make_plan()
    length = choose_length(plan, plan.scenarios[0], cycle_s)
    assert length.window_s >= 2 * cycle_s * 0.999
    assert length.warmup_s >= cycle_s or cycle_s <= short_cycle_s(plan)
    assert bool(length.skip_reason) == (length.slice_s > MAX_SLICE_S)


@given(st.floats(0.2, 1e5), st.sampled_from([1e-4, 0.05, 1.0]))
def test_window_of_open_loop_holds_enough_requests(rate_rps: float, cycle_s: float) -> None:
    plan = make_plan()
    length = choose_length(plan, plan.scenarios[0], cycle_s, rate_rps)
    requests = rate_rps * length.window_s
    assert requests >= MIN_REQUESTS * 0.999
    # A constant rate is right within 5%, wherever the window begins.
    assert requests >= 20 or requests == pytest.approx(round(requests), abs=1e-6)


def test_window_of_open_sessions_holds_enough_sessions() -> None:
    plan = make_sessions(rate_rps=100.0, requests_per_session=5)
    assert choose_length(plan, plan.scenarios[0], 0.001, 100.0).window_s == pytest.approx(MIN_REQUESTS * 5 / 100)


@pytest.mark.parametrize(
    ("plan", "cycle_s", "rate_rps", "reason"),
    [
        (
            make_plan(),
            25.0,
            None,
            "a reply takes 25 s at this load, so a slice would take 75 s, and the maximum is 60 s",
        ),
        (make_sessions(), 25.0, None, "a session takes 25 s at this load"),
        (make_plan(), 0.001, 0.05, "at 0.05 requests/s a slice with 10 requests would take 200 s"),
    ],
)
def test_too_long_slice_is_a_reason_to_skip(plan: Plan, cycle_s: float, rate_rps: float | None, reason: str) -> None:
    assert choose_length(plan, plan.scenarios[0], cycle_s, rate_rps).skip_reason.startswith(reason)


def test_longer_slice_in_the_plan_raises_the_maximum() -> None:
    plan = make_plan(slice_s=200.0)
    assert choose_length(plan, plan.scenarios[0], 25.0).skip_reason == ""


@given(st.integers(1, 200), st.floats(0.025, 60.0), st.floats(0.025, 60.0))
def test_slow_arms_share_their_rounds(rounds: int, slice_s: float, other_s: float) -> None:
    intervals = [SliceLength(length_s, 0.01).round_interval(rounds, 0.025) for length_s in (slice_s, other_s)]
    taken = [{n for n in range(rounds) if takes_part(n, interval, is_baseline=False)} for interval in intervals]
    assert taken[0] <= taken[1] or taken[1] <= taken[0]
    for length_s, numbers in zip((slice_s, other_s), taken, strict=True):
        assert numbers
        assert len(numbers) == 1 or len(numbers) * length_s <= MAX_LOAD_FACTOR * rounds * 0.025 * 1.001
    assert max(intervals) < 2 * rounds  # it is written to a table, whose whole numbers have 64 bits


def make_lengths(plan: Plan, arm_name: str, length: SliceLength) -> Lengths:
    return {(point, arm): length for point in load_points(plan) for arm in arms(plan) if arm.name == arm_name}


def test_duration_includes_long_slices_and_their_drain() -> None:
    plan = make_plan(blocks=10, transports=["tcp"])
    slow = make_lengths(plan, "select/tcp", SliceLength(4.0, 1.0, 1.0))
    more_s = duration_s(plan, MODELS, slow) - duration_s(plan, MODELS)
    assert more_s == pytest.approx(10 * 2 * (4.0 + 1.0 + 1.0), rel=0.1)  # blocks, load points, one slice and its drain
    assert slices_per_block(plan, MODELS, slow) < slices_per_block(plan, MODELS)


def test_skipped_arm_takes_no_time() -> None:
    plan = make_plan(transports=["tcp"])
    skipped = make_lengths(plan, "select/tcp", SliceLength(90.0, 30.0, 30.0, "too slow"))
    assert duration_s(plan, MODELS, skipped) < duration_s(plan, MODELS)


def test_fit_gives_fewer_blocks_to_slow_arms() -> None:
    plan = make_plan(transports=["tcp"])
    slow = make_lengths(plan, "select/tcp", SliceLength(0.5, 0.1, 0.1))
    fitted = fit(plan, 2.0, MODELS, slow)
    assert MIN_BLOCKS <= fitted.blocks < fit(plan, 2.0, MODELS).blocks
    assert duration_s(fitted, MODELS, slow) <= 120


def test_fit_names_the_arm_that_takes_the_time() -> None:
    plan = make_plan(transports=["tcp"])
    slow = make_lengths(plan, "select/tcp", SliceLength(30.0, 10.0, 10.0))
    with pytest.raises(
        PlanError, match=r"needs at least \d+ minutes; select/tcp takes \d+% of it, in slices of up to 30 s"
    ):
        fit(plan, 2.0, MODELS, slow)
    needed = math.ceil(duration_s(with_blocks(plan, MIN_BLOCKS), MODELS, slow) / 60)
    assert fit(plan, needed, MODELS, slow).blocks == MIN_BLOCKS


def test_scenario_has_slices_of_its_own() -> None:
    own = make_plan(scenarios=make_scenarios(connections=[1], seconds=0.8, slice_s=0.4))
    (scenario,) = own.scenarios
    of_scenario = SliceLength(0.4, WARMUP_SHARE * 0.4)
    assert usual_length(own, scenario) == of_scenario
    assert round_count(own, scenario) == 2
    chosen = choose_length(own, scenario, cycle_s=0.01)
    assert chosen.slice_s == pytest.approx(0.4)
    assert chosen.warmup_s == of_scenario.warmup_s
    longer = choose_length(own, scenario, cycle_s=0.2)
    assert longer.slice_s > 0.4
    assert longer.is_longer(own, scenario)
    assert usual_length(own) == SliceLength(own.slice_s, own.slice_warmup_s)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"rate": "highest", "seconds": 0.1}, "a search has no slices"),
        (
            {"phases": [{"name": "all", "seconds": 0.1}], "populations": [{"name": "clients", "connections": 1}]},
            "all phases are one slice",
        ),
    ],
)
def test_own_slices_without_effect_are_refused(changes: dict[str, object], cause: str) -> None:
    plan = make_plan(scenarios=[{"name": "capacity", "connections": [1], "slice_s": 0.2} | changes])
    with pytest.raises(PlanError, match=rf"slice_s = 0.2 has no effect, because {cause}; remove slice_s"):
        check_form(plan)
