"""Rates of open loops, from short loads before the first block.

A rate that every arm can sustain makes latency and CPU time per request comparable. A share of an arm's own capacity
shows how its latency grows with its load. Both need the capacities, which a closed loop measures.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench.experiment.child_process import ServerError
from bench.experiment.rate_trials import RateTrial, judge_rate_trial, suits
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.solo_load import load_alone
from bench.plan.scenario import COMMON
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.plan.slice_lengths import MAX_SLICE_S, MIN_REQUESTS, SliceLength, choose_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from bench.schema.load_points import LoadPoint

COMMON_SHARE = 0.5  # of the smallest capacity: far from the queue of any arm, and the smallest arm is not idle either
# Of the generator's limit. A request that is due while the generator handles another one leaves late. On two CPUs this
# raised the median latency by 1 to 4% at 8,000 to 11,000 requests/s, by 5 to 8% at 14,000 and by 7 to 17% from 20,000
# on (asyncio and native over TCP, five loads each; the generator's limit was 280,000).
MAX_BASELINE_SHARE = 0.04
_SLICES, _SLICE_S, _WARMUP_S = 4, 0.05, 0.005
_TRIES, _REDUCTION = 6, 0.7
_TRIAL_S = 0.2
_REPEATS = 2  # of a trial that fails: a stall of the machine must not lower the rate


@dataclass(frozen=True, slots=True)
class Rates:
    """The calibrated rates, by load point."""

    arm_rates: Mapping[tuple[LoadPoint, Arm], float]
    baseline_rates: Mapping[tuple[LoadPoint, str], float]  # capacity of the baseline by transport


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


def round_down(rate_rps: float) -> float:
    """Round a rate down to two digits, so that it is easy to repeat and to quote."""
    decimals = 1 - math.floor(math.log10(rate_rps))
    if decimals <= 0:
        step = 10.0**-decimals
        return math.floor(rate_rps / step) * step
    return math.floor(round(rate_rps * 10.0**decimals, 6)) / 10.0**decimals  # 0.29 * 100 is 28.999999999999996


def measure_capacity_rps(
    context: RunContext, load: ScheduledLoad, server: Server, length: SliceLength | None = None
) -> float:
    """Return the rate of a server in a short closed loop. length: of its slices in a closed loop.

    It is 0 if the server cannot be loaded; the block reports the reason.
    """
    windows_s, warmup_s = [_SLICE_S] * _SLICES, _WARMUP_S
    if length is not None and length.is_longer(context.schedule.plan):
        windows_s, warmup_s = [max(_SLICE_S, length.window_s)], max(_WARMUP_S, length.warmup_s)
    try:
        result = load_alone(context, server, load, windows_s, warmup_s)
    except ServerError:
        return 0.0
    return statistics.median(float(figures["throughput_rps"]) for figures in result.slices)


def calibrate_rates(
    context: RunContext, load: ScheduledLoad, servers: Servers, cycles_s: Mapping[Arm, float | None]
) -> list[RateRow]:
    """Return the rates of one load point.

    An arm whose capacity cannot be measured, or not in time, has none.
    """
    plan = context.schedule.plan
    closed = {arm: choose_length(plan, load.scenario, cycle_s) for arm, cycle_s in cycles_s.items()}
    alive = {
        arm: server
        for arm, server in servers.items()
        if isinstance(server, Server) and arm in closed and not closed[arm].skip_reason
    }
    measured = {arm: measure_capacity_rps(context, load, server, closed[arm]) for arm, server in alive.items()}
    capacities = {arm: capacity_rps for arm, capacity_rps in measured.items() if capacity_rps}
    point = load.point
    return [
        RateRow(
            point.scenario,
            point.connections,
            point.message_bytes,
            arm.name,
            load.scenario.rate_text,
            capacities[arm],
            rate_rps,
        )
        for arm, rate_rps in _rates(context, load, alive, capacities, closed).items()
    ]


def _rates(
    context: RunContext,
    load: ScheduledLoad,
    servers: Mapping[Arm, Server],
    capacities: Mapping[Arm, float],
    closed: Mapping[Arm, SliceLength],
) -> dict[Arm, float]:
    """Return the rate of each arm that has a capacity. closed: slices of a closed loop."""
    scenario = load.scenario
    if not capacities:
        return {}
    if scenario.rate_rps is not None:
        return dict.fromkeys(capacities, scenario.rate_rps)
    if scenario.capacity_share is not None:
        return {arm: round_down(scenario.capacity_share * capacity) for arm, capacity in capacities.items()}
    return dict.fromkeys(capacities, _common_rate(context, load, servers, capacities, closed))


def _common_rate(
    context: RunContext,
    load: ScheduledLoad,
    servers: Mapping[Arm, Server],
    capacities: Mapping[Arm, float],
    closed: Mapping[Arm, SliceLength],
) -> float:
    """Return a rate that every arm sustains in a trial, and at which the generator is punctual with most of them."""
    baselines = [capacities[arm] for arm in context.schedule.baseline_arms if arm in capacities]
    highest_rps = MAX_BASELINE_SHARE * min(baselines, default=math.inf)

    def suits_all(rate_rps: float) -> bool:
        trials: list[RateTrial] = []
        for arm in capacities:
            trials.append(_try_rate(context, load, servers[arm], rate_rps, closed[arm]))
            if not trials[-1].is_sustained:
                break  # the trials of slow servers take seconds
        return suits(trials)

    return lower_until(round_down(min(COMMON_SHARE * min(capacities.values()), highest_rps)), suits_all)


def lower_until(rate_rps: float, is_suitable: Callable[[float], bool]) -> float:
    """Return the first of a few falling rates that is suitable, or the lowest of them."""
    for _ in range(_TRIES):
        if is_suitable(rate_rps):
            break
        rate_rps = round_down(_REDUCTION * rate_rps)
    return rate_rps


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
