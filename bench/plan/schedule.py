"""The schedule of a run: a plan after every decision has been made.

``resolve`` turns a plan into arms, cases, CPUs, orders and seeds. The experiment executes the result and decides
nothing that was known before the first server started.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec

from bench.formatting import plural
from bench.plan.definition import Plan
from bench.plan.external_server import ExternalServer
from bench.plan.host_limits import NO_LIMITS, HostLimits, arms_at_once, memory_reason
from bench.plan.matrix import (
    MIN_WORKERS,
    arms,
    baseline_arms,
    competing_arms,
    reference_arms,
    scenario_load_points,
    skip_reason,
)
from bench.plan.ordering import arrival_seed, block_order, round_count, round_order, slice_s, takes_part
from bench.plan.population_loads import LoadPart, PopulationLoad, parts_at, populations_at
from bench.plan.scenario import Scenario
from bench.plan.slice_lengths import SliceLength
from bench.plan.validation import check, plan_thresholds
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from clients.quality_codes import Thresholds
from servers.registry import Description

MAX_CALIBRATED = 64  # connections of a calibration in a load with phases; enough for the capacity of every model
_Item = TypeVar("_Item")
SEARCH_BLOCK = 0  # searches are not in blocks; their orders and arrivals are those of this block


@dataclass(frozen=True, slots=True)
class ScheduledLoad:
    """A load point, with the arms that serve it and the order of its rounds."""

    scenario: Scenario
    scenario_position: int  # in the plan
    point: LoadPoint
    rounds: int
    usual_slice_s: float  # length of a slice in the plan
    skip_reasons: Mapping[Arm, str]  # of all arms; empty for an arm that is measured
    baseline_arms: frozenset[Arm]
    seed: int
    populations: tuple[PopulationLoad, ...]  # one if the scenario has none
    arms_at_once: int | None = None  # whose connections can be open at the same time; None: all

    def turns(self, arms: Sequence[_Item]) -> list[Sequence[_Item]]:
        """Return arms in groups that can hold their connections at the same time."""
        size = self.arms_at_once or max(1, len(arms))
        return [arms[first : first + size] for first in range(0, len(arms), size)]

    @property
    def parts(self) -> list[LoadPart]:
        """Each population in each phase in which it does something; the scenario asks about the first."""
        return parts_at(self.scenario, self.point)

    @property
    def has_populations(self) -> bool:
        """Return whether the generator is asked for populations by name."""
        return bool(self.scenario.populations)

    @property
    def clients(self) -> list[PopulationLoad]:
        """The populations that have connections at this load point."""
        return [load for load in self.populations if load.connections]

    @property
    def timed_populations(self) -> list[PopulationLoad]:
        """The populations whose requests are answered without a delay of the client's own, so that a cycle has a time.

        A population without connections at this load point has none.
        """
        return [load for load in self.clients if load.behaviour == "normal"]

    @property
    def has_planned_rates(self) -> bool:
        """Return whether its phases have the rates of the plan, so that there is nothing to calibrate.

        The slices of phases have their planned lengths, too.
        """
        if not self.scenario.phases:
            return False
        rules = [part.population.rule_of_phase(part.phase) for part in self.parts]
        return all(rule is not None and rule.rate_rps is not None for rule in rules)

    def as_calibrated(self, population: PopulationLoad) -> PopulationLoad:
        """Return a population with the connections of its calibration: in a load with phases, not more than a few.

        The connections of an overload hold a queue of seconds. In a closed loop each of them would wait for all others.
        """
        if not self.scenario.phases:
            return population
        return replace(population, connections=min(population.connections, MAX_CALIBRATED))

    def takes_part(self, arm: Arm, length: SliceLength, counted_rounds: int) -> bool:
        """Return whether an arm with slices of this length has one in the next round.

        counted_rounds: rounds so far, without disturbed ones.
        """
        interval = length.round_interval(self.rounds, self.usual_slice_s)
        return takes_part(counted_rounds, interval, is_baseline=arm in self.baseline_arms)

    def round_order(self, block: int, number: int, transports: Sequence[str]) -> list[int]:
        """Return the order of a round, as positions in ``transports``.

        transports: of the arms that were started.
        """
        return round_order(self.seed, block, self.scenario_position, self.point, number, transports)

    def arrival_seed(self, block: int, number: int) -> int:
        """Return the seed of the arrivals of a round."""
        return arrival_seed(self.seed, block, self.scenario_position, self.point, number)


@dataclass(frozen=True, slots=True)
class ScheduledScenario:
    """A scenario with its load points, fewest connections first."""

    scenario: Scenario
    loads: tuple[ScheduledLoad, ...]

    @property
    def fresh_groups(self) -> "list[ScheduledScenario]":
        """The scenario in parts that each need servers of their own: each load point with phases, else all together."""
        if not self.scenario.phases:
            return [self]
        return [replace(self, loads=(load,)) for load in self.loads]

    def serves(self, arm: Arm) -> bool:
        """Return whether an arm serves any load point, and so needs a server."""
        return any(not load.skip_reasons[arm] for load in self.loads)


@dataclass(frozen=True, slots=True)
class Hosts:
    """The machines of the two sides of a run by their names in the fleet; "" and () if both are this machine."""

    server: str = ""
    generators: tuple[str, ...] = ()

    @property
    def are_apart(self) -> bool:
        """True if the generators are on other machines than the servers."""
        return bool(self.generators)


ONE_HOST = Hosts()


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything that a run executes."""

    plan: Plan  # with its number of workers
    seed: int
    server_cpus: tuple[int, ...]
    generator_cpus: tuple[int, ...]
    arms: tuple[Arm, ...]
    baseline_arms: tuple[Arm, ...]  # their servers stay for the whole run
    fresh_arms: tuple[Arm, ...]  # all others; their servers are started afresh in every block
    searched_arms: tuple[Arm, ...]
    reference_arms: Mapping[str, str]  # name of the arm that others are compared with, by transport
    scenarios: tuple[ScheduledScenario, ...]  # in the order of the plan
    external_servers: Mapping[str, ExternalServer]  # by the model of their arms
    thresholds: Thresholds
    cpus_disjoint: bool  # servers and generator share neither a CPU nor a core
    hosts: Hosts = ONE_HOST

    @property
    def block_loads(self) -> list[ScheduledLoad]:
        """The load points that every block has."""
        return [load for scenario in self.scenarios if not scenario.scenario.searches for load in scenario.loads]

    @property
    def searches(self) -> list[ScheduledLoad]:
        """The load points at which a max rate is searched for."""
        return [load for scenario in self.scenarios if scenario.scenario.searches for load in scenario.loads]

    @property
    def protocol_scenarios(self) -> dict[str, ScheduledScenario]:
        """The first scenario of each protocol, for which the baseline servers are started."""
        return {scenario.scenario.protocol: scenario for scenario in reversed(self.scenarios)}

    @property
    def longest_timeout_s(self) -> float:
        """The longest time that a request may take with all its retries."""
        populations = [
            population for scenario in self.scenarios for load in scenario.loads for population in load.populations
        ]
        usual_s = self.plan.timeout_s
        timeouts_s = [(1 + each.retries) * (each.timeout_s or usual_s) for each in populations]
        return max(usual_s, *timeouts_s)

    def block_order(self, block: int) -> list[ScheduledScenario]:
        """Return the scenarios of a block in its own random order."""
        ordered = [self.scenarios[position] for position in block_order(self.seed, block, len(self.scenarios))]
        return [scenario for scenario in ordered if not scenario.scenario.searches]


def resolve(
    plan: Plan,
    models: Mapping[str, Description],
    *,
    server_cpus: Sequence[int],
    generator_cpus: Sequence[int],
    limits: HostLimits = NO_LIMITS,
    share_core: bool = False,
    hosts: Hosts = ONE_HOST,
) -> Schedule:
    """Return the schedule of a plan that has a seed.

    Raises PlanError if the plan cannot be measured here.

    models: all that exist and the plan's external servers, by name. limits: of the machine.
    share_core: whether the two groups of CPUs are hardware threads of one core. hosts: of the two sides; if they are
    apart, the CPUs of the generator are those of this machine that servers do not use.
    """
    assert plan.seed is not None, "a plan gets its seed before it is run"
    check(plan, models, limits.descriptors)
    seed = plan.seed
    plan = msgspec.structs.replace(plan, workers=plan.workers or max(MIN_WORKERS, len(server_cpus)))
    every_arm, baselines = arms(plan), baseline_arms(plan)
    return Schedule(
        plan=plan,
        seed=seed,
        server_cpus=tuple(server_cpus),
        generator_cpus=tuple(generator_cpus),
        arms=tuple(every_arm),
        baseline_arms=tuple(baselines),
        fresh_arms=tuple(arm for arm in every_arm if arm not in baselines),
        searched_arms=tuple(competing_arms(plan)),
        reference_arms=reference_arms(plan),
        scenarios=tuple(
            _schedule_scenario(plan, seed, position, scenario, models, limits)
            for position, scenario in enumerate(plan.scenarios)
        ),
        external_servers={server.name: server for server in plan.external_servers},
        thresholds=plan_thresholds(plan),
        cpus_disjoint=hosts.are_apart or (not share_core and not set(server_cpus) & set(generator_cpus)),
        hosts=hosts,
    )


def describe_turns(schedule: Schedule) -> list[str]:
    """Return a line for each load point at which not all arms can hold their connections at the same time."""
    return [
        f"{load.point}: {plural(load.arms_at_once, 'server')} at a time, because of the limit of open files (ulimit "
        "-Hn); ratios are taken inside blocks"
        for load in schedule.block_loads
        if load.arms_at_once is not None
        and load.arms_at_once < sum(not reason for reason in load.skip_reasons.values())
    ]


def _schedule_scenario(
    plan: Plan, seed: int, position: int, scenario: Scenario, models: Mapping[str, Description], limits: HostLimits
) -> ScheduledScenario:
    def reason_to_skip(arm: Arm, point: LoadPoint) -> str:
        reason = skip_reason(plan, arm, point, models)
        return reason or memory_reason(models[arm.model], populations_at(scenario, point), limits)

    loads = tuple(
        ScheduledLoad(
            scenario=scenario,
            scenario_position=position,
            point=point,
            rounds=round_count(plan, scenario),
            usual_slice_s=slice_s(plan, scenario),
            skip_reasons={arm: reason_to_skip(arm, point) for arm in arms(plan)},
            baseline_arms=frozenset(baseline_arms(plan)),
            seed=seed,
            populations=populations_at(scenario, point),
            arms_at_once=arms_at_once(populations_at(scenario, point), limits) if scenario.populations else None,
        )
        for point in scenario_load_points(scenario)
    )
    return ScheduledScenario(scenario, loads)
