"""The plan: what is measured, in which order. Pure; a profile and a user's file have the same form."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

import msgspec
import numpy as np

from bench.plan.allowed import Clients, Duration, Lifecycle, Positive, Protocol, Size, Transport
from bench.plan.external_server import ExternalServer
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.metrics import ScenarioKind
from clients.quality_catalogue import CATALOGUE
from clients.quality_codes import Thresholds
from servers.registry import Description

COMMON = "common"
Arrivals = Literal["poisson", "constant", "burst"]
HIGHEST = "highest"
Rate = Literal["common", "highest"] | Annotated[float, msgspec.Meta(ge=0, le=1e9)]
CHOICES: dict[str, tuple[str, ...]] = {
    "transports": get_args(Transport),
    "protocol": get_args(Protocol),
    "lifecycle": get_args(Lifecycle),
    "arrivals": get_args(Arrivals),
    "rate": (COMMON, HIGHEST, "a share up to 1 of an arm's own capacity", "requests a second"),
}
LARGEST_DATAGRAM_BYTES = 65_507
BASELINE_EVERY = 3  # rounds
LEAST_WORKERS = 2  # of a model with several processes: with one it would not be that model


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question with its load."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=60)]
    question: str = ""
    protocol: Protocol = "echo"
    lifecycle: Lifecycle = "persistent"
    connections: Annotated[tuple[Clients, ...], msgspec.Meta(min_length=1)]
    message_bytes: Annotated[tuple[Size, ...], msgspec.Meta(min_length=1)] = (64,)
    requests_per_session: Positive = 10
    # 0: closed loop. Else open: at a rate that every arm holds, at a share of the arm's own capacity (up to 1), or at
    # so many requests a second, over all connections; or searched for: the highest that meets the objective.
    rate: Rate = 0.0
    arrivals: Arrivals = "poisson"
    seconds: Duration  # of load on each arm, in each case of each block; of each trial of a search
    objective_p99_us: Annotated[float, msgspec.Meta(ge=0)] = (
        0.0  # of a search; 0: ten times the idle median, 5 ms at least
    )
    objective_lost_share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.001
    search_width: Annotated[float, msgspec.Meta(ge=0.001, le=1)] = 0.02  # between the bounds of a search

    @property
    def loop(self) -> str:
        """How requests follow each other."""
        return "open" if self.rate else "closed"

    @property
    def kind(self) -> ScenarioKind:
        """The question that the scenario asks."""
        if self.searches:
            return ScenarioKind.MAX_RATE
        if self.loop == "open":
            return ScenarioKind.LATENCY
        return ScenarioKind.SESSIONS if self.lifecycle == "session" else ScenarioKind.CAPACITY

    @property
    def searches(self) -> bool:
        """Whether the rate is what is asked for. Such a scenario has no part in blocks."""
        return self.rate == HIGHEST


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that decides what a run measures; with the same seed, in the same order."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", max_length=60)]
    question: str = ""
    models: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    external_servers: tuple[ExternalServer, ...] = ()  # servers of others, which compete with the models
    transports: Annotated[tuple[Transport, ...], msgspec.Meta(min_length=1)] = ("tcp", "udp")
    reference: str = ""  # the model that the others are compared with; the first one if empty
    control: str = ""  # the model that is listed twice, to see the noise floor; none if empty
    baseline: str = BASELINE_MODEL  # the model that shows what the machine can do, beside all others; none if empty
    awake: bool = False  # keep the servers' CPUs from halting, see bench.machine.keep_awake
    pythons: dict[str, str] = {}  # beside our own interpreter, others with which each model runs: label and path
    blocks: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    until: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.0  # end once intervals have this half-width; 0: after blocks
    at_most_min: Annotated[float, msgspec.Meta(gt=0, le=100_000)] = 60.0  # with until: minutes in which it ends anyhow
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | None = None  # of the order; None: a new one for each run
    workers: Annotated[int, msgspec.Meta(ge=0, le=4096)] = 0  # of models with several; 0: one a CPU, two at least
    slice_s: Annotated[float, msgspec.Meta(ge=0.005, le=600)] = 0.025
    slice_warmup_s: Annotated[float, msgspec.Meta(ge=0)] = 0.003  # of each slice, not counted
    timeout_s: Duration = 1.0  # when a reply counts as lost
    thresholds: dict[str, list[float]] = {}  # of verdicts, instead of our own: [suspect] or [suspect, invalid]
    scenarios: Annotated[tuple[Scenario, ...], msgspec.Meta(min_length=1)]


class Case(msgspec.Struct, frozen=True):
    """One load point of a scenario, for every arm."""

    scenario: Scenario
    connections: int
    message_bytes: int


class PlanError(ValueError):
    """The plan cannot be: one line that names the thing, its value and what is allowed."""


def check(plan: Plan, models: Mapping[str, Description]) -> None:
    """Raise PlanError if the plan asks for what cannot be. models: those there are, by name."""
    _check_names(plan, models)
    plan_thresholds(plan)
    if plan.slice_warmup_s >= plan.slice_s:
        raise PlanError(f"slice_warmup_s {plan.slice_warmup_s:g} leaves nothing of a slice of {plan.slice_s:g} s")
    largest = max(max(scenario.message_bytes) for scenario in plan.scenarios)
    if "udp" in plan.transports and largest > LARGEST_DATAGRAM_BYTES:
        raise PlanError(f"message_bytes {largest} does not fit a datagram; at most {LARGEST_DATAGRAM_BYTES} over udp")
    competing = [arm for arm in arms(plan) if arm not in baseline_arms(plan)]
    every = [case for scenario in plan.scenarios for case in cases(plan, scenario)]
    if not any(skip_reason(plan, arm, case, models) == "" for arm in competing for case in every):
        raise PlanError("nothing in this plan can be measured: every case would be skipped")


def plan_thresholds(plan: Plan) -> Thresholds:
    """Return the thresholds that the plan's results are judged by. Raises PlanError."""
    try:
        return Thresholds(CATALOGUE, plan.thresholds)
    except ValueError as error:
        raise PlanError(str(error)) from error


def _check_names(plan: Plan, models: Mapping[str, Description]) -> None:
    for name in (*plan.models, plan.reference, plan.control):
        if name and name not in models:
            raise PlanError(f"no server model {name!r}; there are: {', '.join(models)}")
    if plan.baseline not in ("", BASELINE_MODEL):  # tables and charts know it by this name, and compare it with nobody
        raise PlanError(f"baseline = {plan.baseline!r} must be {BASELINE_MODEL!r}, or empty for no baseline")
    _check_external(plan)
    competing = (*plan.models, *(one.name for one in plan.external_servers))
    for what, name in (("reference", plan.reference), ("control", plan.control)):
        if name and name not in competing:
            raise PlanError(f"{what} {name!r} is not among the models of the plan: {', '.join(competing)}")
    scenarios = tuple(scenario.name for scenario in plan.scenarios)
    for what, names in (("models", competing), ("transports", plan.transports), ("scenarios", scenarios)):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise PlanError(f"{what}: {repeated[0]!r} stands there twice; name each once")


def _check_external(plan: Plan) -> None:
    for one in plan.external_servers:
        if bool(one.command) == bool(one.target):
            has = "both" if one.target else "neither"
            raise PlanError(f"external {one.name!r} needs either a command or a target, and has {has}")
        if one.target and not is_address(one.target):
            raise PlanError(
                f"external {one.name!r}: target {one.target!r} is not HOST:PORT with a port from 1 to 65535"
            )
        if one.trouble:
            raise PlanError(f"external {one.name!r}: {one.trouble}")
        if not set(one.transports) & set(plan.transports):
            raise PlanError(
                f"external {one.name!r} serves {', '.join(one.transports)}, and the transports of the plan are "
                f"{', '.join(plan.transports)}: it would have no part in the run"
            )


def is_address(text: str) -> bool:
    """Whether a text is HOST:PORT."""
    port = text.rpartition(":")[2]
    return ":" in text and port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65_535


def arms(plan: Plan) -> list[Arm]:
    """Every arm: each model over each transport with each interpreter, then controls, and last the machine's limit."""
    single = [
        Arm(model, transport, python=label)
        for model in plan.models
        for transport in plan.transports
        for label in ("", *plan.pythons)
    ]
    single += [
        Arm(one.name, transport)
        for one in plan.external_servers
        for transport in plan.transports
        if transport in one.transports
    ]
    controls = [Arm(plan.control, transport, control=True) for transport in plan.transports if plan.control]
    return single + controls + baseline_arms(plan)


def baseline_arms(plan: Plan) -> list[Arm]:
    """The arms that show the machine's limit and do not compete; none if that model competes."""
    if not plan.baseline or plan.baseline in plan.models:
        return []
    return [Arm(plan.baseline, transport) for transport in plan.transports]


def reference_arms(plan: Plan) -> dict[str, str]:
    """Name of the arm that the others are compared with, for each transport."""
    model = plan.reference or plan.models[0]
    return {transport: Arm(model, transport).name for transport in plan.transports}


def cases(plan: Plan, scenario: Scenario | None = None) -> list[Case]:
    """The load points of a scenario, or of all that blocks have, fewest connections first.

    Ascending on purpose: a server's memory only grows, so each figure is that of its own load. Within a round all arms
    have the same load, so this order can favour none.
    """
    chosen = [one for one in plan.scenarios if not one.searches] if scenario is None else [scenario]
    return [
        Case(one, connections, message_bytes)
        for one in chosen
        for connections in sorted(set(one.connections))
        for message_bytes in (sorted(set(one.message_bytes)) if one.protocol == "echo" else (0,))
    ]


def skip_reason(plan: Plan, arm: Arm, case: Case, models: Mapping[str, Description]) -> str:
    """Why a cell of the matrix cannot be served, or nothing if it can."""
    model = models[arm.model]
    if case.scenario.protocol not in model.protocols:
        return f"{arm.model} speaks {', '.join(model.protocols)}, not {case.scenario.protocol}"
    if arm.python and model.needs:
        return f"{arm.model} needs {model.needs}: it runs with the interpreter alone that holabench has"
    if model.missing:
        return f"{arm.model} {model.unavailable_reason}"
    if arm.transport not in model.transports:
        return f"{arm.model} does not serve {arm.transport}"
    limit = model.max_tcp_clients if arm.transport == "tcp" and case.scenario.lifecycle == "persistent" else None
    alone = not model.parallel or any(
        one.name == arm.model for one in plan.external_servers
    )  # that one tells of all it has
    processes = 1 if alone else plan.workers or LEAST_WORKERS
    if limit is not None and case.connections > limit * processes:
        clients = f"{limit * processes} persistent TCP client{'s' if limit * processes > 1 else ''}"
        return f"{arm.model} serves {clients} at a time{'' if alone else f' with {processes} workers'}, by its nature"
    return ""


def rounds(plan: Plan, case: Case) -> int:
    """How many rounds one case of one block has."""
    return max(1, round(case.scenario.seconds / plan.slice_s))


def takes_part(plan: Plan, arm: Arm, number: int) -> bool:
    """Whether an arm has a slice in a round. What shows the limit, and competes with nobody, has one in every third."""
    return number % BASELINE_EVERY == 0 or arm not in baseline_arms(plan)


def slices(plan: Plan, models: Mapping[str, Description]) -> int:
    """How many slices a block has."""
    return sum(
        takes_part(plan, arm, number)
        for case in cases(plan)
        for arm in arms(plan)
        if not skip_reason(plan, arm, case, models)
        for number in range(rounds(plan, case))
    )


def seed_of(plan: Plan) -> int:
    """The seed of a plan that is to be run."""
    assert plan.seed is not None, "a plan gets its seed before it is run"
    return plan.seed


def arrival_seed(plan: Plan, block: int, case: Case, number: int) -> int:
    """The seed of the arrivals of one round: the same requests at the same distances for every arm."""
    place = plan.scenarios.index(case.scenario)
    entropy = [seed_of(plan), block, place, case.connections, case.message_bytes, number, 1]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])


def block_order(plan: Plan, block: int) -> list[Scenario]:
    """The scenarios of a block, in its own random order."""
    order = np.random.default_rng([seed_of(plan), block]).permutation(len(plan.scenarios))
    return [plan.scenarios[k] for k in order if not plan.scenarios[k].searches]


def round_order(plan: Plan, block: int, case: Case, number: int, transports: Sequence[str]) -> list[int]:
    """In which order the arms of a case get their slices in one round. transports: of each arm.

    Arms of one transport follow each other, since they are compared: the machine's speed has less time to drift.
    """
    place = plan.scenarios.index(case.scenario)
    random = np.random.default_rng([seed_of(plan), block, place, case.connections, case.message_bytes, number])
    order = []
    for transport in random.permutation(sorted(set(transports))):
        order += random.permutation([k for k, one in enumerate(transports) if one == transport]).tolist()
    return order


def loaded_s(plan: Plan, models: Mapping[str, Description]) -> float:
    """Seconds of load in the whole run, all slices together."""
    return slices(plan, models) * plan.slice_s * plan.blocks
