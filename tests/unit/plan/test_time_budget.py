import msgspec
import pytest

from bench.experiment.runner import models
from bench.plan.definition import PlanError, cases, rounds
from bench.plan.time_budget import LEAST_BLOCKS, duration_s, fit
from bench.plan.toml import load_plan

KNOWN = models()


def test_the_profiles_take_the_time_that_they_promise() -> None:
    assert 45 < duration_s(load_plan("quick"), KNOWN) < 75
    assert 240 < duration_s(load_plan("standard"), KNOWN) < 360
    assert 30 * 60 < duration_s(load_plan("thorough"), KNOWN) < 75 * 60


@pytest.mark.parametrize("minutes", [2.0, 4.0, 6.0, 30.0])
def test_a_plan_fits_into_its_time(minutes: float) -> None:
    plan = fit(load_plan("standard"), minutes, KNOWN)
    assert plan.blocks >= LEAST_BLOCKS
    assert 0.7 * 60 * minutes < duration_s(plan, KNOWN) <= 60 * minutes


def test_more_time_is_more_blocks_and_less_time_first_fewer_blocks_then_fewer_rounds() -> None:
    plan = load_plan("standard")
    longer, shorter, shortest = (fit(plan, minutes, KNOWN) for minutes in (30.0, 4.0, 2.0))
    of_plan = [rounds(plan, case) for case in cases(plan)]
    assert longer.blocks > plan.blocks > shorter.blocks > LEAST_BLOCKS
    assert [rounds(shorter, case) for case in cases(shorter)] == of_plan
    assert shortest.blocks == LEAST_BLOCKS
    fewer = [rounds(shortest, case) for case in cases(shortest)]
    assert all(few < usual for few, usual in zip(fewer, of_plan, strict=True))


def test_too_little_time_is_refused_with_what_is_needed() -> None:
    with pytest.raises(PlanError, match=r"0.5 minutes are too few for this plan, which needs some \d+ at least"):
        fit(load_plan("standard"), 0.5, KNOWN)


def test_a_plan_that_only_searches_keeps_its_blocks() -> None:
    plan = load_plan("thorough")
    searching = msgspec.structs.replace(plan, scenarios=tuple(one for one in plan.scenarios if one.searches))
    assert fit(searching, 60.0, KNOWN).blocks == plan.blocks
