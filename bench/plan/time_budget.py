"""Duration of a plan, and the plan that fits into a time. Pure."""

from collections.abc import Mapping

import msgspec

from bench.formatting import plural
from bench.plan.definition import MAX_BLOCKS, Plan, PlanError
from bench.plan.matrix import arms, baseline_arms, competing_arms, load_points, scenario_load_points, skip_reason
from bench.plan.ordering import baseline_takes_part, round_count
from servers.registry import Description

FIXED_S = 9.0  # start of the generator and the baseline servers, calibration of the rates, charts
SERVER_START_S = 0.06  # per server, when all servers of a block start at the same time
BETWEEN_SLICES_S = 0.003  # reading of the counters, question to the generator
REPEAT_FACTOR = 1.07  # disturbed rounds are repeated: 3 to 12% in fifteen runs on a shared machine
SEARCH_ROUNDS = 30  # typical for a search
DECIDED_SHARE = 0.75  # of the trials of a search that take place: arms that are decided have none
SEARCH_OVERHEAD_S = 0.1  # warm-up of a trial
# Ratios inside rounds vary by 5%, servers that were started afresh by 1 to 1.5%, and a fresh start costs as much as
# about four rounds. Then about ten rounds per block are best (Kalibera and Jones 2013). See docs/experiments/slices.
MIN_BLOCKS, MIN_ROUNDS = 6, 4


def duration_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Return the approximate duration of a run on two CPUs. models: by name."""
    return FIXED_S + plan.blocks * _block_s(plan, models) + _searches_s(plan, models)


def slices_per_block(plan: Plan, models: Mapping[str, Description]) -> int:
    """Return the number of slices of a block without repeated rounds."""
    baselines = baseline_arms(plan)
    slices = 0
    for point in load_points(plan):
        rounds = round_count(plan, plan.scenario(point.scenario))
        baseline_rounds = sum(baseline_takes_part(number) for number in range(rounds))
        for arm in arms(plan):
            if not skip_reason(plan, arm, point, models):
                slices += baseline_rounds if arm in baselines else rounds
    return slices


def load_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Return the seconds of load in all blocks of a run."""
    return slices_per_block(plan, models) * plan.slice_s * plan.blocks


def fit(plan: Plan, minutes: float, models: Mapping[str, Description]) -> Plan:
    """Return the plan with as many blocks as the time allows.

    If these are fewer than ``MIN_BLOCKS``, blocks get fewer rounds. Raises PlanError if the time is too short for that.
    """
    left_s = 60 * minutes - FIXED_S - _searches_s(plan, models)
    if not load_points(plan):  # the plan only searches
        return plan
    blocks = int(left_s / _block_s(plan, models))
    if blocks >= MIN_BLOCKS:
        return msgspec.structs.replace(plan, blocks=min(blocks, MAX_BLOCKS))
    fewest = min(round_count(plan, scenario) for scenario in plan.scenarios if not scenario.searches)
    for rounds in range(fewest - 1, MIN_ROUNDS - 1, -1):
        shorter = _with_rounds(plan, rounds / fewest)
        if MIN_BLOCKS * _block_s(shorter, models) <= left_s:
            return shorter
    shortest_s = duration_s(msgspec.structs.replace(plan, blocks=MIN_BLOCKS), models) * MIN_ROUNDS / fewest
    problem = (
        f"too short for this plan, which needs at least {plural(max(1, round(shortest_s / 60)), 'minute')}; "
        "remove models, transports or numbers of connections"
    )
    raise PlanError(f"{minutes:g} minutes: {problem}", key="minutes", problem=problem)


def _with_rounds(plan: Plan, share: float) -> Plan:
    """Return the plan with ``MIN_BLOCKS`` blocks and this share of the rounds in each."""
    scenarios = [
        scenario if scenario.searches else msgspec.structs.replace(scenario, seconds=share * scenario.seconds)
        for scenario in plan.scenarios
    ]
    return msgspec.structs.replace(plan, blocks=MIN_BLOCKS, scenarios=tuple(scenarios))


def _block_s(plan: Plan, models: Mapping[str, Description]) -> float:
    scenarios = sum(not scenario.searches for scenario in plan.scenarios)
    fresh_servers = len(arms(plan)) - len(baseline_arms(plan))
    slices_s = slices_per_block(plan, models) * (plan.slice_s + BETWEEN_SLICES_S)
    return SERVER_START_S * fresh_servers * scenarios + REPEAT_FACTOR * slices_s


def _searches_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Return the seconds of all searches. A trial needs a fresh server."""
    trials_s = 0.0
    for scenario in plan.scenarios:
        if not scenario.searches:
            continue
        trial_s = scenario.seconds + SERVER_START_S + SEARCH_OVERHEAD_S
        for point in scenario_load_points(scenario):
            searched = sum(not skip_reason(plan, arm, point, models) for arm in competing_arms(plan))
            trials_s += DECIDED_SHARE * SEARCH_ROUNDS * searched * trial_s
    return trials_s
