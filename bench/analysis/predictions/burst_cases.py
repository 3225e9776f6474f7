"""Predictions for clients that all connect within one short phase, from the length of the listen queue. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import CaseKey, group_by_case
from bench.analysis.predictions.bursts import (
    INITIAL_TIMEOUT_S,
    accepted_meanwhile,
    connect_quantile_s,
    connect_steps,
)
from bench.analysis.predictions.curves import US
from bench.analysis.predictions.forms import Form, Prediction
from bench.plan.definition import Plan
from bench.plan.scenario import Scenario
from clients.quality_codes import INVALID

QUANTILES = {"connect_p50_us": 0.5, "connect_p99_us": 0.99}


@dataclass(frozen=True, slots=True)
class PlannedBurst:
    """A phase in which each of ``connects`` clients connects once, within ``seconds``."""

    scenario: str
    population: str
    phase: str
    connects: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerPace:
    """The pace of a server and its generator in a burst that its listen queue holds, so that no SYN is sent again.

    answered_rps: at which the server accepts and answers. connecting_s: in which the generator makes the connects.
    """

    answered_rps: float
    connecting_s: float

    @classmethod
    def of_medians(cls, burst: PlannedBurst, latency_us: float, lateness_us: float) -> "ServerPace":
        """Return the pace of medians: half of the connects are answered, or late, by this much.

        A generator that connects at an even pace falls back evenly, so the last connect is twice as late.
        """
        return cls(burst.connects / 2 / (latency_us * US), burst.seconds + 2 * lateness_us * US)


def burst_predictions(trials: pd.DataFrame, plan: Plan) -> Iterator[tuple[tuple[CaseKey, str], Prediction]]:
    """Yield the predicted times to connect in the bursts of a plan, from those bursts that the listen queue holds."""
    bursts = {(burst.scenario, burst.population, burst.phase): burst for burst in planned_bursts(plan)}
    if not bursts:
        return
    measured = []
    for case, rows in group_by_case(trials[trials["status"] == "ok"]).items():
        burst = bursts.get((case.load_point.scenario, case.load_point.population, case.load_point.phase))
        backlog = rows["backlog"].min()
        if burst is not None and backlog == backlog:
            measured.append((case, burst, int(backlog), rows))
    paces = {
        (case.arm, burst.connects, burst.seconds): pace
        for case, burst, backlog, rows in measured
        if holds_all(burst.connects, backlog) and (pace := _pace(burst, rows)) is not None
    }
    for case, burst, backlog, _ in measured:
        pace = paces.get((case.arm, burst.connects, burst.seconds))
        if pace is not None:
            for metric, prediction in predict_burst(burst.connects, backlog, pace).items():
                yield (case, metric), prediction


def predict_burst(connects: int, backlog: int, pace: ServerPace) -> dict[str, Prediction]:
    """Return the predictions of the time to connect, by metric: the first retransmission of a SYN.

    A quantile has none if it is that of a connect for which the queue has room: it returns at once. It has none either
    if that depends on the number of connects that the server accepts meanwhile, and if the server cannot empty its
    queue before the retransmission.

    backlog: length of the listen queue, as the kernel reports it.
    """
    most = accepted_meanwhile(connects, connects / pace.connecting_s, pace.answered_rps)
    if (backlog + 1 + most) / pace.answered_rps >= INITIAL_TIMEOUT_S:
        return {}
    predictions = {}
    for metric, quantile in QUANTILES.items():
        delays_s = {
            connect_quantile_s(connect_steps(connects, backlog, 0, accepted), connects, quantile)
            for accepted in (0, most)
        }
        delay_s = delays_s.pop()
        if not delays_s and delay_s:
            predictions[metric] = Prediction(delay_s / US, Form.SYN)
    return predictions


def holds_all(connects: int, backlog: int) -> bool:
    """Return whether a listen queue has room for a whole burst."""
    return connects <= backlog + 1


def planned_bursts(plan: Plan) -> Iterator[PlannedBurst]:
    """Yield the bursts of a plan: phases at a planned rate, in which no client connects twice."""
    for scenario in plan.scenarios:
        for population in scenario.populations:
            if population.lifecycle == "per_request":
                yield from _bursts(scenario, population.name, population.connections or 0)


def _bursts(scenario: Scenario, population: str, clients: int) -> Iterator[PlannedBurst]:
    for phase in scenario.phases:
        connects = round(phase.rate_rps.get(population, 0.0) * phase.seconds)
        if 0 < connects <= clients:
            yield PlannedBurst(scenario.name, population, phase.name, connects, phase.seconds)


def _pace(burst: PlannedBurst, rows: pd.DataFrame) -> ServerPace | None:
    """Return the pace of one arm from its trials; None if they are invalid.

    Late connects make the median latency invalid as a figure of the server. But half of the answers have come by then.
    """
    sound = rows[rows["verdict"] != INVALID]
    latency_us = float(sound["pooled_latency_p50_us"].median())
    lateness_us = float(sound["lateness_p50_us"].median())
    if not 0 < latency_us < math.inf or math.isnan(lateness_us):
        return None
    return ServerPace.of_medians(burst, latency_us, lateness_us)
