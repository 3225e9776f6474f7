"""Predictions for open loops in which some requests are heavy. Pure.

All requests of a load share the server: those of every population with a rate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.analysis.predictions.alone_loads import AloneLoad
from bench.analysis.predictions.architectures import Concurrency
from bench.analysis.predictions.curves import US
from bench.analysis.predictions.forms import Form, Prediction, ServerFacts
from bench.analysis.predictions.interpreter_lock import LockLoad, lock_wait_quantile_s
from bench.analysis.predictions.queueing import (
    Service,
    shared_response_quantile_s,
    wait_distribution,
    work_mix,
)

QUANTILES = {"latency_p50_us": 0.5, "latency_p99_us": 0.99}
CPU_ACCURACY = 0.05  # of the CPU times, which are measured at other load points
MAX_JUMP = 2.0  # of a quantile between CPU times that are too short and too long by this share
MIN_HEAVY_RATIO = 10.0  # a heavy request computes at least ten times as long as any light one
# A thread or process that wakes up beside a busy one on the same CPU may wait for the end of that one's time slice. The
# kernel's slices are 0.7 to 4 ms (EEVDF; ticks of 1 to 4 ms). Requests this long share the CPU fairly all the same.
MIN_SHARED_S = 0.04


@dataclass(frozen=True, slots=True)
class Requests:
    """Like requests of an open loop: their rate, and their CPU time in seconds."""

    population: str
    rate_rps: float
    cpu_s: float


def predict_open_loop(
    population: str,
    requests: Sequence[Requests],
    server: ServerFacts,
    round_trip_s: float,
    alone: AloneLoad | None = None,
) -> dict[str, Prediction]:
    """Return the predictions of the latency of one population, by metric; none if no form applies.

    A quantile that jumps where the CPU times are known too roughly has no prediction: at half load, the median is that
    of a request that finds the server free, or that of one which waits for a heavy request.

    requests: those of all populations. round_trip_s: the part of a latency that uses none of the server's CPU time.
    alone: the same light requests without heavy ones, if they were measured.
    """
    predictions = _predict(population, requests, server, round_trip_s)
    lower, higher = (
        _predict(population, [replace(kind, cpu_s=factor * kind.cpu_s) for kind in requests], server, round_trip_s)
        for factor in (1 - CPU_ACCURACY, 1 + CPU_ACCURACY)
    )
    if alone is not None:
        predictions |= _undisturbed(predictions, requests, server, alone)
    return {
        metric: prediction
        for metric, prediction in predictions.items()
        if metric in lower and metric in higher and higher[metric].value <= MAX_JUMP * lower[metric].value
    }


def _predict(
    population: str, requests: Sequence[Requests], server: ServerFacts, round_trip_s: float
) -> dict[str, Prediction]:
    own = [kind for kind in requests if kind.population == population and kind.rate_rps > 0]
    if not own:
        return {}
    concurrency = server.architecture.concurrency
    if concurrency is Concurrency.LOOP and not server.architecture.process_pool:
        return _in_order_of_arrival(own, requests, server, round_trip_s)
    if concurrency is Concurrency.PROCESSES:
        return _equal_shares(own, requests, server, round_trip_s)
    if concurrency is Concurrency.THREADS and server.has_cpython_lock and server.slots is None:
        return _interpreter_lock(own, requests, server, round_trip_s)
    return {}


def _undisturbed(
    predictions: Mapping[str, Prediction], requests: Sequence[Requests], server: ServerFacts, alone: AloneLoad
) -> dict[str, Prediction]:
    """Return the quantiles of light requests that no heavy one delays: those of the same requests alone.

    A heavy request is there for a share a of the time. A quantile q below 1 - a is that of the other requests at
    q / (1 - a).
    """
    split = _light_and_heavy(requests)
    if split is None:
        return {}
    light, heavy = ([(kind.rate_rps * kind.cpu_s) for kind in kinds] for kinds in split)
    disturbed_share = math.fsum(heavy) / max(server.processes - math.fsum(light), math.fsum(heavy))
    found = {}
    for metric, prediction in predictions.items():
        quantile = QUANTILES[metric] / (1 - disturbed_share) if disturbed_share < 1 else math.inf
        value_s = alone.quantile_s(quantile)
        if prediction.form is not Form.SHARED and value_s is not None:
            found[metric] = replace(prediction, value=value_s / US)
    return found


def _in_order_of_arrival(
    own: Sequence[Requests], requests: Sequence[Requests], server: ServerFacts, round_trip_s: float
) -> dict[str, Prediction]:
    """Return the prediction of event loops: M/G/1 for each worker, which has a CPU and an equal share of the load."""
    if server.processes > server.server_cpus:
        return {}
    rate_rps = math.fsum(kind.rate_rps for kind in requests) / server.processes
    service = _service(requests)
    if rate_rps * service.mean_s >= 1:
        return {metric: Prediction(math.inf, Form.FCFS) for metric in QUANTILES}
    wait = wait_distribution(rate_rps, service)
    return {
        metric: Prediction((round_trip_s + wait.response_quantile_s(quantile, _service(own))) / US, Form.FCFS)
        for metric, quantile in QUANTILES.items()
    }


def _equal_shares(
    own: Sequence[Requests], requests: Sequence[Requests], server: ServerFacts, round_trip_s: float
) -> dict[str, Prediction]:
    """Return the prediction of a process for each client: the kernel shares the CPUs. Of light requests only.

    Requests that are short against a time slice of the kernel do not get their share where another one has the CPU.
    """
    split = _light_and_heavy(requests)
    if split is None or any(kind not in split[0] for kind in own):
        return {}
    rate_rps, service = math.fsum(kind.rate_rps for kind in requests), _service(requests)
    own_s = _service(own).mean_s
    responses_s = {
        metric: shared_response_quantile_s(rate_rps, service, own_s, quantile, server.server_cpus)
        for metric, quantile in QUANTILES.items()
    }
    return {
        metric: Prediction((round_trip_s + response_s) / US, Form.SHARED)
        for metric, response_s in responses_s.items()
        if response_s <= own_s or own_s >= MIN_SHARED_S
    }


def _interpreter_lock(
    own: Sequence[Requests], requests: Sequence[Requests], server: ServerFacts, round_trip_s: float
) -> dict[str, Prediction]:
    """Return the prediction of threads under the interpreter lock. Of light requests only.

    On a single CPU a light request that wakes up has to wait for the CPU as well, which the form does not contain.
    """
    split = _light_and_heavy(requests)
    if split is None or any(kind not in split[0] for kind in own):
        return {}
    light, heavy = split
    load = LockLoad(
        light_rps=math.fsum(kind.rate_rps for kind in light),
        heavy_rps=math.fsum(kind.rate_rps for kind in heavy),
        heavy_s=heavy[0].cpu_s,
        interval_s=server.architecture.switch_interval_s,
        light_s=_service(light).mean_s,
    )
    own_s = _service(own).mean_s
    waits_s = {metric: lock_wait_quantile_s(load, quantile) for metric, quantile in QUANTILES.items()}
    return {
        metric: Prediction((round_trip_s + own_s + wait_s) / US, Form.LOCK)
        for metric, wait_s in waits_s.items()
        if wait_s == 0 or server.server_cpus > 1
    }


def _light_and_heavy(requests: Sequence[Requests]) -> tuple[list[Requests], list[Requests]] | None:
    """Return the light requests and the heavy ones; None unless the heavy ones are alike and much longer."""
    longest_s = max(kind.cpu_s for kind in requests)
    heavy = [kind for kind in requests if kind.cpu_s == longest_s]
    light = [kind for kind in requests if kind.cpu_s < longest_s and kind.rate_rps > 0]
    if not light or longest_s < MIN_HEAVY_RATIO * max(kind.cpu_s for kind in light):
        return None
    return light, heavy


def _service(requests: Sequence[Requests]) -> Service:
    return work_mix([kind.cpu_s for kind in requests], [kind.rate_rps for kind in requests])
