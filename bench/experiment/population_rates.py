"""The rates of all populations of a load point, in every phase."""

from collections.abc import Iterator, Mapping

from bench.experiment.cycle import Cycles, measure_cycles
from bench.experiment.rate_calibration import RateCalibration
from bench.experiment.run_context import RunContext
from bench.experiment.server import Servers
from bench.plan.population_loads import LoadPart, shared_rate_population
from bench.plan.scenario import COMMON
from bench.plan.schedule import ScheduledLoad
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow


def calibrate_rates(context: RunContext, load: ScheduledLoad, servers: Servers, cycles: Cycles) -> list[RateRow]:
    """Return the rates of one load point: of each population in an open loop, in each phase.

    cycles: in s, of each population alone. An arm whose capacity cannot be measured, or not in time, has no rates.
    """
    return [*_shared_rates(context, load, servers, cycles), *_own_rates(context, load, servers, cycles)]


def _shared_rates(context: RunContext, load: ScheduledLoad, servers: Servers, cycles: Cycles) -> Iterator[RateRow]:
    """Yield the rows of the scenario's rate, which its populations share."""
    if load.scenario.loop != "open":
        return
    is_common = load.scenario.rate == COMMON
    if not load.has_populations:
        (only,), (part,) = load.populations, load.parts
        of_only = cycles[only.name]
        calibration = RateCalibration.measure(context, load, only, servers, of_only, slowest_decides=is_common)
        yield from _rows(part, load.scenario.rate_text, calibration, calibration.scenario_rates(), 1.0)
        return
    mix = shared_rate_population(load.populations)
    of_mix = measure_cycles(context, load, servers, mix)
    calibration = RateCalibration.measure(context, load, mix, servers, of_mix, slowest_decides=is_common)
    rates = calibration.scenario_rates()
    for part in load.parts:
        share = part.population.rule.scenario_share if part.population.rule else None
        if share is not None:
            yield from _rows(part, load.scenario.rate_text, calibration, rates, share)


def _own_rates(context: RunContext, load: ScheduledLoad, servers: Servers, cycles: Cycles) -> Iterator[RateRow]:
    """Yield the rows of populations that have a rate of their own, in any phase."""
    for population in load.timed_populations:
        parts = [part for part in load.parts if part.population == population]
        rules = {part: rule for part in parts if (rule := population.rule_of_phase(part.phase)) is not None}
        own = {part: rule for part, rule in rules.items() if rule.scenario_share is None}
        if not own:
            continue
        calibration = RateCalibration.measure(
            context, load, load.as_calibrated(population), servers, cycles[population.name]
        )
        for part, rule in own.items():
            yield from _rows(part, rule.text, calibration, calibration.rates(rule), 1.0)


def _rows(
    part: LoadPart, rule: str, calibration: RateCalibration, rates: Mapping[Arm, float], share: float
) -> Iterator[RateRow]:
    """Yield the row of each arm. share: of its rate."""
    for arm, rate_rps in rates.items():
        yield RateRow(
            **part.point.planned_cells,
            arm=arm.name,
            rate=rule,
            capacity_rps=calibration.capacity_rps(arm),
            rate_rps=share * rate_rps,
        )
