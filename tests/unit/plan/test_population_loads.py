"""The load of each population at a load point, and the load points that rows are about."""

from dataclasses import replace

import pytest

from bench.plan import toml
from bench.plan.definition import Plan
from bench.plan.matrix import load_points, row_points, skip_reason
from bench.plan.ordering import round_count
from bench.plan.population_loads import PopulationLoad, populations_at, shared_rate_population
from bench.plan.schedule import resolve
from bench.plan.slice_lengths import SliceLength, choose_length, longest_length, planned_length
from bench.plan.time_budget import duration_s, fit
from bench.schema.arms import Arm
from bench.schema.metrics import ScenarioKind, headline
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios
from tests.unit.plan.population_plans import make_overload, make_populations

ACTIVE = {"name": "active", "connections": 64, "rate_rps": 2000}
IDLE = {"name": "idle", "behaviour": "silent"}


def populations_of(plan: Plan) -> list[PopulationLoad]:
    return [*populations_at(plan.scenarios[0], load_points(plan)[0])]


@pytest.mark.parametrize(
    "plan",
    [
        make_populations(ACTIVE, IDLE, connections=[0, 100]),
        make_overload(0.5, 1.5, 0.5, retries=3, timeout_s=0.2),
        make_populations({"connections": 1, "work_mix": [{"weight": 99}, {"weight": 1, "compute_units": 10_000}]}),
    ],
)
def test_plan_with_populations_survives_a_round_trip(plan: Plan) -> None:
    assert toml.decode(toml.encode(plan), "plan.toml") == plan


def test_varied_number_goes_to_populations_without_one() -> None:
    plan = make_populations(ACTIVE, IDLE, connections=[100, 0])
    assert [(point.connections, point.part) for point in row_points(plan)] == [
        (0, "active"), (100, "active"), (100, "idle"),
    ]  # fmt: skip
    at_100 = populations_at(plan.scenarios[0], load_points(plan)[1])
    assert [load.connections for load in at_100] == [64, 100]


def test_load_point_of_populations_with_own_numbers_is_their_sum() -> None:
    plan = make_populations({"connections": 32}, {"connections": 8})
    assert [point.connections for point in load_points(plan)] == [40]


def test_rows_of_phases_leave_out_populations_that_are_off() -> None:
    phases = [{"name": "before", "seconds": 1.0, "off": ["p1"]}, {"name": "after", "seconds": 1.0}]
    plan = make_populations({"connections": 1}, {"connections": 2}, phases=phases)
    assert [point.part for point in row_points(plan)] == ["p0 during before", "p0 during after", "p1 during after"]


def test_population_takes_missing_keys_from_the_scenario() -> None:
    own, inherited = populations_of(
        make_populations(
            {"connections": 1, "wait_ms": 7, "message_bytes": 1024},
            {"connections": 1},
            wait_ms=5.0,
            compute_units=3,
            message_bytes=[128],
        )
    )
    assert (own.mean_wait_us, own.mean_compute_units, own.message_bytes) == (7000, 3, 1024)
    assert (inherited.mean_wait_us, inherited.mean_compute_units, inherited.message_bytes) == (5000, 3, 128)


def test_mean_work_of_a_mix_is_weighted() -> None:
    mix = [{"weight": 99}, {"weight": 1, "compute_units": 10_000, "wait_ms": 1}]
    (load,) = populations_of(make_populations({"connections": 1, "work_mix": mix}))
    assert load.mean_compute_units == pytest.approx(100)
    assert load.mean_wait_us == pytest.approx(10)
    (echo,) = populations_at(make_plan().scenarios[0], load_points(make_plan())[0])
    assert (echo.mean_compute_units, echo.mean_wait_us) == (None, None)


def test_mix_of_populations_has_their_work_by_their_shares() -> None:
    light, heavy = populations_of(
        make_populations(
            {"connections": 32, "rate_share": 0.9},
            {"connections": 8, "rate_share": 0.1, "compute_units": 500},
            rate="common",
        )
    )
    mix = shared_rate_population([light, heavy])
    assert mix.connections == 40
    assert mix.mean_compute_units == pytest.approx(50)
    assert [kind.weight for kind in mix.work] == [0.9, 0.1]


@pytest.mark.parametrize(
    ("population", "kind", "metric"),
    [
        ({"rate_rps": 5}, ScenarioKind.MIXED, "latency_p99_us"),
        ({}, ScenarioKind.CAPACITY, "throughput_rps"),
        ({"lifecycle": "per_request"}, ScenarioKind.SESSIONS, "sessions_per_s"),
        ({"behaviour": "silent"}, ScenarioKind.HELD, "memory_mb"),
        ({"behaviour": "never_reads"}, ScenarioKind.HELD, "memory_mb"),
    ],
)
def test_kind_of_a_population_follows_from_what_it_does(
    population: dict[str, object], kind: ScenarioKind, metric: str
) -> None:
    (load,) = populations_of(make_populations({"connections": 1} | population))
    assert (load.kind, headline(load.kind)) == (kind, metric)


def test_phases_ask_for_replies_per_second_in_each() -> None:
    (load,) = populations_of(make_overload(0.5, 1.5))
    assert (load.kind, load.loop, headline(load.kind)) == (ScenarioKind.PHASES, "open", "throughput_rps")
    assert [load.rule_of_phase(number) for number in (0, 1)] == list(load.phase_rules)


def test_phases_are_one_slice_on_a_fresh_server() -> None:
    plan = make_overload(0.5, 1.5, 0.5)
    scenario = plan.scenarios[0]
    assert (round_count(plan, scenario), planned_length(plan, scenario)) == (1, SliceLength(3.0, 0.0))
    schedule = resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,))
    assert [len(group.loads) for group in schedule.scenarios[0].fresh_groups] == [1]
    by_load = make_populations(ACTIVE | {"connections": None}, connections=[1, 2, 3])
    one_group = resolve(by_load, MODELS, server_cpus=(1,), generator_cpus=(0,)).scenarios[0].fresh_groups
    assert [len(group.loads) for group in one_group] == [3]


def test_budget_keeps_the_length_of_phases() -> None:
    plan = make_overload(0.5, 1.5, 0.5)
    one_block = duration_s(make_overload(0.5), MODELS) - duration_s(make_plan(), MODELS)
    assert duration_s(plan, MODELS) > one_block
    fitted = fit(plan, 10, MODELS)
    assert fitted.scenarios == plan.scenarios
    assert fitted.blocks > 6


def test_client_limit_counts_the_persistent_clients_of_all_populations() -> None:
    plan = make_populations(ACTIVE, IDLE, connections=[936, 937])
    reasons = [skip_reason(plan, Arm("select", "tcp"), point, MODELS) for point in load_points(plan)]
    assert reasons == ["", "select is designed for 1000 persistent TCP clients at a time"]


def test_behaviour_that_needs_a_stream_is_skipped_over_udp() -> None:
    plan = make_populations({"connections": 1}, {"connections": 1, "behaviour": "never_reads"})
    point = load_points(plan)[0]
    assert skip_reason(plan, Arm("select", "tcp"), point, MODELS) == ""
    assert "behaviour never_reads need a stream" in skip_reason(plan, Arm("select", "udp"), point, MODELS)


def test_slices_are_long_enough_for_the_slowest_population() -> None:
    plan = make_populations({"connections": 1}, {"connections": 1, "wait_ms": 50})
    fast, slow = (choose_length(plan, plan.scenarios[0], cycle_s) for cycle_s in (0.001, 0.05))
    assert longest_length([fast, slow]) == slow
    assert slow.window_s == pytest.approx(4 * 0.05)


def test_patient_clients_wait_for_the_longer_timeout_and_send_once() -> None:
    (clients,) = populations_of(make_overload(0.5, 1.5, retries=3, timeout_s=0.2))
    patient = clients.waiting_for(10.0)
    assert (patient.timeout_s, patient.retries) == (10.0, 0)
    assert replace(patient, timeout_s=clients.timeout_s, retries=clients.retries) == clients
    assert clients.waiting_for(0.1).timeout_s == 0.2
    (plain,) = populations_of(make_populations({"connections": 4}))
    assert plain.waiting_for(1.0).timeout_s == 1.0


def test_longest_timeout_includes_retries() -> None:
    plan = make_overload(0.5, 1.5, retries=3, timeout_s=0.5)
    assert resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,)).longest_timeout_s == 2.0
    plain = make_plan(seed=1, scenarios=make_scenarios())
    assert resolve(plain, MODELS, server_cpus=(1,), generator_cpus=(0,)).longest_timeout_s == 1.0
