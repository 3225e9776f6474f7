"""Lengths of slices and rates of open loops, from a short calibration before the first block.

The length of an arm's slices follows from the time of its replies.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.experiment.cycle import measure_cycle_s, measure_reply_s
from bench.experiment.rate_calibration import calibrate_rates
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.server_pool import fresh_servers
from bench.plan.schedule import ScheduledLoad
from bench.plan.slice_lengths import SliceLength, choose_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow, SliceLengthRow
from bench.schema.load_points import LoadPoint


@dataclass(frozen=True, slots=True)
class Calibration:
    """The results of a calibration, as the run folder keeps them."""

    rates: list[RateRow]
    lengths: list[SliceLengthRow]


def calibrate(context: RunContext, baseline_servers: Mapping[str, Servers]) -> Calibration:
    """Find the length of the slices of every case, and the rate of every open loop.

    An arm that fails has no row, and fails again later.
    """
    rates: list[RateRow] = []
    lengths: list[SliceLengthRow] = []
    for scenario in context.schedule.scenarios:
        searches = scenario.scenario.searches
        arms = context.schedule.searched_arms if searches else context.schedule.fresh_arms
        with fresh_servers(context, scenario, arms) as servers:
            every = servers if searches else {**servers, **baseline_servers[scenario.scenario.protocol]}
            for load in scenario.loads:
                cycles_s = _measure_cycles(context, load, every)
                load_rates: list[RateRow] = []
                if scenario.scenario.loop == "open" and not searches:
                    load_rates = calibrate_rates(context, load, every, cycles_s)
                rates += load_rates
                lengths += _length_rows(context, load, every, cycles_s, {row.arm: row.rate_rps for row in load_rates})
    return Calibration(rates, lengths)


def _measure_cycles(context: RunContext, load: ScheduledLoad, servers: Servers) -> dict[Arm, float | None]:
    """Return the time of a cycle of each arm that is up and serves a load."""
    return {
        arm: measure_cycle_s(context, load, server)
        for arm, server in servers.items()
        if isinstance(server, Server) and not load.skip_reasons[arm]
    }


def _length_rows(
    context: RunContext,
    load: ScheduledLoad,
    servers: Servers,
    cycles_s: Mapping[Arm, float | None],
    rates_rps: Mapping[str, float],
) -> list[SliceLengthRow]:
    """Return the slices of each arm at one load point. rates_rps: of an open loop, by name of the arm."""
    plan, rows = context.schedule.plan, []
    for arm, cycle_s in cycles_s.items():
        rate_rps, server, open_cycle_s = rates_rps.get(arm.name), servers[arm], cycle_s
        if rate_rps is not None and cycle_s is not None and isinstance(server, Server):
            open_cycle_s = _open_cycle_s(context, load, server, cycle_s, rate_rps)
        rows.append(_length_row(load, arm, choose_length(plan, load.scenario, open_cycle_s, rate_rps)))
    return rows


def _open_cycle_s(context: RunContext, load: ScheduledLoad, server: Server, cycle_s: float, rate_rps: float) -> float:
    """Return the time of a cycle at a rate. It is measured only if that may change the slices.

    cycle_s: in a closed loop.
    """
    fits = cycle_s <= context.schedule.plan.slice_warmup_s
    if fits or load.scenario.lifecycle == "session":
        return cycle_s
    return measure_reply_s(context, load, server, cycle_s, rate_rps)


def _length_row(load: ScheduledLoad, arm: Arm, length: SliceLength) -> SliceLengthRow:
    return SliceLengthRow(
        load.point.scenario,
        load.point.connections,
        load.point.message_bytes,
        arm.name,
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
