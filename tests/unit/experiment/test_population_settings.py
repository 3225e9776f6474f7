"""The generator's settings of a population, as the generator itself takes them."""

from typing import Any

import pytest

from bench.experiment.child_process import UnmanagedServer
from bench.experiment.server import Server, population_settings
from bench.machine.process_usage import UnknownUsage
from bench.plan.schedule import ScheduledLoad, resolve
from bench.schema.arms import Arm
from clients.load_spec import LoadSpec
from tests.unit.plan.plans import MODELS
from tests.unit.plan.population_plans import make_populations

READY = {"host": "127.0.0.1", "port": 8000}
SERVER = Server(Arm("select", "tcp"), UnmanagedServer(), UnknownUsage(), READY)


def make_load(population: dict[str, Any], **scenario: Any) -> ScheduledLoad:
    plan = make_populations({"connections": 4} | population, **scenario)
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,)).block_loads[0]


def make_spec(population: dict[str, Any], **scenario: Any) -> LoadSpec:
    load = make_load(population, **scenario)
    return LoadSpec(**population_settings(load, load.populations[0], SERVER, 1.0, spin=True))


def test_work_of_one_kind_is_given_as_wait_and_compute() -> None:
    spec = make_spec({"wait_ms": 1.5, "compute_units": 7, "compute_kind": "release"})
    assert (spec.wait_us, spec.compute_units, spec.compute_kind, spec.work_mix) == (1500, 7, "release", ())


def test_work_of_several_kinds_is_given_as_a_mix() -> None:
    spec = make_spec({"work_mix": [{"weight": 99}, {"weight": 1, "wait_ms": 2, "compute_units": 5}]})
    assert [tuple(kind) for kind in spec.work_mix] == [(0, 0, 99), (2000, 5, 1)]


def test_protocol_without_work_has_no_settings_of_work() -> None:
    load = make_load({}, protocol="echo")
    settings = population_settings(load, load.populations[0], SERVER, 1.0, spin=True)
    assert not {"wait_us", "compute_units", "compute_kind", "work_mix"} & set(settings)


@pytest.mark.parametrize(
    ("population", "expected"),
    [
        ({"behaviour": "silent"}, {"behaviour": "silent"}),
        ({"behaviour": "trickle", "trickle_s": 0.5}, {"behaviour": "trickle", "trickle_s": 0.5}),
        ({"behaviour": "never_reads", "message_bytes": 1024}, {"behaviour": "never_reads", "message_bytes": 1024}),
        ({"depth": 8}, {"depth": 8}),
        ({"timeout_s": 0.25, "retries": 3}, {"timeout_s": 0.25, "retries": 3}),
        ({"lifecycle": "per_request"}, {"lifecycle": "per_request", "timeout_s": 1.0}),
    ],
)
def test_behaviour_of_a_population_reaches_the_generator(population: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = make_spec(population)
    assert {name: getattr(spec, name) for name in expected} == expected
    assert (spec.connections, spec.protocol, spec.spin) == (4, "work", True)
