"""Calibrations of real servers."""

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bench.experiment.calibration import calibrate
from bench.experiment.cycle import measure_reply_s
from bench.experiment.generator_process import Generator, local_generator
from bench.experiment.model_catalogue import known_models
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server
from bench.experiment.server_pool import fresh_servers
from bench.machine.noise_probe import NoiseProbe
from bench.plan.schedule import resolve
from tests.support.silent_observer import SilentObserver
from tests.unit.plan.plans import make_plan, make_scenarios

pytestmark = [pytest.mark.serial, pytest.mark.slow]
TIMEOUT_S = 10.0


@pytest.fixture
def generator() -> Iterator[Generator]:
    with local_generator(sorted(os.sched_getaffinity(0))[:1], TIMEOUT_S) as started:
        started.await_ready()
        yield started


def make_context(generator: Generator, **changes: Any) -> RunContext:
    """Return a run of one model over TCP at one load point."""
    plan = make_plan(models=["select"], transports=["tcp"], baseline="none", seed=1, **changes)
    cpus = sorted(os.sched_getaffinity(0))
    schedule = resolve(plan, known_models(plan), server_cpus=cpus[-1:], generator_cpus=cpus[:1])
    return RunContext(schedule, generator, NoiseProbe(cpus), SilentObserver())


def test_reply_at_a_rare_rate_is_measured_for_every_seed(generator: Generator) -> None:
    # Ten windows of one request each on average: with random arrivals some would have none.
    context = make_context(generator, scenarios=make_scenarios(connections=[8], rate_rps=50.0, seconds=0.1))
    cycle_s = TIMEOUT_S  # as if a closed loop had a long queue
    with fresh_servers(context, context.schedule.scenarios[0], context.schedule.fresh_arms) as servers:
        (server,) = servers.values()
        assert isinstance(server, Server)
        (load,) = context.schedule.block_loads
        population = load.populations[0]
        replies_s = [
            measure_reply_s(context, replace(load, seed=seed), server, cycle_s, 50.0, population) for seed in range(10)
        ]
    assert max(replies_s) < cycle_s


def test_control_has_the_rates_and_slices_of_its_arm(generator: Generator) -> None:
    scenarios = make_scenarios(connections=[8], rate="common", seconds=0.1)
    context = make_context(generator, scenarios=scenarios, control="select")
    found = calibrate(context, {"echo": {}})
    (rate, rate_of_control), (length, length_of_control) = found.rates, found.lengths
    assert rate_of_control == replace(rate, arm="select/tcp~control")
    assert length_of_control == replace(length, arm="select/tcp~control")
