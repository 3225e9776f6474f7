"""A plan: what a run measures. A preset and a user's file have the same form.

Every key has its meaning and an example beside its type; ``bench.plan.key_reference`` makes a page of them.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from bench.plan.external_server import ExternalServer
from bench.plan.scenario import Scenario
from bench.plan.value_types import DurationS, Transport
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
        Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*\Z",
            max_length=60,
            description="Name of the plan, and end of the name of its run folders.",
            examples=["my-plan"],
        ),
    ]
    question: Annotated[
        str,
        Meta(
            description="The question that the plan answers, for the report.",
            examples=["Which event loop is cheapest?"],
            extra_json_schema={"default": "none"},
        ),
    ] = ""
    models: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Server models to compare; see `holabench models`.",
            examples=[["select", "asyncio"]],
        ),
    ]
    external_servers: Annotated[
        tuple[ExternalServer, ...],
        Meta(
            description="External servers, which compete with the models; see below.",
            extra_json_schema={"default": "none"},
        ),
    ] = ()
    transports: Annotated[
        tuple[Transport, ...],
        Meta(min_length=1, description="Transports over which every model is measured.", examples=[["tcp"]]),
    ] = ("tcp", "udp")
    reference: Annotated[
        str,
        Meta(
            description="Model with which the others are compared.",
            examples=["asyncio"],
            extra_json_schema={"default": "the first of `models`"},
        ),
    ] = ""
    control: Annotated[
        str,
        Meta(
            description="Model that is measured a second time; its difference from itself is the noise floor. "
            '`"none"` switches the control off.',
            examples=["select"],
            extra_json_schema={"default": "the reference"},
        ),
    ] = ""
    baseline: Annotated[
        str,
        Meta(
            description="Compiled server that is measured beside the models, and is not ranked. "
            '`"none"` switches the baseline off.',
            examples=["none"],
        ),
    ] = BASELINE_MODEL
    keep_awake: Annotated[
        bool, Meta(description="Keep the servers' CPUs from halting between requests.", examples=[True])
    ] = False
    pythons: Annotated[
        dict[str, str],
        Meta(
            description="Further interpreters with which every model runs: label, and version, name or path.",
            examples=[{"3.13": "3.13", "pypy3": "/opt/pypy/bin/pypy3"}],
            extra_json_schema={"default": "none"},
        ),
    ] = {}
    blocks: Annotated[
        int,
        Meta(
            ge=1,
            le=MAX_BLOCKS,
            description="Number of blocks. Every block starts every server afresh; more blocks give narrower "
            "intervals.",
            examples=[12],
        ),
    ] = 10
    target_precision: Annotated[
        float,
        Meta(
            ge=0,
            le=0.5,
            description="Stop once every confidence interval has at most this half-width; 0.03 is ±3%. 0 means: stop "
            "after `blocks`.",
            examples=[0.03],
            extra_json_schema={"unit": "share"},
        ),
    ] = 0.0
    max_minutes: Annotated[
        float,
        Meta(
            gt=0,
            le=100_000,
            description="With `target_precision`: stop after this time even if the precision is not reached.",
            examples=[30],
            extra_json_schema={"unit": "minutes"},
        ),
    ] = 60.0
    seed: Annotated[
        Annotated[int, Meta(ge=0, le=2**63 - 1)] | None,
        Meta(
            description="Seed of the measurement order and of the arrivals.",
            examples=[7],
            extra_json_schema={"default": "a random one for each run"},
        ),
    ] = None
    workers: Annotated[
        int,
        Meta(
            ge=0,
            le=4096,
            description="Processes of a model that has several. 0 means one per CPU of the servers, but at least two.",
            examples=[4],
        ),
    ] = 0
    slice_s: Annotated[
        float,
        Meta(
            ge=0.005,
            le=600,
            description="Length of a slice: the load on one arm before the next arm's turn. Servers that reply slowly "
            "get longer slices.",
            examples=[0.03],
            extra_json_schema={"unit": "s"},
        ),
    ] = 0.025
    slice_warmup_s: Annotated[
        float,
        Meta(
            ge=0,
            description="Start of each slice whose replies are not counted.",
            examples=[0.005],
            extra_json_schema={"unit": "s"},
        ),
    ] = 0.003
    timeout_s: Annotated[
        DurationS,
        Meta(
            description="Seconds after which a request counts as unanswered; a later reply counts as late.",
            examples=[0.5],
            extra_json_schema={"unit": "s"},
        ),
    ] = 1.0
    thresholds: Annotated[
        dict[str, list[float]],
        Meta(
            description="Thresholds of quality codes that replace the defaults: `[suspect]` or `[suspect, invalid]`.",
            examples=[{"RUN_DELAY": [0.05, 0.2]}],
            extra_json_schema={"default": "none"},
        ),
    ] = {}
    scenarios: Annotated[tuple[Scenario, ...], Meta(min_length=1, description="Questions with their load; see below.")]

    def scenario(self, name: str) -> Scenario:
        """Return the scenario of this name. Raises KeyError."""
        for scenario in self.scenarios:
            if scenario.name == name:
                return scenario
        raise KeyError(name)
