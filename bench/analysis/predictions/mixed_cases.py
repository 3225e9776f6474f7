"""Predictions for open loops whose populations ask for different compute, from what was measured apart. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bench.analysis.cases import CaseKey
from bench.analysis.predictions.alone_loads import AloneLoads
from bench.analysis.predictions.curves import Curves
from bench.analysis.predictions.forms import Prediction, ServerFacts
from bench.analysis.predictions.open_cases import Requests, predict_open_loop
from bench.analysis.predictions.units import ComputeUnits
from bench.plan.population_loads import PopulationLoad


@dataclass(frozen=True, slots=True)
class Inputs:
    """Quantities that were measured apart: the same handlers in closed loops and alone in open ones, and units."""

    curves: Curves
    alone: AloneLoads
    units: ComputeUnits


@dataclass(frozen=True, slots=True)
class _LightRequest:
    """A request that computes nothing, in seconds. None: unknown."""

    cpu_s: float | None
    round_trip_s: float  # without its CPU time


def predict_mixed(
    case: CaseKey,
    loads: Mapping[str, PopulationLoad],
    cases: Collection[CaseKey],
    server: ServerFacts,
    inputs: Inputs,
) -> dict[str, Prediction]:
    """Return the predictions of one population of an open loop, whose requests compute but do not wait.

    loads: of all populations, by name. cases: all of the run, for the rates of the other populations.
    """
    active = [load for load in loads.values() if load.behaviour != "silent"]
    waits = any(kind.wait_ms for load in active for kind in load.work)
    if waits or any(load.protocol != "work" or not load.is_open or load.depth != 1 for load in active):
        return {}
    if _is_quantity(case.arm, active, inputs):
        return {}
    if not any(kind.compute_units for load in active for kind in load.work):
        return {}
    rates = {
        other.load_point.population: other.load_point.rate_rps
        for other in cases
        if other.arm == case.arm and other.load_point.whole == case.load_point.whole
    }
    own = loads[case.load_point.population]
    light = _light_request(case.arm, own.connections, inputs)
    requests: list[Requests] = []
    for load in active:
        rate_rps = rates.get(load.name)
        whole = math.fsum(kind.weight for kind in load.work)
        for kind in load.work:
            cpu_s = _cpu_s(case.arm, kind.compute_units, str(load.compute_kind), light, server, inputs)
            if rate_rps is None or cpu_s is None:
                return {}
            requests.append(Requests(load.name, rate_rps * kind.weight / whole, cpu_s))
    if light.cpu_s is None:  # then only waits for heavy requests can be predicted
        of_tail = predict_open_loop(own.name, requests, server, 0.0)
        return {metric: prediction for metric, prediction in of_tail.items() if metric != "latency_p50_us"}
    computes = any(kind.compute_units for kind in own.work)
    alone = None if computes else inputs.alone.light_load(case.arm)
    return predict_open_loop(own.name, requests, server, light.round_trip_s, alone)


def _is_quantity(arm: str, active: Sequence[PopulationLoad], inputs: Inputs) -> bool:
    """Return whether a load consists of like requests that were measured alone: its prediction would be its input."""
    if len(active) != 1 or len(active[0].work) != 1:
        return False
    return inputs.alone.response_s(arm, active[0].work[0].compute_units, str(active[0].compute_kind)) is not None


def _light_request(arm: str, connections: int, inputs: Inputs) -> _LightRequest:
    """Return a light request as it is alone in an open loop; otherwise as it is in closed loops."""
    cpu_s, response_s = inputs.alone.cpu_s(arm, 0, ""), inputs.alone.response_s(arm, 0, "")
    if cpu_s is not None and response_s is not None:
        return _LightRequest(min(cpu_s, response_s), max(0.0, response_s - cpu_s))
    curves = inputs.curves
    idle = next((handler for of_arm, handler in curves.figures if of_arm == arm and handler.does_nothing), None)
    cpu_s = curves.cpu_s(arm, idle, max(1, connections))
    return _LightRequest(cpu_s, max(0.0, (curves.alone_s(arm, idle) or cpu_s or 0.0) - (cpu_s or 0.0)))


def _cpu_s(
    arm: str, compute_units: int, compute_kind: str, light: _LightRequest, server: ServerFacts, inputs: Inputs
) -> float | None:
    """Return the CPU time of a request, as it is alone, or from the time of a unit."""
    if not compute_units:
        return light.cpu_s or 0.0
    alone_s = inputs.alone.cpu_s(arm, compute_units, compute_kind)
    if alone_s is not None:
        return alone_s
    unit_s = inputs.units.unit_s(server.python, compute_kind)
    return None if unit_s is None else (light.cpu_s or 0.0) + compute_units * unit_s
