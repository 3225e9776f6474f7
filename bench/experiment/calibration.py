"""Rates of open loops, from a short calibration before the first block.

A rate that every arm can sustain makes latency and CPU time per request comparable. A share of an arm's own capacity
shows how its latency grows with its load. Both need the capacities, which a closed loop measures.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.experiment.child_process import ServerError
from bench.experiment.objective import kept_up
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.server_pool import fresh_servers
from bench.experiment.solo_load import LoadResult, load_alone
from bench.plan.scenario import COMMON
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from bench.schema.load_points import LoadPoint
from clients.quality_codes import Thresholds

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


@dataclass(frozen=True, slots=True)
class RateTrial:
    """The result of a trial of one arm at a rate."""

    is_sustained: bool  # the arm answered what was due
    is_punctual: bool  # the generator did not raise the median latency


def calibrate(context: RunContext, baseline_servers: Mapping[str, Servers]) -> list[RateRow]:
    """Find the rate of every arm at every open-loop load point.

    An arm that fails has no row, and fails again later.
    """
    rows: list[RateRow] = []
    for scenario in context.schedule.scenarios:
        if scenario.scenario.loop == "closed" or scenario.scenario.searches:
            continue
        with fresh_servers(context, scenario, context.schedule.fresh_arms) as servers:
            for load in scenario.loads:
                rows += _calibrate_load(context, load, {**servers, **baseline_servers[scenario.scenario.protocol]})
    for row in {(row.scenario, row.connections): row for row in rows if row.rate == COMMON}.values():
        rate = f"{row.rate_rps:,.0f} requests/s over {row.connections} connections"
        context.observer.on_message(f"{row.scenario}: {rate}, a rate that every arm can sustain")
    return rows


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
    step = 10.0 ** max(0, math.floor(math.log10(rate_rps)) - 1) if rate_rps >= 1 else 1.0
    return max(1.0, math.floor(rate_rps / step) * step)


def measure_capacity_rps(context: RunContext, load: ScheduledLoad, server: Server) -> float:
    """Return the rate of a server in a short closed loop.

    It is 0 if the server cannot be loaded; the block reports the reason.
    """
    try:
        result = load_alone(context, server, load, [_SLICE_S] * _SLICES, _WARMUP_S)
    except ServerError:
        return 0.0
    return statistics.median(float(figures["replies"]) / float(figures["duration_s"]) for figures in result.slices)


def _calibrate_load(context: RunContext, load: ScheduledLoad, servers: Servers) -> list[RateRow]:
    """Return the rates of one load point.

    An arm whose capacity cannot be measured has none.
    """
    alive = {
        arm: server for arm, server in servers.items() if isinstance(server, Server) and not load.skip_reasons[arm]
    }
    measured = {arm: measure_capacity_rps(context, load, server) for arm, server in alive.items()}
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
        for arm, rate_rps in _rates(context, load, alive, capacities).items()
    ]


def _rates(
    context: RunContext, load: ScheduledLoad, servers: Mapping[Arm, Server], capacities: Mapping[Arm, float]
) -> dict[Arm, float]:
    """Return the rate of each arm that has a capacity."""
    scenario = load.scenario
    if not capacities:
        return {}
    if scenario.rate_rps is not None:
        return dict.fromkeys(capacities, scenario.rate_rps)
    if scenario.capacity_share is not None:
        return {arm: round_down(scenario.capacity_share * capacity) for arm, capacity in capacities.items()}
    return dict.fromkeys(capacities, _common_rate(context, load, servers, capacities))


def _common_rate(
    context: RunContext, load: ScheduledLoad, servers: Mapping[Arm, Server], capacities: Mapping[Arm, float]
) -> float:
    """Return a rate that every arm sustains in a trial, and at which the generator is punctual with most of them."""
    baselines = [capacities[arm] for arm in context.schedule.baseline_arms if arm in capacities]
    highest_rps = MAX_BASELINE_SHARE * min(baselines, default=math.inf)
    rate_rps = round_down(min(COMMON_SHARE * min(capacities.values()), highest_rps))
    return lower_until(
        rate_rps, lambda rate_rps: suits([_try_rate(context, load, servers[arm], rate_rps) for arm in capacities])
    )


def lower_until(rate_rps: float, is_suitable: Callable[[float], bool]) -> float:
    """Return the first of a few falling rates that is suitable, or the lowest of them."""
    for _ in range(_TRIES):
        if is_suitable(rate_rps):
            break
        rate_rps = round_down(_REDUCTION * rate_rps)
    return rate_rps


def suits(trials: Sequence[RateTrial]) -> bool:
    """Return whether a rate suits all arms. trials: one of each arm.

    Every arm has to sustain the rate. The generator has to be punctual with most of them: with all of them, one
    disturbance in many trials would lower the rate.
    """
    return all(trial.is_sustained for trial in trials) and 2 * sum(trial.is_punctual for trial in trials) >= len(trials)


def _try_rate(context: RunContext, load: ScheduledLoad, server: Server, rate_rps: float) -> RateTrial:
    """Return whether an arm sustains a rate in one of a few trials, and whether the generator was punctual."""
    trial = RateTrial(is_sustained=True, is_punctual=True)
    for _ in range(_REPEATS):
        try:
            result = load_alone(context, server, load, [_TRIAL_S], _WARMUP_S, rate_rps=rate_rps)
        except ServerError:
            return RateTrial(is_sustained=True, is_punctual=True)  # the rate is not the cause
        trial = judge_rate_trial(result, context.schedule.thresholds)
        if trial.is_sustained and trial.is_punctual:
            break
    return trial


def judge_rate_trial(result: LoadResult, thresholds: Thresholds) -> RateTrial:
    """Return whether a trial shows that an arm sustains a rate, and that the generator was punctual."""
    (figures,) = result.slices
    complete = figures["unsent"] == 0 and figures["given_up"] == 0
    late = any(flag["percentile"] == "p50" for flag in result.document["verdict"]["flags"])
    return RateTrial(bool(complete and kept_up(result.document, thresholds)), not late)
