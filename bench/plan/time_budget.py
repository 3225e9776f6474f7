"""Duration of a plan, and the plan that fits into a time. Pure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from bench.formatting import plural
from bench.plan.calibration_time import calibration_s
from bench.plan.definition import MAX_BLOCKS, Plan, PlanError
from bench.plan.expected_slices import expected_length
from bench.plan.matrix import arms, baseline_arms, competing_arms, load_points, scenario_load_points, skip_reason
from bench.plan.ordering import round_count, slice_s, takes_part
from bench.plan.population_loads import PopulationLoad, populations_at
from bench.plan.scenario import Scenario
from bench.plan.slice_lengths import FIRST_WARMUP_S, Lengths, SliceLength
from bench.plan.time_costs import CASE_S, FIXED_S, SERVER_START_S, SETTLE_S, connecting_s, reading_s, turned_away_s
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from servers.registry import Description

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

    models: by name. lengths: as calibrated; an arm without one is assumed to have the slices that the plan lets expect.
    """
    return _once_s(plan, models, lengths) + plan.blocks * _block_s(plan, models, lengths)


def slices_per_block(plan: Plan, models: Mapping[str, Description], lengths: Lengths = NO_LENGTHS) -> int:
    """Return the number of slices of a block without repeated rounds."""
    return sum(case.slices for case in _cases(plan, models, lengths))


def load_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Return the seconds of load in all blocks of a run, as ``bench.schema.load_time`` defines them."""
    return plan.blocks * sum(case.load_s for case in _cases(plan, models, NO_LENGTHS))


def fit(plan: Plan, minutes: float, models: Mapping[str, Description], lengths: Lengths = NO_LENGTHS) -> Plan:
    """Return the plan with as many blocks as the time allows.

    If these are fewer than ``MIN_BLOCKS``, blocks get fewer rounds. Raises PlanError if the time is too short for that.
    """
    left_s = 60 * minutes - _once_s(plan, models, lengths)
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
    after_s: float  # after each slice, until the last requests have ended
    populations: tuple[PopulationLoad, ...]

    @property
    def seconds(self) -> float:
        """The connections, the slices with their last requests and replies, and the warm-up before the first round."""
        slice_s = self._loaded_slice_s + reading_s(self.populations)
        repeated = REPEAT_FACTOR if self.slices > 1 else 1.0
        return CASE_S + connecting_s(self.populations) + self._first_load_s + repeated * self.slices * slice_s

    @property
    def load_s(self) -> float:
        """The seconds of load in a block: the slices that count, and the warm-up before the first round."""
        return self._first_load_s + self.slices * self._loaded_slice_s

    @property
    def _first_load_s(self) -> float:
        return FIRST_WARMUP_S + self.length.drain_s

    @property
    def _loaded_slice_s(self) -> float:
        return self.length.slice_s + self.after_s + self.length.drain_s


def _cases(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> Iterator[_Case]:
    """Yield every case of a block that is measured."""
    baselines = baseline_arms(plan)
    for point in load_points(plan):
        scenario = plan.scenario(point.scenario)
        rounds, populations = round_count(plan, scenario), populations_at(scenario, point)
        for arm in arms(plan):
            length = _length(plan, models, lengths, point, arm)
            if not skip_reason(plan, arm, point, models) and not length.skip_reason:
                interval = length.round_interval(rounds, slice_s(plan, scenario))
                slices = sum(takes_part(number, interval, is_baseline=arm in baselines) for number in range(rounds))
                after_s = backlog_s(plan, point, length)
                after_s += turned_away_s(scenario.backlog, populations, plan.timeout_s)
                yield _Case(point, arm, length, slices, after_s, populations)


def _length(plan: Plan, models: Mapping[str, Description], lengths: Lengths, point: LoadPoint, arm: Arm) -> SliceLength:
    """Return the slices of an arm at a load point: as calibrated, or else as the plan lets expect."""
    calibrated = lengths.get((point, arm))
    return calibrated or expected_length(plan, plan.scenario(point.scenario), point, models[arm.model], arm.transport)


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
    """Return the seconds of a block. Each load point with phases has servers of its own."""
    points = load_points(plan)
    starts = sum(not scenario.searches and not scenario.phases for scenario in plan.scenarios)
    starts += sum(bool(plan.scenario(point.scenario).phases) for point in points)
    fresh_servers = len(arms(plan)) - len(baseline_arms(plan))
    settling_s = SETTLE_S * sum(map(partial(_waits_for_memory, plan), points))
    return (
        SERVER_START_S * fresh_servers * starts
        + settling_s
        + sum(case.seconds for case in _cases(plan, models, lengths))
    )


def _waits_for_memory(plan: Plan, point: LoadPoint) -> bool:
    """Return whether the memory of connections is measured at a load point."""
    populations = plan.scenario(point.scenario).populations
    return any(population.behaviour != "normal" for population in populations)


def _once_s(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> float:
    """Return the seconds of everything but the blocks."""
    return FIXED_S + calibration_s(plan, models) + _searches_s(plan, models, lengths)


def _searches_s(plan: Plan, models: Mapping[str, Description], lengths: Lengths) -> float:
    """Return the seconds of all searches. A trial needs a fresh server."""
    trials_s = 0.0
    for scenario in plan.scenarios:
        if not scenario.searches:
            continue
        for point in scenario_load_points(scenario):
            for arm in competing_arms(plan):
                length = _length(plan, models, lengths, point, arm)
                if not skip_reason(plan, arm, point, models) and not length.skip_reason:
                    load_s = max(scenario.load_seconds, length.window_s) + 2 * length.drain_s
                    trials_s += load_s + SERVER_START_S + SEARCH_OVERHEAD_S
    return DECIDED_SHARE * SEARCH_ROUNDS * trials_s
