"""Predictions for closed loops whose handler waits or computes, from the measured curves of the same arm. Pure."""

from dataclasses import dataclass

from bench.analysis.predictions.architectures import Concurrency
from bench.analysis.predictions.closed_loop import (
    ClosedLoop,
    Demand,
    lockstep_clients,
    response_s,
    spread_clients,
    waiting_slots,
)
from bench.analysis.predictions.curves import MS, US, Curves, Handler
from bench.analysis.predictions.forms import Form, Prediction, ServerFacts
from bench.analysis.predictions.units import ComputeUnits


@dataclass(frozen=True, slots=True)
class RequestTimes:
    """The times of one request in seconds: wait of the handler, all CPU time, and the way to the client and back."""

    wait_s: float
    cpu_s: float
    round_trip_s: float


def predict_closed(
    arm: str, handler: Handler, clients: int, server: ServerFacts, curves: Curves, units: ComputeUnits
) -> dict[str, Prediction]:
    """Return the predictions of a case by metric; none if a quantity was not measured, or nothing is to be predicted.

    A handler without work has no prediction: its figures are the inputs of the others.
    """
    if handler.does_nothing:
        return {}
    times = request_times(arm, handler, clients, server, curves, units)
    if times is None:
        return {}
    loop, form = closed_form(times, clients, server, handler)
    service_us = response_s(clients, loop.throughput_rps) / US
    return {
        "throughput_rps": Prediction(loop.throughput_rps, form, loop.full),
        "service_p50_us": Prediction(service_us, form, loop.full),
    }


def request_times(
    arm: str, handler: Handler, clients: int, server: ServerFacts, curves: Curves, units: ComputeUnits
) -> RequestTimes | None:
    """Return the times of a request, from other load points of the arm than the one with ``clients``.

    The work is what it adds to the service time with one connection. For that load point itself it is what was asked
    for: the wait, and the units of compute.
    """
    idle = curves.idle_handler(arm, handler)
    idle_cpu_s = curves.cpu_s(arm, idle, clients)
    idle_alone_s = curves.alone_s(arm, idle)
    compute_s = 0.0
    if handler.compute_units:
        unit_s = units.unit_s(server.python, handler.compute_kind)
        compute_s = handler.compute_units * unit_s if unit_s else 0.0
    wait_s = handler.wait_ms * MS
    alone_s = curves.alone_s(arm, handler) if clients != 1 else None
    if alone_s is not None:
        work_s = max(0.0, alone_s - (idle_alone_s or 0.0))
        if handler.wait_ms == 0:
            compute_s = work_s
        else:
            wait_s = max(0.0, work_s - compute_s)
    elif handler.compute_units and compute_s == 0:
        return None
    measured_cpu_s = None if handler.compute_units else curves.cpu_elsewhere_s(arm, handler, clients)
    own_cpu_s = measured_cpu_s or idle_cpu_s
    if own_cpu_s is None:
        return None
    return RequestTimes(wait_s, own_cpu_s + compute_s, max(0.0, (idle_alone_s or 0.0) - own_cpu_s))


def closed_form(times: RequestTimes, clients: int, server: ServerFacts, handler: Handler) -> tuple[ClosedLoop, Form]:
    """Return the throughput of a closed loop, and the form that the architecture of the server asks for."""
    architecture, slots = server.architecture, server.slots
    cpus = _cpus_at_a_time(server, handler)
    demand = Demand(times.cpu_s, times.wait_s)
    if slots is not None and (times.wait_s > 0 or clients <= slots):
        return waiting_slots(clients, demand, slots, cpus, times.round_trip_s), Form.SLOTS
    with_way = Demand(times.cpu_s, times.wait_s + times.round_trip_s)
    if times.wait_s == 0 or architecture.timer_step_s == 0:
        form = Form.SPREAD if times.wait_s else Form.CPU
        return spread_clients(clients, with_way, min(cpus, clients)), form
    loop = lockstep_clients(clients, with_way, architecture.timer_step_s, server.processes, server.server_cpus)
    return loop, Form.LOCKSTEP


def _cpus_at_a_time(server: ServerFacts, handler: Handler) -> int:
    """Return how many CPUs the requests of a server can use at the same time."""
    architecture = server.architecture
    if architecture.concurrency is Concurrency.PROCESSES or (architecture.process_pool and handler.compute_units):
        return server.server_cpus
    if architecture.concurrency is Concurrency.LOOP:
        return min(server.processes, server.server_cpus)
    releases = handler.compute_units > 0 and handler.compute_kind == "release"
    return server.server_cpus if releases or not server.has_cpython_lock else 1
