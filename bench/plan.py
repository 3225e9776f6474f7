"""The plan: what is measured, in which order. Pure; a profile and a user's file have the same form."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, get_args

import msgspec
import numpy as np

from bench.records import Arm
from servers.registry import Description

Transport = Literal["tcp", "udp"]
Protocol = Literal["echo", "hola"]
Lifecycle = Literal["persistent", "session"]
CHOICES = {"transports": get_args(Transport), "protocol": get_args(Protocol), "lifecycle": get_args(Lifecycle)}
LARGEST_DATAGRAM_BYTES = 65_507

Positive = Annotated[int, msgspec.Meta(ge=1)]
Size = Annotated[int, msgspec.Meta(ge=1, le=64 << 20)]
Duration = Annotated[float, msgspec.Meta(gt=0, le=3600)]


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question with its load."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    question: str = ""
    protocol: Protocol = "echo"
    lifecycle: Lifecycle = "persistent"
    connections: Annotated[tuple[Positive, ...], msgspec.Meta(min_length=1)]
    message_bytes: Annotated[tuple[Size, ...], msgspec.Meta(min_length=1)] = (64,)
    requests_per_session: Positive = 10
    seconds: Duration  # of load on each arm, in each case of each block

    @property
    def loop(self) -> str:
        """How requests follow each other."""
        return "closed"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All that decides what a run measures; with the same seed, in the same order."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
    question: str = ""
    models: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    transports: Annotated[tuple[Transport, ...], msgspec.Meta(min_length=1)] = ("tcp", "udp")
    reference: str = ""  # the model that the others are compared with; the first one if empty
    twin: str = ""  # the model that is listed twice, to see the noise floor; none if empty
    blocks: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    seed: Annotated[int, msgspec.Meta(ge=0)] | None = None  # of the order of everything; None: a new one for each run
    workers: Annotated[int, msgspec.Meta(ge=0)] = 0  # of models with several processes; 0: one a CPU, two at least
    slice_s: Annotated[float, msgspec.Meta(ge=0.005, le=600)] = 0.025
    slice_warmup_s: Annotated[float, msgspec.Meta(ge=0)] = 0.003  # of each slice, not counted
    timeout_s: Duration = 1.0  # when a reply counts as lost
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
    if plan.slice_warmup_s >= plan.slice_s:
        raise PlanError(f"slice_warmup_s {plan.slice_warmup_s:g} leaves nothing of a slice of {plan.slice_s:g} s")
    for scenario in plan.scenarios:
        if scenario.name.startswith("sessions") != (scenario.lifecycle == "session"):
            raise PlanError(
                f"scenario {scenario.name!r} has the lifecycle {scenario.lifecycle!r}: names of session scenarios, and "
                "no others, begin with 'sessions', for what they are asked is sessions per second"
            )
    largest = max(max(scenario.message_bytes) for scenario in plan.scenarios)
    if "udp" in plan.transports and largest > LARGEST_DATAGRAM_BYTES:
        raise PlanError(f"message_bytes {largest} does not fit a datagram; at most {LARGEST_DATAGRAM_BYTES} over udp")
    if not any(skip_reason(arm, case, models) == "" for arm in arms(plan) for case in cases(plan)):
        raise PlanError("nothing in this plan can be measured: every case would be skipped")


def _check_names(plan: Plan, models: Mapping[str, Description]) -> None:
    for name in (*plan.models, plan.reference, plan.twin):
        if name and name not in models:
            raise PlanError(f"no server model {name!r}; there are: {', '.join(models)}")
    for what, name in (("reference", plan.reference), ("twin", plan.twin)):
        if name and name not in plan.models:
            raise PlanError(f"{what} {name!r} is not among the models of the plan: {', '.join(plan.models)}")
    scenarios = tuple(scenario.name for scenario in plan.scenarios)
    for what, names in (("models", plan.models), ("transports", plan.transports), ("scenarios", scenarios)):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise PlanError(f"{what}: {repeated[0]!r} stands there twice; name each once")


def arms(plan: Plan) -> list[Arm]:
    """Every arm: each model over each transport, the twin last."""
    single = [Arm(model, transport) for model in plan.models for transport in plan.transports]
    return single + [Arm(plan.twin, transport, twin=True) for transport in plan.transports if plan.twin]


def reference_arms(plan: Plan) -> dict[str, str]:
    """Name of the arm that the others are compared with, for each transport."""
    model = plan.reference or plan.models[0]
    return {transport: Arm(model, transport).name for transport in plan.transports}


def cases(plan: Plan, scenario: Scenario | None = None) -> list[Case]:
    """The load points of a scenario, or of all, fewest connections first.

    Ascending on purpose: a server's memory only grows, so each figure is that of its own load. Within a round all arms
    have the same load, so this order can favour none.
    """
    chosen = plan.scenarios if scenario is None else (scenario,)
    return [
        Case(one, connections, message_bytes)
        for one in chosen
        for connections in sorted(set(one.connections))
        for message_bytes in (sorted(set(one.message_bytes)) if one.protocol == "echo" else (0,))
    ]


def skip_reason(arm: Arm, case: Case, models: Mapping[str, Description]) -> str:
    """Why a cell of the matrix cannot be served, or nothing if it can."""
    model = models[arm.model]
    if arm.transport not in model.transports:
        return f"{arm.model} does not serve {arm.transport}"
    limit = model.max_tcp_clients if arm.transport == "tcp" and case.scenario.lifecycle == "persistent" else None
    if limit is not None and case.connections > limit:
        return f"{arm.model} serves {limit} persistent TCP client{'s' if limit > 1 else ''} at a time, by its nature"
    return ""


def rounds(plan: Plan, case: Case) -> int:
    """How many slices each arm gets in one case of one block."""
    return max(1, round(case.scenario.seconds / plan.slice_s))


def seed_of(plan: Plan) -> int:
    """The seed of a plan that is to be run."""
    assert plan.seed is not None, "a plan gets its seed before it is run"
    return plan.seed


def block_order(plan: Plan, block: int) -> list[Scenario]:
    """The scenarios of a block, in its own random order."""
    order = np.random.default_rng([seed_of(plan), block]).permutation(len(plan.scenarios))
    return [plan.scenarios[k] for k in order]


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
    per_block = sum(
        rounds(plan, case) * plan.slice_s
        for case in cases(plan)
        for arm in arms(plan)
        if not skip_reason(arm, case, models)
    )
    return per_block * plan.blocks
