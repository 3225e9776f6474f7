"""Rates of open loops, from short loads before the first block.

A rate that every arm can sustain makes latency and CPU time per request comparable. A share of an arm's own capacity
shows how its latency grows with its load. Both need the capacities, which a closed loop measures.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.experiment.child_process import ServerError
from bench.experiment.common_rate import CommonRate, choose_common_rate, describe_common_rate, round_down
from bench.experiment.rate_trials import RateTrial, judge_rate_trial
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.solo_load import load_alone
from bench.plan.scenario import COMMON
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.plan.slice_lengths import MAX_SLICE_S, MIN_REQUESTS, SliceLength, choose_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from bench.schema.load_points import LoadPoint

MIN_ANSWERED_SHARE = 0.99  # a closed loop asks for no more than it gets, so a sound server answers everything
_SLICES, _SLICE_S, _WARMUP_S = 4, 0.05, 0.005
_TRIAL_S = 0.2
_REPEATS = 2  # of a trial that fails: a stall of the machine must not lower the rate


@dataclass(frozen=True, slots=True)
class Rates:
    """The calibrated rates, by load point."""

    arm_rates: Mapping[tuple[LoadPoint, Arm], float]
    baseline_rates: Mapping[tuple[LoadPoint, str], float]  # capacity of the baseline by transport


@dataclass(frozen=True, slots=True)
class Capacity:
    """The rate of an arm in a short closed loop."""

    rate_rps: float
    answered_share: float  # of its requests

    @property
    def is_known(self) -> bool:
        """Return whether the arm answered nearly everything. Else its rate is not what it can serve."""
        return self.rate_rps > 0 and self.answered_share >= MIN_ANSWERED_SHARE


def rates_by_load(schedule: Schedule, rows: Iterable[RateRow]) -> Rates:
    """Return the rates as a block looks them up.

    A common rate belongs to the load point, so it is also the rate of an arm without a row of its own.
    """
    by_arm = {(LoadPoint(row.scenario, row.connections, row.message_bytes), row.arm): row for row in rows}
    any_row = {point: row for (point, _), row in by_arm.items()}
    arm_rates: dict[tuple[LoadPoint, Arm], float] = {}
    baseline_rates: dict[tuple[LoadPoint, str], float] = {}
    for load in schedule.block_loads:
        for arm in schedule.arms:
            arm_row = by_arm.get((load.point, arm.name))
            common_row = any_row.get(load.point) if load.scenario.rate == COMMON else None
            row = arm_row or common_row
            if row is not None:
                arm_rates[load.point, arm] = row.rate_rps
            if arm_row is not None and arm == Arm(schedule.plan.baseline, arm.transport):
                baseline_rates[load.point, arm.transport] = arm_row.capacity_rps
    return Rates(arm_rates, baseline_rates)


def measure_capacity(
    context: RunContext, load: ScheduledLoad, server: Server, length: SliceLength | None = None
) -> Capacity:
    """Return the rate of a server in a short closed loop. length: of its slices in a closed loop.

    It is 0 if the server cannot be loaded; the block reports the reason.
    """
    windows_s, warmup_s = [_SLICE_S] * _SLICES, _WARMUP_S
    if length is not None and length.is_longer(context.schedule.plan):
        windows_s, warmup_s = [max(_SLICE_S, length.window_s)], max(_WARMUP_S, length.warmup_s)
    try:
        result = load_alone(context, server, load, windows_s, warmup_s)
    except ServerError:
        return Capacity(0.0, answered_share=0.0)
    rate_rps = statistics.median(float(figures["throughput_rps"]) for figures in result.slices)
    sent = int(result.document["sent"])
    return Capacity(rate_rps, answered_share=result.document["ledger"]["ok"] / sent if sent else 0.0)


def calibrate_rates(
    context: RunContext, load: ScheduledLoad, servers: Servers, cycles_s: Mapping[Arm, float | None]
) -> list[RateRow]:
    """Return the rates of one load point, and report a common rate.

    An arm whose capacity cannot be measured, or not in time, has none.
    """
    plan, scenario = context.schedule.plan, load.scenario
    closed = {arm: choose_length(plan, scenario, cycle_s) for arm, cycle_s in cycles_s.items()}
    alive = {
        arm: server
        for arm, server in servers.items()
        if isinstance(server, Server) and arm in closed and not closed[arm].skip_reason
    }
    measured = {arm: measure_capacity(context, load, server, closed[arm]) for arm, server in alive.items()}
    capacities = {arm: capacity for arm, capacity in measured.items() if capacity.rate_rps}
    if not capacities:
        return []
    if scenario.rate_rps is not None:
        rates_rps = dict.fromkeys(capacities, scenario.rate_rps)
    elif scenario.capacity_share is not None:
        share = scenario.capacity_share
        rates_rps = {arm: round_down(share * capacity.rate_rps) for arm, capacity in capacities.items()}
    else:
        common = _common_rate(context, load, alive, capacities, closed)
        rates_rps = dict.fromkeys(capacities, common.rate_rps)
        expected = [arm for arm in servers if not load.skip_reasons[arm] and not _is_skipped(closed.get(arm))]
        unknown = [arm for arm in expected if arm not in capacities or not capacities[arm].is_known]
        for line in describe_common_rate(common, unknown, load.point.connections):
            context.observer.on_message(f"{load.point.scenario}: {line}")
    return [_rate_row(load, arm, capacities[arm].rate_rps, rate_rps) for arm, rate_rps in rates_rps.items()]


def _is_skipped(length: SliceLength | None) -> bool:
    """Return whether an arm is not measured because its slices would be too long. It has a message of its own."""
    return length is not None and bool(length.skip_reason)


def _rate_row(load: ScheduledLoad, arm: Arm, capacity_rps: float, rate_rps: float) -> RateRow:
    point = load.point
    rate = load.scenario.rate_text
    return RateRow(point.scenario, point.connections, point.message_bytes, arm.name, rate, capacity_rps, rate_rps)


def _common_rate(
    context: RunContext,
    load: ScheduledLoad,
    servers: Mapping[Arm, Server],
    capacities: Mapping[Arm, Capacity],
    closed: Mapping[Arm, SliceLength],
) -> CommonRate:
    """Return the common rate of the arms whose capacity is known, or of all if none is."""
    known = {arm: capacity.rate_rps for arm, capacity in capacities.items() if capacity.is_known}
    return choose_common_rate(
        known or {arm: capacity.rate_rps for arm, capacity in capacities.items()},
        context.schedule.baseline_arms,
        lambda arm, rate_rps: _try_rate(context, load, servers[arm], rate_rps, closed[arm]),
    )


def _try_rate(
    context: RunContext, load: ScheduledLoad, server: Server, rate_rps: float, closed: SliceLength
) -> RateTrial:
    """Return whether an arm sustains a rate in one of a few trials, and whether the generator was punctual.

    closed: its slices in a closed loop, whose replies are slower.
    """
    is_longer = closed.is_longer(context.schedule.plan)
    window_s, warmup_s = (closed.window_s, closed.warmup_s) if is_longer else (0.0, _WARMUP_S)
    window_s = max(_TRIAL_S, window_s, min(MIN_REQUESTS * load.scenario.requests_per_cycle / rate_rps, MAX_SLICE_S))
    trial = RateTrial(is_sustained=True, is_punctual=True)
    for _ in range(_REPEATS):
        try:
            result = load_alone(context, server, load, [window_s], warmup_s, rate_rps=rate_rps)
        except ServerError:
            return RateTrial(is_sustained=True, is_punctual=True)  # the rate is not the cause
        trial = judge_rate_trial(result, context.schedule.thresholds)
        if trial.is_sustained and trial.is_punctual:
            break
    return trial
