"""How long a plan takes, and a plan for the time that there is. Pure."""

from collections.abc import Mapping

import msgspec

from bench.plan.definition import Plan, PlanError, arms, baseline_arms, cases, rounds, skip_reason, slices
from servers.registry import Description

FIXED_S = 9.0  # the generator and the limit's servers start, rates are calibrated, charts are drawn
START_S = 0.06  # of one server, where all of a block start at once
BETWEEN_S = 0.003  # slices: reading counters, asking the generator
AGAIN = 1.07  # rounds that others spoil are run again: 3 to 12 % in fifteen runs on a shared machine
SEARCH_ROUNDS = 30  # of a search for a limit, about
# Ratios inside rounds scatter by 5 %, servers started anew by 1 to 1.5 %, and a fresh start costs as much as some four
# rounds: then some ten rounds a block are best (Kalibera and Jones 2013). See docs/experiments/slices.
LEAST_BLOCKS, LEAST_ROUNDS = 6, 4


def duration_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """About how long a run of the plan takes on two CPUs."""
    return FIXED_S + plan.blocks * _block_s(plan, models) + _searches_s(plan, models)


def fit(plan: Plan, minutes: float, models: Mapping[str, Description]) -> Plan:
    """The plan with as many blocks as the time allows; where it allows too few of them, with fewer rounds in each.

    Raises PlanError if there is no time for either.
    """
    left_s = 60 * minutes - FIXED_S - _searches_s(plan, models)
    blocks = int(left_s / _block_s(plan, models)) if cases(plan) else plan.blocks
    if blocks >= LEAST_BLOCKS or not cases(plan):
        return msgspec.structs.replace(plan, blocks=min(blocks, 1000))
    fewest = min(rounds(plan, case) for case in cases(plan))
    for share in (wanted / fewest for wanted in range(fewest - 1, LEAST_ROUNDS - 1, -1)):
        shorter = [
            one if one.searches else msgspec.structs.replace(one, seconds=share * one.seconds) for one in plan.scenarios
        ]
        found = msgspec.structs.replace(plan, blocks=LEAST_BLOCKS, scenarios=tuple(shorter))
        if LEAST_BLOCKS * _block_s(found, models) <= left_s:
            return found
    least_min = (duration_s(msgspec.structs.replace(plan, blocks=LEAST_BLOCKS), models) * LEAST_ROUNDS / fewest) / 60
    raise PlanError(
        f"{minutes:g} minutes are too few for this plan, which needs some {max(1, round(least_min))} at least: "
        "leave out models, transports or numbers of connections"
    )


def _block_s(plan: Plan, models: Mapping[str, Description]) -> float:
    scenarios = [one for one in plan.scenarios if not one.searches]
    fresh = len(arms(plan)) - len(baseline_arms(plan))
    return START_S * fresh * len(scenarios) + AGAIN * slices(plan, models) * (plan.slice_s + BETWEEN_S)


def _searches_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """A round of a search has a fresh server and a trial for each arm that is not decided: most are, in the end."""
    found = 0.0
    for scenario in plan.scenarios:
        for case in cases(plan, scenario) if scenario.searches else ():
            competing = [arm for arm in arms(plan) if arm not in baseline_arms(plan) and not arm.control]
            served = sum(not skip_reason(plan, arm, case, models) for arm in competing)
            found += 0.75 * SEARCH_ROUNDS * served * (scenario.seconds + START_S + 0.1)
    return found
