"""The time of a cycle: of a reply, or of a session where clients come and go."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.experiment.child_process import ServerError
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers, population_settings
from bench.experiment.solo_load import load_alone
from bench.plan.population_loads import PopulationLoad
from bench.plan.schedule import ScheduledLoad
from bench.plan.slice_lengths import is_short
from bench.schema.arms import Arm

Cycles = Mapping[str, Mapping[Arm, float | None]]  # time of a cycle in s, of each population by name
_LOAD_S = 0.01
_TRIES = 3  # the first load also starts threads and warms up the interpreter
# A load that takes this long is slow by itself: the start of threads is a small part of it, and a second try would take
# as long.
_SLOW_S = 0.05
# In a window, on average. With three, one window in twenty has none; with one, more than one in three (Poisson).
_FEW_REQUESTS = 3


def measure_cycles(
    context: RunContext, load: ScheduledLoad, servers: Servers, population: PopulationLoad
) -> dict[Arm, float | None]:
    """Return the time of a cycle of one population alone, of each arm that is up and serves the load."""
    return {
        arm: measure_cycle_s(context, load, server, population)
        for arm, server in servers.items()
        if isinstance(server, Server) and not load.skip_reasons[arm]
    }


def measure_cycle_s(
    context: RunContext, load: ScheduledLoad, server: Server, population: PopulationLoad
) -> float | None:
    """Return the time of a cycle in a closed loop with the connections of a population.

    None if there is no reply; the block reports the reason. The shortest of a few tries counts, unless the first is
    short enough for the plan's slices.
    """
    plan, generator, name = context.schedule.plan, context.generator, f"{server.arm.name} cycle"
    spin = context.schedule.cpus_disjoint
    patient = population.waiting_for(plan.timeout_s)
    settings = population_settings(load, patient, server, plan.timeout_s, spin=spin)
    shortest_s: float | None = None
    try:
        generator.open(name, settings)
        for _ in range(_TRIES):
            figures = generator.slice(name, _LOAD_S, 0.0, None)
            cycle_s = cycle_of(population, figures)
            if cycle_s is None:
                break
            shortest_s = cycle_s if shortest_s is None else min(shortest_s, cycle_s)
            if is_short(plan, load.scenario, shortest_s) or figures["elapsed_s"] > _SLOW_S:
                break
    except ServerError:
        shortest_s = None
    generator.abandon(name)
    return shortest_s


def measure_reply_s(
    context: RunContext,
    load: ScheduledLoad,
    server: Server,
    cycle_s: float,
    rate_rps: float,
    population: PopulationLoad,
) -> float:
    """Return the longest time of a reply at a rate. It is at most ``cycle_s``, the time in a closed loop.

    A closed loop keeps every connection waiting, so its cycle may be much longer than a reply at the rate.
    Rare requests have constant distances here, so there is at least one.
    """
    window_s = min(max(_LOAD_S, 1 / rate_rps), max(_LOAD_S, cycle_s))
    if rate_rps * window_s < _FEW_REQUESTS:
        rate_rps, population = max(rate_rps, 1 / window_s), replace(population, arrivals="constant")
    try:
        result = load_alone(context, server, load, [window_s], 0.0, rate_rps=rate_rps, population=population)
    except ServerError:
        return cycle_s
    service_us = result.document["service_us"]
    if not service_us["count"] or not isinstance(service_us["max"], int | float):
        return cycle_s
    return min(cycle_s, float(service_us["max"]) / 1e6)


def cycle_of(population: PopulationLoad, figures: Mapping[str, Any]) -> float | None:
    """Return the mean time of a cycle in one load, from its first request to its last reply.

    In that time every connection was busy, so it is the connections' time divided by the number of cycles. This also
    holds if the requests queue up and the load is shorter than the queue. Source: the operational law of Little (1961).
    """
    answered = float(figures["answered"])
    if not answered:
        return None
    cycles = answered / population.requests_per_cycle
    return population.connections * population.depth * float(figures["elapsed_s"]) / cycles
