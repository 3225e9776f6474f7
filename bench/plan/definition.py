"""A plan: what a run measures. A preset and a user's file have the same form.

Every key has its meaning and an example beside its type; ``bench.plan.key_reference`` makes a page of them.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from bench.plan.external_server import ExternalServer
from bench.plan.key_docs import key
from bench.plan.scenario import Scenario
from bench.plan.value_types import MAX_NAME_LENGTH, DurationS, SliceS, Transport
from bench.schema.arms import BASELINE_MODEL

NONE = "none"  # as control or baseline: there is no such arm
MAX_BLOCKS = 1000


class PlanError(ValueError):
    """The plan is invalid.

    The message names the key, its value and the allowed values. The same in parts, for a key that an option has set:
    its name, the refused value (None if the problem contains it), and the problem.
    """

    def __init__(self, message: str, *, key: str = "", value: object = None, problem: str = "") -> None:
        super().__init__(message)
        self.key = key
        self.value = value
        self.problem = problem or message.removeprefix(f"{key}: ")

    @classmethod
    def of_value(cls, where: str, key: str, value: object, problem: str) -> "PlanError":
        """Return the error of a refused value. where: beginning of the message, with the table of the key."""
        return cls(f"{where}{key} = {value!r} {problem}", key=key, value=value, problem=problem)

    def in_file(self, prefix: str) -> "PlanError":
        """Return the error with the name of its file in front. No option has set a key of a file."""
        return PlanError(f"{prefix}{self}") if prefix else self


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything that decides what a run measures. The same seed gives the same order."""

    name: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z", max_length=MAX_NAME_LENGTH),
        key("Name of the plan, and end of the name of its run folders.", example="my-plan"),
    ]
    question: Annotated[
        str,
        key(
            "The question that the plan answers, for the report.",
            example="Which event loop is cheapest?",
            default="none",
        ),
    ] = ""
    models: Annotated[
        tuple[str, ...],
        Meta(min_length=1),
        key("Server models to compare; see `holabench models`.", example=["select", "asyncio"]),
    ]
    external_servers: Annotated[
        tuple[ExternalServer, ...], key("External servers, which compete with the models; see below.", default="none")
    ] = ()
    transports: Annotated[
        tuple[Transport, ...],
        Meta(min_length=1),
        key("Transports over which every model is measured.", example=["tcp"]),
    ] = ("tcp", "udp")
    reference: Annotated[
        str, key("Model with which the others are compared.", example="asyncio", default="the first of `models`")
    ] = ""
    control: Annotated[
        str,
        key(
            "Model that is measured a second time; its difference from itself is the noise floor. "
            '`"none"` switches the control off.',
            example="select",
            default="the reference",
        ),
    ] = ""
    baseline: Annotated[
        str,
        key(
            "Compiled server that is measured beside the models, and is not ranked. "
            '`"none"` switches the baseline off.',
            example="none",
        ),
    ] = BASELINE_MODEL
    keep_awake: Annotated[bool, key("Keep the servers' CPUs from halting between requests.", example=True)] = False
    pythons: Annotated[
        dict[str, str],
        key(
            "Further interpreters with which every model runs: label, and version, name or path.",
            example={"3.13": "3.13", "pypy3": "/opt/pypy/bin/pypy3"},
            default="none",
        ),
    ] = {}
    blocks: Annotated[
        int,
        Meta(ge=1, le=MAX_BLOCKS),
        key(
            "Number of blocks. Every block starts every server afresh; more blocks give narrower intervals.", example=12
        ),
    ] = 10
    target_precision: Annotated[
        float,
        Meta(ge=0, le=0.5),
        key(
            "Stop once every confidence interval has at most this half-width; 0.03 is ±3%. 0 means: stop "
            "after `blocks`.",
            example=0.03,
            unit="share",
        ),
    ] = 0.0
    max_minutes: Annotated[
        float,
        Meta(gt=0, le=100_000),
        key(
            "With `target_precision`: stop after this time even if the precision is not reached.",
            example=30,
            unit="minutes",
        ),
    ] = 60.0
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)] | None,
        key("Seed of the measurement order and of the arrivals.", example=7, default="a random one for each run"),
    ] = None
    workers: Annotated[
        int,
        Meta(ge=0, le=4096),
        key("Processes of a model that has several. 0 means one per CPU of the servers, but at least two.", example=4),
    ] = 0
    slice_s: Annotated[
        SliceS,
        key(
            "Length of a slice: the load on one arm before the next arm's turn. Servers that reply slowly "
            "get longer slices.",
            example=0.03,
            unit="s",
        ),
    ] = 0.025
    slice_warmup_s: Annotated[
        float, Meta(ge=0), key("Start of each slice whose replies are not counted.", example=0.005, unit="s")
    ] = 0.003
    timeout_s: Annotated[
        DurationS,
        key("Seconds after which a request counts as unanswered; a later reply counts as late.", example=0.5, unit="s"),
    ] = 1.0
    thresholds: Annotated[
        dict[str, list[float]],
        key(
            "Thresholds of quality codes that replace the defaults: `[suspect]` or `[suspect, invalid]`.",
            example={"RUN_DELAY": [0.05, 0.2]},
            default="none",
        ),
    ] = {}
    scenarios: Annotated[tuple[Scenario, ...], Meta(min_length=1), key("Questions with their load; see below.")]

    def scenario(self, name: str) -> Scenario:
        """Return the scenario of this name. Raises KeyError."""
        for scenario in self.scenarios:
            if scenario.name == name:
                return scenario
        raise KeyError(name)
