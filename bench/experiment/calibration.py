"""Lengths of slices and rates of open loops, from a short calibration before the first block.

The length of an arm's slices follows from the time of its replies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.experiment.cycle import Cycles, measure_cycles, measure_reply_s
from bench.experiment.population_rates import calibrate_rates
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.server_pool import fresh_servers
from bench.plan.population_loads import PopulationLoad
from bench.plan.schedule import ScheduledLoad
from bench.plan.slice_lengths import SliceLength, choose_length, longest_length, planned_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow, SliceLengthRow
from bench.schema.load_points import LoadPoint


@dataclass(frozen=True, slots=True)
class Calibration:
    """The results of a calibration, as the run folder keeps them."""

    rates: list[RateRow]
    lengths: list[SliceLengthRow]


_Row = TypeVar("_Row", RateRow, SliceLengthRow)


def calibrate(context: RunContext, baseline_servers: Mapping[str, Servers]) -> Calibration:
    """Find the length of the slices of every case, and the rate of every open loop.

    An arm that fails has no row, and fails again later. A control is not loaded: it has the rates and the slices of the
    arm that it repeats. With slices of its own it would differ from that arm by more than the noise of the machine.
    """
    rates: list[RateRow] = []
    lengths: list[SliceLengthRow] = []
    for scenario in context.schedule.scenarios:
        searches = scenario.scenario.searches
        fresh_arms = [arm for arm in context.schedule.fresh_arms if not arm.control]
        arms = context.schedule.searched_arms if searches else fresh_arms
        controls = [] if searches else [arm for arm in context.schedule.fresh_arms if arm.control]
        with fresh_servers(context, scenario, arms) as servers:
            every = servers if searches else {**servers, **baseline_servers[scenario.scenario.protocol]}
            for load in scenario.loads:
                if load.has_planned_rates:
                    continue
                cycles = {
                    each.name: measure_cycles(context, load, every, load.as_calibrated(each))
                    for each in load.timed_populations
                }
                load_rates = [] if searches else calibrate_rates(context, load, every, cycles)
                rates += _with_controls(load_rates, controls)
                lengths += _with_controls(_length_rows(context, load, every, cycles, load_rates), controls)
    return Calibration(rates, lengths)


def _with_controls(rows: list[_Row], controls: Iterable[Arm]) -> list[_Row]:
    """Return the rows with copies for the controls."""
    return rows + [
        replace(row, arm=control.name) for control in controls for row in rows if row.arm == control.base.name
    ]


def _length_rows(
    context: RunContext, load: ScheduledLoad, servers: Servers, cycles: Cycles, rates: Iterable[RateRow]
) -> list[SliceLengthRow]:
    """Return the slices of each arm at one load point: long enough for each of its populations."""
    plan, rows = context.schedule.plan, []
    rates_rps = {(row.population, row.arm): row.rate_rps for row in rates}
    for arm in servers:
        lengths = []
        for population in load.timed_populations:
            if arm not in cycles[population.name]:
                continue
            cycle_s, rate_rps = cycles[population.name][arm], rates_rps.get((population.name, arm.name))
            server = servers[arm]
            if rate_rps is not None and cycle_s is not None and isinstance(server, Server):
                cycle_s = _open_cycle_s(context, load, server, cycle_s, rate_rps, population)
            # The scenario asks about its first population. Requests of another one may be rare.
            asked_rps = rate_rps if population is load.populations[0] else None
            lengths.append(choose_length(plan, load.scenario, cycle_s, asked_rps, population))
        if load.scenario.phases:
            lengths = [planned_length(plan, load.scenario)]
        if lengths and not load.skip_reasons[arm]:
            rows.append(_length_row(load, arm, longest_length(lengths)))
    return rows


def _open_cycle_s(
    context: RunContext,
    load: ScheduledLoad,
    server: Server,
    cycle_s: float,
    rate_rps: float,
    population: PopulationLoad,
) -> float:
    """Return the time of a cycle at a rate. It is measured only if that may change the slices.

    cycle_s: in a closed loop.
    """
    fits = cycle_s <= context.schedule.plan.slice_warmup_s
    if fits or population.lifecycle == "session" or load.scenario.phases:
        return cycle_s
    return measure_reply_s(context, load, server, cycle_s, rate_rps, population)


def _length_row(load: ScheduledLoad, arm: Arm, length: SliceLength) -> SliceLengthRow:
    return SliceLengthRow(
        **load.point.load_cells,
        arm=arm.name,
        cycle_s=length.cycle_s,
        slice_s=length.slice_s,
        slice_warmup_s=length.warmup_s,
        round_interval=length.round_interval(load.rounds, load.usual_slice_s),
        reason=length.skip_reason,
    )


def lengths_by_case(rows: Iterable[SliceLengthRow]) -> dict[tuple[LoadPoint, Arm], SliceLength]:
    """Return the lengths of the slices as a block looks them up."""
    return {
        (LoadPoint(row.scenario, row.connections, row.message_bytes), Arm.parse(row.arm)): SliceLength(
            row.slice_s, row.slice_warmup_s, row.cycle_s, row.reason
        )
        for row in rows
    }
