"""The duration of the calibration before the first block. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.plan.definition import Plan
from bench.plan.expected_slices import expected_cycle_s, waiting_slots
from bench.plan.matrix import arms, baseline_arms, competing_arms, scenario_load_points, skip_reason
from bench.plan.population_loads import PopulationLoad, RateRule, populations_at, shared_rate_population
from bench.plan.scenario import COMMON, Scenario
from bench.plan.schedule import MAX_CALIBRATED
from bench.plan.slice_lengths import closed_length, is_short
from bench.plan.time_costs import (
    CAPACITY_S,
    CAPACITY_SLICE_S,
    COMMON_RATE_TRIALS,
    FIRST_LOADS,
    FIRST_REPLIES_S,
    LONG_CAPACITY_SLICES,
    RATE_TRIAL_S,
    SERVER_START_S,
    SLOW_LOAD_S,
    connecting_s,
)
from bench.schema.load_points import LoadPoint
from servers.registry import Description


def calibration_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Return the seconds in which all servers start once, and the cycle and the capacity of each arm are measured.

    Controls are not loaded.
    """
    loaded_arms = [arm for arm in arms(plan) if not arm.control]
    seconds, fresh_servers = 0.0, len(loaded_arms) - len(baseline_arms(plan))
    for scenario in plan.scenarios:
        seconds += SERVER_START_S * fresh_servers
        if scenario.phases and not any(phase.capacity_share for phase in scenario.phases):
            continue  # the plan sets the rates and the lengths
        measured_arms = competing_arms(plan) if scenario.searches else loaded_arms
        for point in scenario_load_points(scenario):
            loads = _loads(scenario, point)
            with_rates = [] if scenario.searches else _with_rates(scenario, loads)
            for arm in measured_arms:
                if not skip_reason(plan, arm, point, models):
                    slots = waiting_slots(plan, models[arm.model], arm.transport)
                    seconds += sum(_cycle_load_s(plan, scenario, load, slots) for load in loads)
                    seconds += sum(_rate_loads_s(plan, scenario, load, slots) for load in with_rates)
    return seconds


def _loads(scenario: Scenario, point: LoadPoint) -> list[PopulationLoad]:
    """Return the populations whose cycles are measured, as closed loops."""
    most = MAX_CALIBRATED if scenario.phases else math.inf
    return [
        replace(load, connections=int(min(load.connections, most)), is_open=False)
        for load in populations_at(scenario, point)
        if load.connections and load.behaviour == "normal"
    ]


def _with_rates(scenario: Scenario, loads: Sequence[PopulationLoad]) -> list[PopulationLoad]:
    """Return the loads whose capacity is measured: that of the scenario's rate, and populations with their own."""
    if not scenario.populations:
        return list(loads) if scenario.loop == "open" else []
    own = [load for load in loads if any(map(_is_own, (load.rule, *load.phase_rules)))]
    return [shared_rate_population(loads), *own] if scenario.loop == "open" else own


def _is_own(rule: RateRule | None) -> bool:
    """Return whether a rule decides a rate apart from that of the scenario."""
    return rule is not None and rule.scenario_share is None


def _cycle_load_s(plan: Plan, scenario: Scenario, load: PopulationLoad, slots: int | None) -> float:
    """Return the seconds that measure the cycle of one population with one arm."""
    cycle_s = expected_cycle_s(load, slots)
    is_tried_once = is_short(plan, scenario, cycle_s) or cycle_s > SLOW_LOAD_S
    return connecting_s((load,)) + (1 if is_tried_once else FIRST_LOADS) * (FIRST_REPLIES_S + cycle_s)


def _rate_loads_s(plan: Plan, scenario: Scenario, load: PopulationLoad, slots: int | None) -> float:
    """Return the seconds that measure the capacity of one arm, and try a common rate."""
    length = closed_length(plan, scenario, load, expected_cycle_s(load, slots))
    is_common = scenario.rate == COMMON
    trials_s = COMMON_RATE_TRIALS * max(RATE_TRIAL_S, length.slice_s) if is_common else 0.0
    # Of a common rate only the slowest arms have a second slice.
    capacity_s = (
        max(CAPACITY_SLICE_S, length.slice_s) if is_common else max(CAPACITY_S, LONG_CAPACITY_SLICES * length.slice_s)
    )
    return connecting_s((load,)) + capacity_s + trials_s
