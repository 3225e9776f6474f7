"""Duration of a plan, and the plan that fits into a time. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from bench.formatting import plural
from bench.plan.definition import MAX_BLOCKS, Plan, PlanError
from bench.plan.matrix import arms, baseline_arms, competing_arms, load_points, scenario_load_points, skip_reason
from bench.plan.ordering import round_count, slice_s, takes_part
from bench.plan.scenario import Scenario
from bench.plan.slice_lengths import Lengths, SliceLength, planned_length
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
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
NO_LENGTHS: Lengths = {}  # before the calibration


def duration_s(plan: Plan, models: Mapping[str, Description], lengths: Lengths = NO_LENGTHS) -> float:
    """Return the approximate duration of a run on two CPUs.

    models: by name. lengths: as calibrated; before that every arm is assumed to have the plan's slices.
    """
    return FIXED_S + plan.blocks * _block_s(plan, models, lengths) + _searches_s(plan, models, lengths)


def slices_per_block(plan: Plan, models: Mapping[str, Description], lengths: Lengths = NO_LENGTHS) -> int:
    """Return the number of slices of a block without repeated rounds."""
    return sum(case.slices for case in _cases(plan, models, lengths))


def load_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Return the seconds of load in all blocks of a run with the plan's slices."""
    return plan.blocks * sum(case.slices * case.length.slice_s for case in _cases(plan, models, NO_LENGTHS))


def fit(plan: Plan, minutes: float, models: Mapping[str, Description], lengths: Lengths = NO_LENGTHS) -> Plan:
    """Return the plan with as many blocks as the time allows.

    If these are fewer than ``MIN_BLOCKS``, blocks get fewer rounds. Raises PlanError if the time is too short for that.
    """
    left_s = 60 * minutes - FIXED_S - _searches_s(plan, models, lengths)
    if not load_points(plan):  # the plan only searches
        return plan
    blocks = int(left_s / _block_s(plan, models, lengths))
    if blocks >= MIN_BLOCKS:
        return msgspec.structs.replace(plan, blocks=min(blocks, MAX_BLOCKS))
    with_rounds = [round_count(plan, scenario) for scenario in plan.scenarios if _has_rounds(scenario)]
    most = max(with_rounds, default=1)
    shorter = msgspec.structs.replace(plan, blocks=MIN_BLOCKS)
    for rounds in range(most - 1, MIN_ROUNDS - 1, -1):
        shorter = _with_rounds(plan, rounds / most)
        if MIN_BLOCKS * _block_s(shorter, models, lengths) <= left_s:
            return shorter
    least_minutes = max(1, math.ceil(duration_s(shorter, models, lengths) / 60))
    problem = f"too short for this plan, which needs at least {plural(least_minutes, 'minute')}; "
    problem += _slowest_arm(shorter, models, lengths) or "remove models, transports or numbers of connections"
    raise PlanError(f"{minutes:g} minutes: {problem}", key="minutes", problem=problem)


def backlog_s(plan: Plan, point: LoadPoint, length: SliceLength) -> float:
    """Return how long an open loop sends after a slice, because requests were due faster than they were answered.

    It stops after the timeout. A run of 36 slices took 51 s at 1e7 requests/s, and 7 s at 20,000 requests/s.
    length: as calibrated. With a cycle of unknown time the result is 0.
    """
    scenario = plan.scenario(point.scenario)
    if scenario.rate_rps is None or scenario.populations or not length.cycle_s:
        return 0.0
    capacity_rps = point.connections * scenario.requests_per_cycle / length.cycle_s
    return min(plan.timeout_s, length.slice_s * max(0.0, scenario.rate_rps / capacity_rps - 1))


@dataclass(frozen=True, slots=True)
class _Case:
    """The time that one case takes in a block."""

    point: LoadPoint
    arm: Arm
    length: SliceLength
    slices: int
    backlog_s: float

    @property
    def seconds(self) -> float:
        """The slices with their last requests and replies, and the warm-up before the first round."""
        slice_s = self.length.slice_s + self.backlog_s + self.length.drain_s + BETWEEN_SLICES_S
        return REPEAT_FACTOR * self.slices * slice_s + self.length.drain_s


def _cases(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> Iterator[_Case]:
    """Yield every case of a block that is measured."""
    baselines = baseline_arms(plan)
    for point in load_points(plan):
        scenario = plan.scenario(point.scenario)
        rounds, usual = round_count(plan, scenario), planned_length(plan, scenario)
        for arm in arms(plan):
            length = lengths.get((point, arm), usual)
            if not skip_reason(plan, arm, point, models) and not length.skip_reason:
                interval = length.round_interval(rounds, slice_s(plan, scenario))
                slices = sum(takes_part(number, interval, is_baseline=arm in baselines) for number in range(rounds))
                yield _Case(point, arm, length, slices, backlog_s(plan, point, length))


def _slowest_arm(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> str:
    """Return which of the arms with longer slices than the plan's takes most of the time; "" if there are none."""
    cases = list(_cases(plan, models, lengths))
    seconds: dict[Arm, float] = {}
    for case in cases:
        if case.length.is_longer(plan, plan.scenario(case.point.scenario)):
            seconds[case.arm] = seconds.get(case.arm, 0.0) + case.seconds
    if not seconds:
        return ""
    slowest = max(seconds, key=lambda arm: seconds[arm])
    share = seconds[slowest] / sum(case.seconds for case in cases)
    longest_s = max(case.length.slice_s for case in cases if case.arm == slowest)
    return (
        f"{slowest.display_name} takes {share:.0%} of it, in slices of up to {longest_s:.3g} s; "
        "remove it, or allow more time"
    )


def _with_rounds(plan: Plan, share: float) -> Plan:
    """Return the plan with ``MIN_BLOCKS`` blocks and this share of the rounds in each.

    A scenario keeps ``MIN_ROUNDS``, or the fewer that it has.
    """

    def shorten(scenario: Scenario) -> Scenario:
        usual = round_count(plan, scenario)
        rounds = max(min(MIN_ROUNDS, usual), round(share * usual))
        return msgspec.structs.replace(scenario, seconds=rounds * slice_s(plan, scenario))

    scenarios = [shorten(scenario) if _has_rounds(scenario) else scenario for scenario in plan.scenarios]
    return msgspec.structs.replace(plan, blocks=MIN_BLOCKS, scenarios=tuple(scenarios))


def _has_rounds(scenario: Scenario) -> bool:
    """Return whether a block has several rounds of a scenario: neither a search nor phases."""
    return not scenario.searches and not scenario.phases


def _block_s(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> float:
    scenarios = sum(not scenario.searches for scenario in plan.scenarios)
    fresh_servers = len(arms(plan)) - len(baseline_arms(plan))
    return SERVER_START_S * fresh_servers * scenarios + sum(case.seconds for case in _cases(plan, models, lengths))


def _searches_s(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> float:
    """Return the seconds of all searches. A trial needs a fresh server."""
    trials_s = 0.0
    for scenario in plan.scenarios:
        if not scenario.searches:
            continue
        usual = planned_length(plan, scenario)
        for point in scenario_load_points(scenario):
            for arm in competing_arms(plan):
                length = lengths.get((point, arm), usual)
                if not skip_reason(plan, arm, point, models) and not length.skip_reason:
                    load_s = max(scenario.load_seconds, length.window_s) + 2 * length.drain_s
                    trials_s += load_s + SERVER_START_S + SEARCH_OVERHEAD_S
    return DECIDED_SHARE * SEARCH_ROUNDS * trials_s
