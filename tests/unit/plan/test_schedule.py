import pytest

from bench.plan.definition import PlanError
from bench.plan.host_limits import HostLimits
from bench.plan.schedule import resolve
from bench.plan.slice_lengths import usual_length
from bench.plan.time_budget import slices_per_block
from bench.plan.toml import load_plan
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios


def test_schedule_resolves_workers_to_server_cpus() -> None:
    plan = make_plan(seed=1)
    assert resolve(plan, MODELS, server_cpus=(2, 3, 4), generator_cpus=(0, 1)).plan.workers == 3
    assert resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,)).plan.workers == 2
    assert resolve(make_plan(seed=1, workers=7), MODELS, server_cpus=(1,), generator_cpus=(0,)).plan.workers == 7


def test_schedule_counts_slices_of_arms_that_take_part() -> None:
    plan = make_plan(seed=1, transports=["tcp"], slice_s=0.05)  # 4 rounds; iterative serves one of two load points
    schedule = resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))
    assert slices_per_block(plan, MODELS) == 4 + 2 * 4 + 2 * 2
    usual = usual_length(plan)
    (one, many) = schedule.block_loads
    assert [arm.name for arm, reason in many.skip_reasons.items() if reason] == ["iterative/tcp"]
    assert [one.takes_part(schedule.arms[-1], usual, counted) for counted in range(4)] == [True, False, False, True]
    assert all(one.takes_part(arm, usual, 1) for arm in schedule.fresh_arms)


def test_schedule_separates_searches_from_blocks() -> None:
    search = make_scenarios(name="limit", rate="highest", connections=[4])
    plan = make_plan(seed=7, control="", scenarios=[*make_scenarios(), *search])
    schedule = resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))
    assert [load.point.scenario for load in schedule.block_loads] == ["capacity"]
    assert [load.point.scenario for load in schedule.searches] == ["limit"]
    assert not any(arm.control or arm.is_baseline for arm in schedule.searched_arms)
    for block in range(5):
        assert [scenario.scenario.name for scenario in schedule.block_order(block)] == ["capacity"]


def test_schedule_starts_baselines_once_per_protocol() -> None:
    scenarios = [*make_scenarios(), *make_scenarios(name="sessions", protocol="hola", lifecycle="session")]
    schedule = resolve(make_plan(seed=1, scenarios=scenarios), MODELS, server_cpus=(1,), generator_cpus=(0,))
    protocols = {protocol: scenario.scenario.name for protocol, scenario in schedule.protocol_scenarios.items()}
    assert protocols == {"echo": "capacity", "hola": "sessions"}


def test_schedule_knows_whether_cpus_are_shared() -> None:
    plan = make_plan(seed=1)
    assert resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,)).cpus_disjoint
    assert not resolve(plan, MODELS, server_cpus=(0,), generator_cpus=(0,)).cpus_disjoint
    assert not resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,), share_core=True).cpus_disjoint


def test_resolve_rejects_what_cannot_be_measured() -> None:
    with pytest.raises(PlanError, match="file descriptors"):
        resolve(
            make_plan(seed=1, scenarios=make_scenarios(connections=[5000])),
            MODELS,
            server_cpus=(1,),
            generator_cpus=(0,),
            limits=HostLimits(descriptors=4096),
        )


def test_resolve_needs_a_seed() -> None:
    plan = load_plan("quick")
    with pytest.raises(AssertionError, match="seed"):
        resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))
