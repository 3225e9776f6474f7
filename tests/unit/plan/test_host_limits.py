"""Loads with many connections: descriptors and memory are checked before a run."""

import msgspec
import pytest

from bench.plan.definition import PlanError
from bench.plan.host_limits import HostLimits
from bench.plan.schedule import Schedule, describe_turns, resolve
from bench.schema.arms import Arm
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios
from tests.unit.plan.population_plans import make_populations

ACTIVE = {"name": "active", "connections": 64, "rate_rps": 2000}
IDLE = {"name": "idle", "behaviour": "silent"}


def make_schedule(limits: HostLimits) -> Schedule:
    plan = make_populations(ACTIVE, IDLE, connections=[100, 10_000])
    plan = msgspec.structs.replace(plan, models=("epoll", "asyncio", "poll"), baseline="none")
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,), limits=limits)


def test_arms_take_turns_if_their_connections_are_too_many_together() -> None:
    few, many = make_schedule(HostLimits(descriptors=25_000)).block_loads
    arms = make_schedule(HostLimits()).arms
    assert [len(turn) for turn in few.turns(arms)] == [len(arms)]
    assert [len(turn) for turn in many.turns(arms)] == [2, 1]
    assert many.turns([]) == []


def test_turns_are_stated_only_where_there_are_some() -> None:
    assert describe_turns(make_schedule(HostLimits())) == []
    (line,) = describe_turns(make_schedule(HostLimits(descriptors=11_000)))
    assert line.startswith("mixed, 10000 connections, 64 bytes: 1 server at a time, because of the limit of open files")


def test_connections_that_not_even_one_arm_can_hold_are_refused() -> None:
    with pytest.raises(PlanError, match=r"needs 10,128 file descriptors, but .* 10,000; use at most 9,936"):
        make_schedule(HostLimits(descriptors=10_000))


def test_model_that_needs_too_much_memory_is_skipped_with_both_numbers() -> None:
    plan = make_plan(
        models=["process_per_client", "epoll"], transports=["tcp"], seed=1, scenarios=make_scenarios(connections=[5000])
    )
    limits = HostLimits(memory_mb=2000.0)
    (load,) = resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,), limits=limits).block_loads
    assert load.skip_reasons[Arm("process_per_client", "tcp")] == (
        "process_per_client with a process for each would need about 3.0 GB for 5.00k connections, and 2.0 GB are free"
    )
    assert load.skip_reasons[Arm("epoll", "tcp")] == ""
