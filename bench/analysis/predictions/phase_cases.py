"""Predictions for an overload between two phases at a lower rate. Pure."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.analysis.predictions.forms import Form, Prediction
from bench.analysis.predictions.overload import Overload, drain_s, goodput_stops_s, highest_recovering_share
from bench.plan.definition import Plan
from bench.plan.scenario import Scenario


@dataclass(frozen=True, slots=True)
class PlannedOverload:
    """An overload as a plan asks for it. phase: the one after it. retries: after a timeout of timeout_s each."""

    scenario: str
    population: str
    phase: str
    overload: Overload
    timeout_s: float
    retries: int

    @property
    def recovery(self) -> Prediction | None:
        """The time until the server has recovered; infinite if it does not. None where no form applies.

        Without retries the queue drains. With retries, all requests are late once the queue is longer than the timeout,
        and each is then sent 1 + retries times. Above the capacity divided by that, the queue never shrinks.
        """
        if not self.retries:
            return Prediction(drain_s(self.overload), Form.DRAIN)
        some_are_late = math.isfinite(goodput_stops_s(self.overload, self.timeout_s))
        if some_are_late and self.overload.after_share >= highest_recovering_share(self.retries):
            return Prediction(math.inf, Form.RETRIES)
        return None


def planned_overloads(plan: Plan) -> Iterator[PlannedOverload]:
    """Yield the overloads of a plan whose rates are shares of the capacity."""
    for scenario in plan.scenarios:
        for population in scenario.populations:
            for position, overload in _overloads(_shares(scenario, population.name), scenario):
                yield PlannedOverload(
                    scenario.name,
                    population.name,
                    scenario.phases[position].name,
                    overload,
                    population.timeout_s or plan.timeout_s,
                    population.retries,
                )


def _shares(scenario: Scenario, population: str) -> list[float | None]:
    return [phase.capacity_share.get(population) for phase in scenario.phases]


def _overloads(shares: Sequence[float | None], scenario: Scenario) -> Iterator[tuple[int, Overload]]:
    """Yield each overload with the position of the phase after it."""
    for position in range(2, len(shares)):
        before, during, after = shares[position - 2 : position + 1]
        if before is None or during is None or after is None or before >= 1:
            continue
        if during > 1 > after:
            yield position, Overload(during, scenario.phases[position - 1].seconds, after)
