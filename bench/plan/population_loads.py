"""The load of each population of a scenario at a load point: every key that was left out has its value. Pure.

A scenario without populations has one, whose name is empty.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.plan.population import Phase, Population, WorkShare
from bench.plan.scenario import Scenario, requests_per_cycle
from bench.plan.value_types import Arrivals, Behaviour, ComputeKind, Lifecycle, Protocol
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import ScenarioKind

_TRICKLE_S = 1.0


@dataclass(frozen=True, slots=True)
class RateRule:
    """The rule that decides the rate of a population. A closed loop has none."""

    rate_rps: float | None = None  # a number
    capacity_share: float | None = None  # of what the population alone gets from the arm
    scenario_share: float | None = None  # of the scenario's rate

    @property
    def text(self) -> str:
        """The rule as the plan sets it: ``rate_rps=20000``."""
        if self.rate_rps is not None:
            return f"rate_rps={self.rate_rps:g}"
        if self.capacity_share is not None:
            return f"capacity_share={self.capacity_share:g}"
        return f"rate_share={self.scenario_share:g}"


@dataclass(frozen=True, slots=True)
class PopulationLoad:
    """The load of one population at a load point."""

    name: str  # "" for the only one
    protocol: Protocol
    connections: int
    message_bytes: int  # 0 where the protocol has no size
    behaviour: Behaviour
    trickle_s: float
    depth: int
    lifecycle: Lifecycle
    session_requests: int
    arrivals: Arrivals
    work: tuple[WorkShare, ...]
    compute_kind: ComputeKind
    timeout_s: float | None  # None: the plan's
    retries: int
    rule: RateRule | None  # None: a closed loop, or the rate of a scenario without populations
    phase_rules: tuple[RateRule | None, ...] = ()  # of each phase
    active: tuple[bool, ...] = ()  # in each phase
    is_open: bool = False
    kind: ScenarioKind = ScenarioKind.CAPACITY

    @property
    def loop(self) -> str:
        """The kind of loop: ``open`` or ``closed``."""
        return "open" if self.is_open else "closed"

    @property
    def gets_replies(self) -> bool:
        """True if its clients send whole requests and read the replies."""
        return self.behaviour in ("normal", "trickle")

    @property
    def requests_per_cycle(self) -> int:
        """Requests of what a connection repeats: of a whole session, or 1."""
        return requests_per_cycle(self.lifecycle, self.protocol, self.session_requests)

    @property
    def mean_wait_us(self) -> float | None:
        """Mean wait of a request in us; None for a protocol without work."""
        return 1e3 * _mean(self.work, [kind.wait_ms for kind in self.work]) if self.protocol == "work" else None

    @property
    def mean_compute_units(self) -> float | None:
        """Mean compute of a request; None for a protocol without work."""
        units = [float(kind.compute_units) for kind in self.work]
        return _mean(self.work, units) if self.protocol == "work" else None

    def waiting_for(self, timeout_s: float) -> "PopulationLoad":
        """Return the same clients, which wait at least this long for a reply and send each request once.

        What a server can do does not depend on when its clients give up. In a closed loop each of N clients waits for N
        requests, so 400 clients that give up after 0.2 s get nothing from a server that takes 2 ms for a request.
        """
        return replace(self, timeout_s=max(timeout_s, self.timeout_s or timeout_s), retries=0)

    def rule_of_phase(self, position: int | None) -> RateRule | None:
        """Return how its rate in a phase is decided. position: None without phases."""
        return self.rule if position is None else self.phase_rules[position]


@dataclass(frozen=True, slots=True)
class LoadPart:
    """One population in one phase: what a row of trials.csv is about."""

    point: LoadPoint
    population: PopulationLoad
    phase: int | None = None  # position in the scenario; None without phases


def populations_at(scenario: Scenario, point: LoadPoint) -> tuple[PopulationLoad, ...]:
    """Return the loads of all populations at a load point."""
    loads = tuple(_of_population(scenario, population, point) for population in scenario.populations)
    return loads or (only_population(scenario, point),)


def parts_at(scenario: Scenario, point: LoadPoint) -> list[LoadPart]:
    """Return each population in each phase in which it does something, at a load point, in the order of the plan."""
    phases: list[tuple[int | None, str]] = [*enumerate(phase.name for phase in scenario.phases)] or [(None, "")]
    return [
        LoadPart(replace(point, population=load.name, phase=name), load, position)
        for load in populations_at(scenario, point)
        for position, name in phases
        if load.connections and (position is None or load.active[position])
    ]


def only_population(scenario: Scenario, point: LoadPoint) -> PopulationLoad:
    """Return the load of a scenario as if it had a single population, in a closed loop or at the scenario's rate."""
    return PopulationLoad(
        name="",
        protocol=scenario.protocol,
        connections=point.connections,
        message_bytes=point.message_bytes,
        behaviour="normal",
        trickle_s=_TRICKLE_S,
        depth=1,
        lifecycle=scenario.lifecycle,
        session_requests=scenario.session_requests,
        arrivals=scenario.arrival_pattern,
        work=scenario.work,
        compute_kind=scenario.kind_of_compute,
        timeout_s=None,
        retries=0,
        rule=None,
        is_open=scenario.loop == "open",
        kind=scenario.kind,
    )


def shared_rate_population(populations: Sequence[PopulationLoad]) -> PopulationLoad:
    """Return one population that asks for what all populations with a share of the scenario's rate ask for together.

    Its closed loop shows the capacity of an arm for their mix. Its connections are theirs together, and its work is
    theirs, weighted by their shares of the rate.
    """
    sharing = [load for load in populations if load.rule is not None and load.rule.scenario_share is not None]
    work: list[WorkShare] = []
    for load in sharing:
        share = (load.rule.scenario_share if load.rule else None) or 0.0
        whole = sum(kind.weight for kind in load.work)
        work += [
            WorkShare(weight=share * kind.weight / whole, wait_ms=kind.wait_ms, compute_units=kind.compute_units)
            for kind in load.work
        ]
    connections = sum(load.connections for load in sharing)
    return replace(sharing[0], name="", connections=connections, work=tuple(work), rule=None)


def total_connections(populations: Sequence[PopulationLoad]) -> int:
    """Return the number of connections of all populations."""
    return sum(load.connections for load in populations)


def _of_population(scenario: Scenario, population: Population, point: LoadPoint) -> PopulationLoad:
    base = only_population(scenario, point)
    size = population.message_bytes
    phase_rules = tuple(_rule(population, phase) for phase in scenario.phases)
    active = tuple(population.name not in phase.off for phase in scenario.phases)
    is_open = population.has_rate or any(rule is not None for rule in phase_rules)
    load = replace(
        base,
        name=population.name,
        connections=point.connections if population.connections is None else population.connections,
        message_bytes=base.message_bytes if size is None else size,
        behaviour=population.behaviour,
        trickle_s=population.trickle_s or _TRICKLE_S,
        depth=population.depth,
        lifecycle=population.lifecycle or base.lifecycle,
        session_requests=population.requests_per_session or base.session_requests,
        arrivals=population.arrivals or base.arrivals,
        work=_work(scenario, population),
        compute_kind=population.compute_kind or base.compute_kind,
        timeout_s=population.timeout_s,
        retries=population.retries,
        rule=_rule(population, None),
        phase_rules=phase_rules,
        active=active,
        is_open=is_open,
    )
    return replace(load, kind=_kind(scenario, load))


def _work(scenario: Scenario, population: Population) -> tuple[WorkShare, ...]:
    """Return the work of a population. Its own keys replace the scenario's mix."""
    if population.work_mix is not None:
        return population.work_mix
    if population.wait_ms is None and population.compute_units is None:
        return scenario.work
    wait_ms = scenario.wait_ms if population.wait_ms is None else population.wait_ms
    units = scenario.compute_units if population.compute_units is None else population.compute_units
    return (WorkShare(weight=1.0, wait_ms=wait_ms or 0.0, compute_units=units or 0),)


def _rule(population: Population, phase: Phase | None) -> RateRule | None:
    name = population.name
    if phase is not None and name in phase.rate_rps:
        return RateRule(rate_rps=phase.rate_rps[name])
    if phase is not None and name in phase.capacity_share:
        return RateRule(capacity_share=phase.capacity_share[name])
    if not population.has_rate:
        return None
    return RateRule(population.rate_rps, population.capacity_share, population.rate_share)


def _kind(scenario: Scenario, load: PopulationLoad) -> ScenarioKind:
    if not load.gets_replies:
        return ScenarioKind.HELD
    if scenario.phases:
        return ScenarioKind.PHASES
    if load.is_open:
        return ScenarioKind.MIXED
    return ScenarioKind.CAPACITY if load.lifecycle == "persistent" else ScenarioKind.SESSIONS


def _mean(work: Sequence[WorkShare], values: Sequence[float]) -> float:
    """Return the mean of values by the weights of a mix."""
    whole = sum(kind.weight for kind in work)
    return sum(kind.weight * value for kind, value in zip(work, values, strict=True)) / whole
