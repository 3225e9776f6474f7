"""Rates for open loops: found by a short calibration, before the first block.

A rate that every arm holds makes their latencies and their CPU per request comparable; a share of an arm's own capacity
shows how its latency grows with its load. Both need the capacities, which a closed loop tells.
"""

import math
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.experiment.server_pool import Server, ServerError, Servers, Setup, load, serving, settings
from bench.plan.definition import COMMON, Case, arms, baseline_arms, cases, skip_reason
from bench.schema.arms import Arm
from bench.schema.rows import RateRow

SHARE = 0.5  # of the smallest capacity: far from any arm's queue, and with the smallest arm not idle either
MAX_SHARE_OF_BASELINE = 0.2  # of what the generator can do at most: nearer to it its own queue shows in the percentiles
_SLICES, _SLICE_S, _WARMUP_S = 4, 0.05, 0.005
_TRIES, _LOWER = 6, 0.7
_HELD_S, _HELD_SHARE = 0.2, 0.97  # an arm holds a rate if so many of the requests due were answered in the window


@dataclass(frozen=True, slots=True)
class Rates:
    """What the calibration found, as a block looks it up."""

    of_arms: Mapping[tuple[Case, Arm], float]
    baselines: Mapping[tuple[Case, str], float]  # what the generator reached with the server that shows the limit


def rates(setup: Setup, baseline_servers: Mapping[str, Servers], tell: Callable[[str], None]) -> list[RateRow]:
    """Find the rate of every arm in every case of an open loop. Arms that fail have no row, and fail again later."""
    rows: list[RateRow] = []
    limits = baseline_arms(setup.plan)
    for scenario in setup.plan.scenarios:
        if scenario.loop == "closed" or scenario.searches:
            continue
        with serving(setup, scenario, [arm for arm in arms(setup.plan) if arm not in limits]) as servers:
            for case in cases(setup.plan, scenario):
                here = dict(_up(setup, case, {**servers, **baseline_servers[scenario.protocol]}))
                rows += _of_case(setup, case, here)
    for row in {(row.scenario, row.connections): row for row in rows if row.rate == COMMON}.values():
        rate = f"{row.rate_rps:,.0f} requests/s over {row.connections} connections"
        tell(f"{row.scenario}: {rate}, which every arm holds")
    return rows


def by_case(setup: Setup, rows: list[RateRow]) -> Rates:
    """The rates as a block looks them up. A common one belongs to the load, also of an arm that has none of its own."""
    found = {(row.scenario, row.connections, row.message_bytes, row.arm): row for row in rows}
    common = {key[:3]: row for key, row in found.items()}
    of_arms: dict[tuple[Case, Arm], float] = {}
    baselines: dict[tuple[Case, str], float] = {}
    for case in cases(setup.plan):
        load = case.scenario.name, case.connections, case.message_bytes
        for arm in arms(setup.plan):
            own = found.get((*load, arm.name))
            row = own or (common.get(load) if case.scenario.rate == COMMON else None)
            if row is not None:
                of_arms[case, arm] = row.rate_rps
            if own is not None and arm == Arm(setup.plan.baseline, arm.transport):
                baselines[case, arm.transport] = own.capacity_rps
    return Rates(of_arms, baselines)


def _up(setup: Setup, case: Case, servers: Servers) -> Iterator[tuple[Arm, Server]]:
    for arm, server in servers.items():
        if isinstance(server, Server) and not skip_reason(setup.plan, arm, case, setup.models):
            yield arm, server


def _of_case(setup: Setup, case: Case, servers: Mapping[Arm, Server]) -> list[RateRow]:
    """Rates of one case. An arm whose capacity cannot be measured has none."""
    rate = case.scenario.rate
    capacities = {arm: found for arm, server in servers.items() if (found := capacity_rps(setup, case, server))}
    asked: dict[Arm, float] = {}
    if rate == COMMON and capacities:
        asked = dict.fromkeys(capacities, _common(setup, case, servers, capacities))
    elif isinstance(rate, float):
        asked = {arm: rounded(rate * capacity) if rate <= 1 else rate for arm, capacity in capacities.items()}
    load = case.scenario.name, case.connections, case.message_bytes
    return [RateRow(*load, arm.name, str(rate), capacities[arm], rate_rps) for arm, rate_rps in asked.items()]


def _common(setup: Setup, case: Case, servers: Mapping[Arm, Server], capacities: Mapping[Arm, float]) -> float:
    """A rate that every arm holds, tried out."""
    baselines = [capacities[arm] for arm in baseline_arms(setup.plan) if arm in capacities]
    rate_rps = rounded(min(SHARE * min(capacities.values()), MAX_SHARE_OF_BASELINE * min(baselines, default=math.inf)))
    for _ in range(_TRIES):
        if all(_holds(setup, case, servers[arm], rate_rps) for arm in capacities):
            break
        rate_rps = rounded(_LOWER * rate_rps)
    return rate_rps


def rounded(rate_rps: float) -> float:
    """Down to two digits: a rate is to be repeated, and said."""
    step = 10.0 ** max(0, math.floor(math.log10(rate_rps)) - 1) if rate_rps >= 1 else 1.0
    return max(1.0, math.floor(rate_rps / step) * step)


def capacity_rps(setup: Setup, case: Case, server: Server) -> float:
    """What a server answers in a closed loop, for a moment; 0 if it cannot be loaded: the block will say why."""
    try:
        found = load(setup, server, settings(setup, server, case), [_SLICE_S] * _SLICES, _WARMUP_S)
    except ServerError:
        return 0.0
    return statistics.median(float(one["replies"]) / float(one["duration_s"]) for one in found.slices)


def _holds(setup: Setup, case: Case, server: Server, rate_rps: float) -> bool:
    try:
        (one,) = load(setup, server, settings(setup, server, case, rate_rps), [_HELD_S], _WARMUP_S).slices
    except ServerError:
        return True  # it is not the rate that is too high
    return bool(one["unsent"] == 0 and one["lost"] == 0 and one["replies"] >= _HELD_SHARE * rate_rps * _HELD_S)
