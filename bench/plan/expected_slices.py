"""The slices that a plan lets expect, before a calibration has measured how long replies take. Pure.

They serve estimates of a run's duration alone. The run itself measures.
"""

from bench.plan.definition import Plan
from bench.plan.matrix import MIN_WORKERS
from bench.plan.population_loads import PopulationLoad, populations_at
from bench.plan.scenario import Scenario
from bench.plan.slice_lengths import SliceLength, choose_length, longest_length, planned_length
from bench.schema.load_points import LoadPoint
from servers.registry import Description

# On a quiet virtual machine (AMD EPYC), a request of 64 bytes took the models of `standard` 5 to 19 us of one CPU. With
# more clients it takes longer: 92 us in a server with a thread for each of 1,000. These are middle values.
REQUEST_S, REQUEST_BESIDE_S = 15e-6, 45e-9
BYTE_S = 1e-9  # of a message there and back
COMPUTE_UNIT_S = 1e-6


def expected_length(
    plan: Plan, scenario: Scenario, point: LoadPoint, model: Description, transport: str
) -> SliceLength:
    """Return the slices that a calibration would probably choose for a model at a load point."""
    planned = planned_length(plan, scenario)
    if scenario.phases:
        return planned
    timed = [load for load in populations_at(scenario, point) if load.connections and load.behaviour == "normal"]
    slots = waiting_slots(plan, model, transport)
    lengths = []
    for position, load in enumerate(timed):
        cycle_s = expected_cycle_s(load, slots)
        rate_rps = _planned_rate_rps(scenario, load) if position == 0 else None  # as in the calibration
        lengths.append(choose_length(plan, scenario, cycle_s, rate_rps, load))
    return longest_length(lengths) if lengths else planned


def expected_cycle_s(load: PopulationLoad, slots: int | None) -> float:
    """Return the time of a cycle of one population alone, on one CPU.

    In a closed loop all clients wait for the CPU, or for a free thread. In an open loop a request hardly waits.

    slots: requests that can wait at a time in the server; None for no limit.
    """
    echo_s = REQUEST_S + REQUEST_BESIDE_S * load.connections + BYTE_S * load.message_bytes
    cpu_s = echo_s + COMPUTE_UNIT_S * (load.mean_compute_units or 0.0)
    reply_s = cpu_s + 1e-6 * (load.mean_wait_us or 0.0)
    if load.is_open and load.lifecycle != "session":
        return reply_s
    in_flight = load.connections * load.depth
    by_slots_s = in_flight * reply_s / slots if slots else 0.0
    return load.requests_per_cycle * max(reply_s, in_flight * cpu_s, by_slots_s)


def waiting_slots(plan: Plan, model: Description, transport: str) -> int | None:
    """Return how many requests can wait in all processes of a server; None for no limit."""
    waits = model.max_waits.get(transport)
    return waits * (plan.workers or MIN_WORKERS) if waits and model.parallel else waits


def _planned_rate_rps(scenario: Scenario, load: PopulationLoad) -> float | None:
    """Return the rate of a population if the plan sets it."""
    return load.rule.rate_rps if load.rule is not None else scenario.rate_rps
