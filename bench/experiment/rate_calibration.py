"""Rates of open loops, from short loads before the first block.

A rate that every arm can sustain makes latency and CPU time per request comparable. A share of an arm's own capacity
shows how its latency grows with its load. Both need the capacities, which a closed loop measures.
"""

import itertools
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from bench.experiment.child_process import ServerError
from bench.experiment.common_rate import CommonRate, choose_common_rate, describe_common_rate, round_down
from bench.experiment.rate_trials import RateTrial, judge_rate_trial
from bench.experiment.run_context import RunContext
from bench.experiment.server import Server, Servers
from bench.experiment.solo_load import load_alone
from bench.plan.population_loads import PopulationLoad, RateRule
from bench.plan.scenario import COMMON
from bench.plan.schedule import Schedule, ScheduledLoad
from bench.plan.slice_lengths import MAX_SLICE_S, MIN_REQUESTS, SliceLength, closed_length
from bench.schema.arms import Arm
from bench.schema.csv_schema import RateRow
from bench.schema.load_points import LoadPoint

MIN_ANSWERED_SHARE = 0.99  # a closed loop asks for no more than it gets, so a sound server answers everything
_SLICES, _SLICE_S, _WARMUP_S = 4, 0.05, 0.005
_LONG_SLICES = 2  # of a server whose replies take long
_TRIAL_S = 0.2
_REPEATS = 2  # of a trial that fails: a stall of the machine must not lower the rate


@dataclass(frozen=True, slots=True)
class Rates:
    """The calibrated rates, by load point: of each population in each phase."""

    arm_rates: Mapping[tuple[LoadPoint, Arm], float]
    baseline_rates: Mapping[tuple[LoadPoint, str], float]  # capacity of the baseline by transport
    point_rates: Mapping[LoadPoint, float]  # where all arms have the same rate


@dataclass(frozen=True, slots=True)
class Capacity:
    """The rate of an arm in a short closed loop."""

    rate_rps: float
    answered_share: float  # of its requests

    @property
    def is_known(self) -> bool:
        """Return whether the arm answered nearly everything. Else its rate is not what it can serve."""
        return self.rate_rps > 0 and self.answered_share >= MIN_ANSWERED_SHARE


def rates_by_load(schedule: Schedule, rows: Sequence[RateRow]) -> Rates:
    """Return the rates as a block looks them up: of each population in each phase.

    A common rate belongs to the load point, so it is also the rate of an arm without a row of its own.
    """
    by_arm = {(point_of(row), row.arm): row for row in rows}
    any_row = {point: row for (point, _), row in by_arm.items()}
    arm_rates: dict[tuple[LoadPoint, Arm], float] = {}
    baseline_rates: dict[tuple[LoadPoint, str], float] = {}
    for load in schedule.block_loads:
        for part, arm in itertools.product(load.parts, schedule.arms):
            point, rule = part.point, part.population.rule_of_phase(part.phase)
            if load.has_planned_rates and rule is not None and rule.rate_rps is not None:
                arm_rates[point, arm] = rule.rate_rps
                continue
            arm_row = by_arm.get((point, arm.name))
            common_row = any_row.get(point) if load.scenario.rate == COMMON else None
            row = arm_row or common_row
            if row is not None:
                arm_rates[point, arm] = row.rate_rps
            if arm_row is not None and arm_row.capacity_rps and arm == Arm(schedule.plan.baseline, arm.transport):
                baseline_rates[point, arm.transport] = arm_row.capacity_rps
    rates_at = {point: {row.rate_rps for row in rows if point_of(row) == point} for point in any_row}
    point_rates = {point: rates.pop() for point, rates in rates_at.items() if len(rates) == 1}
    return Rates(arm_rates, baseline_rates, point_rates)


def point_of(row: RateRow) -> LoadPoint:
    """Return the load point of a row, without its rate."""
    return LoadPoint(row.scenario, row.connections, row.message_bytes, row.population, row.phase)


def measure_capacity(
    context: RunContext,
    load: ScheduledLoad,
    server: Server,
    length: SliceLength | None = None,
    population: PopulationLoad | None = None,
    *,
    once: bool = False,
) -> Capacity:
    """Return the rate of a server in a short closed loop. length: of its slices in a closed loop.

    It is 0 if the server cannot be loaded; the block reports the reason. Of two long slices the faster one counts,
    because whatever disturbs a server only slows it. once: whether to measure a single slice.
    """
    windows_s, warmup_s = [_SLICE_S] * _SLICES, _WARMUP_S
    choose: Callable[[list[float]], float] = statistics.median
    if length is not None and length.is_longer(context.schedule.plan):
        windows_s, warmup_s = [max(_SLICE_S, length.window_s)] * _LONG_SLICES, max(_WARMUP_S, length.warmup_s)
        choose = max
    if once:
        windows_s = windows_s[:1]
    patient = (population or load.populations[0]).waiting_for(context.schedule.plan.timeout_s)
    try:
        result = load_alone(context, server, load, windows_s, warmup_s, population=patient)
    except ServerError:
        return Capacity(0.0, answered_share=0.0)
    rate_rps = choose([float(figures["throughput_rps"]) for figures in result.slices])
    sent = int(result.document["sent"])
    return Capacity(rate_rps, answered_share=result.document["ledger"]["ok"] / sent if sent else 0.0)


def repeat_slowest(
    once: Mapping[Arm, Capacity], repeatable: Collection[Arm], measure: Callable[[Arm], Capacity]
) -> dict[Arm, Capacity]:
    """Return the capacities after a second load on each arm that may be the slowest; the faster of the two counts.

    A second load only raises a capacity. An arm whose first one is above the smallest that was repeated is not the
    slowest, whatever its second one would be. So the smallest capacity is the same as if all were repeated.

    once: after one load each. repeatable: the arms whose load was a single slice. measure: loads an arm once more.
    """
    capacities, left = dict(once), set(repeatable)
    while left:
        known = {arm: capacity for arm, capacity in capacities.items() if capacity.is_known}
        slowest = min(known, key=lambda arm: known[arm].rate_rps, default=None)
        if slowest not in left:
            break
        left.remove(slowest)
        again = measure(slowest)
        if again.rate_rps > capacities[slowest].rate_rps:
            capacities[slowest] = again
    return capacities


@dataclass(frozen=True, slots=True)
class RateCalibration:
    """The calibration of the rates at one load point, with one population alone."""

    context: RunContext
    load: ScheduledLoad
    population: PopulationLoad
    expected: frozenset[Arm]  # that should have a capacity
    servers: Mapping[Arm, Server]  # that can be measured in time
    closed: Mapping[Arm, SliceLength]  # slices of a closed loop
    capacities: Mapping[Arm, Capacity]  # of the arms that have one

    @classmethod
    def measure(
        cls,
        context: RunContext,
        load: ScheduledLoad,
        population: PopulationLoad,
        servers: Servers,
        cycles_s: Mapping[Arm, float | None],
        *,
        slowest_decides: bool = False,
    ) -> "RateCalibration":
        """Measure the capacities. An arm whose capacity cannot be measured, or not in time, has none.

        slowest_decides: of the arms without the baseline, only the smallest capacity is used.
        """
        plan = context.schedule.plan
        closed = {arm: closed_length(plan, load.scenario, population, cycle_s) for arm, cycle_s in cycles_s.items()}
        alive = {
            arm: server
            for arm, server in servers.items()
            if isinstance(server, Server) and arm in closed and not closed[arm].skip_reason
        }
        repeatable = {arm for arm in alive if slowest_decides and arm not in context.schedule.baseline_arms}

        def measure(arm: Arm) -> Capacity:
            return measure_capacity(context, load, alive[arm], closed[arm], population, once=arm in repeatable)

        measured = repeat_slowest({arm: measure(arm) for arm in alive}, repeatable, measure)
        capacities = {arm: capacity for arm, capacity in measured.items() if capacity.rate_rps}
        # An arm whose slices would be too long is not measured, and has a message of its own.
        too_slow = {arm for arm, length in closed.items() if length.skip_reason}
        expected = frozenset(arm for arm in servers if not load.skip_reasons[arm] and arm not in too_slow)
        return cls(context, load, population, expected, alive, closed, capacities)

    def scenario_rates(self) -> dict[Arm, float]:
        """Return the rate that the scenario asks of each arm, and report a common rate.

        An arm without a capacity has a rate only if the plan sets it: it may answer too little in a short closed loop.
        """
        scenario = self.load.scenario
        if scenario.rate_rps is not None:
            return dict.fromkeys(self.servers, scenario.rate_rps)
        if scenario.capacity_share is not None:
            return self.shares_of_capacity(scenario.capacity_share)
        if not self.capacities:
            return {}
        common = self._common_rate()
        unknown = [arm for arm in self.expected if arm not in self.capacities or not self.capacities[arm].is_known]
        for line in describe_common_rate(common, unknown, self.population.connections):
            self.context.observer.on_message(f"{scenario.name}: {line}")
        return dict.fromkeys(self.capacities, common.rate_rps)

    def rates(self, rule: RateRule) -> dict[Arm, float]:
        """Return the rate of each arm by the rule of a population."""
        if rule.rate_rps is not None:
            return dict.fromkeys(self.servers, rule.rate_rps)
        return self.shares_of_capacity(rule.capacity_share or 0.0)

    def capacity_rps(self, arm: Arm) -> float:
        """Return the capacity of an arm; 0 if it has none."""
        capacity = self.capacities.get(arm)
        return capacity.rate_rps if capacity else 0.0

    def shares_of_capacity(self, share: float) -> dict[Arm, float]:
        """Return a share of each arm's own capacity."""
        return {arm: round_down(share * capacity.rate_rps) for arm, capacity in self.capacities.items()}

    def _common_rate(self) -> CommonRate:
        """Return the common rate of the arms whose capacity is known, or of all if none is."""
        known = {arm: capacity.rate_rps for arm, capacity in self.capacities.items() if capacity.is_known}
        return choose_common_rate(
            known or {arm: capacity.rate_rps for arm, capacity in self.capacities.items()},
            self.context.schedule.baseline_arms,
            self._try_rate,
        )

    def _try_rate(self, arm: Arm, rate_rps: float) -> RateTrial:
        """Return whether an arm sustains a rate in one of a few trials, and whether the generator was punctual.

        The slices of a closed loop, whose replies are slower, are long enough.
        """
        closed, per_cycle = self.closed[arm], self.population.requests_per_cycle
        is_longer = closed.is_longer(self.context.schedule.plan)
        window_s, warmup_s = (closed.window_s, closed.warmup_s) if is_longer else (0.0, _WARMUP_S)
        window_s = max(_TRIAL_S, window_s, min(MIN_REQUESTS * per_cycle / rate_rps, MAX_SLICE_S))
        trial = RateTrial(is_sustained=True, is_punctual=True)
        for _ in range(_REPEATS):
            try:
                result = load_alone(
                    self.context,
                    self.servers[arm],
                    self.load,
                    [window_s],
                    warmup_s,
                    rate_rps=rate_rps,
                    population=self.population,
                )
            except ServerError:
                return RateTrial(is_sustained=True, is_punctual=True)  # the rate is not the cause
            trial = judge_rate_trial(result, self.context.schedule.thresholds)
            if trial.is_sustained and trial.is_punctual:
                break
        return trial
