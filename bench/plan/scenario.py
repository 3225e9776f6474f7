"""Scenarios of a plan: one question each, with its load."""

from typing import Annotated

import msgspec
from msgspec import Meta

from bench.plan.key_docs import key
from bench.plan.population import COMPUTE_KINDS, Phase, Population, WorkMix, WorkShare
from bench.plan.value_types import (
    Arrivals,
    ComputeKind,
    ComputeUnits,
    Connections,
    DurationS,
    Lifecycle,
    MessageBytes,
    Name,
    Positive,
    Protocol,
    Rate,
    RateRps,
    SliceS,
    WaitMs,
)
from bench.schema.metrics import ScenarioKind

COMMON = "common"  # rate that every arm can sustain
HIGHEST = "highest"  # the rate is searched for
# Values of keys that are left out. Such a key is None, so that a key without effect can be refused.
_SESSION_REQUESTS = 10
_ARRIVALS: Arrivals = "poisson"
_LOST_SHARE = 0.001
_SEARCH_WIDTH = 0.02
_SIZES = (64,)
_COMPUTE_KIND: ComputeKind = "lock"
_NO_SIZE = (0,)  # the messages of hola are fixed


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One question with its load."""

    name: Annotated[Name, key("Name of the scenario in tables and files.", example="capacity")]
    question: Annotated[
        str,
        key(
            "The question that the scenario answers, for the report.",
            example="How many requests per second?",
            default="none",
        ),
    ] = ""
    protocol: Annotated[Protocol, key("Conversation of client and server.", example="hola")] = "echo"
    lifecycle: Annotated[
        Lifecycle,
        key(
            "`persistent`: connections stay open. `session`: each client connects, sends its requests, "
            "disconnects and connects again. `per_request`: the same with one request.",
            example="session",
        ),
    ] = "persistent"
    connections: Annotated[
        Annotated[tuple[Connections, ...], Meta(min_length=1)] | None,
        key(
            "Numbers of simultaneous clients. Each is measured. With populations: of each population "
            "without a number of its own; 0 is allowed beside another population.",
            example=[1, 16, 64],
            default="required, unless every population has a number",
        ),
    ] = None
    message_bytes: Annotated[
        Annotated[tuple[MessageBytes, ...], Meta(min_length=1)] | None,
        key(
            "Sizes of the messages. Each is measured. Messages of `hola` have no sizes; those of `work` "
            "include a header of 24 bytes.",
            example=[64, 1024],
            unit="bytes",
            default="`[64]`",
        ),
    ] = None
    wait_ms: Annotated[
        WaitMs | None,
        key(
            "Wait that each request asks for, as for a database; protocol `work` only.",
            example=5.0,
            unit="ms",
            default="`0.0`",
        ),
    ] = None
    compute_units: Annotated[
        ComputeUnits | None,
        key(
            "Compute that each request asks for, in units of about 1 us; protocol `work` only.",
            example=1000,
            default="`0`",
        ),
    ] = None
    compute_kind: Annotated[
        ComputeKind | None, key(COMPUTE_KINDS, example="release", default=f'`"{_COMPUTE_KIND}"`')
    ] = None
    work_mix: Annotated[
        WorkMix | None,
        key(
            "Several kinds of requests, drawn at random with the seed, instead of `wait_ms` and "
            "`compute_units`; see below.",
            default="none",
        ),
    ] = None
    requests_per_session: Annotated[
        Positive | None,
        key("Requests of each session; `session` lifecycle only.", example=5, default=f"`{_SESSION_REQUESTS}`"),
    ] = None
    rate: Annotated[
        Rate | None,
        key(
            "`common`: open loop at a rate that every arm can sustain; a calibration finds it. `highest`: "
            "search for the max rate under the objective.",
            example="common",
            default="closed loop",
        ),
    ] = None
    rate_rps: Annotated[
        RateRps | None,
        key("Open loop at this rate, over all connections.", example=20000, unit="requests/s", default="closed loop"),
    ] = None
    capacity_share: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        key(
            "Open loop at this share of each arm's own capacity; a calibration measures the capacity.",
            example=0.5,
            unit="share",
            default="closed loop",
        ),
    ] = None
    arrivals: Annotated[
        Arrivals | None, key("Pattern of the requests of an open loop.", example="constant", default=f'`"{_ARRIVALS}"`')
    ] = None
    backlog: Annotated[
        Annotated[int, Meta(ge=1, le=65_535)] | None,
        key(
            "Length of the listen queue of the models' servers. Those that keep the defaults of a library, "
            "the baseline and external servers have their own, and are skipped.",
            example=128,
            default="`1024`",
        ),
    ] = None
    seconds: Annotated[
        DurationS | None,
        key(
            "Load on each arm at each load point of a block. In a search: load of each trial. Phases have "
            "lengths of their own.",
            example=0.3,
            unit="s",
            default="required without phases",
        ),
    ] = None
    slice_s: Annotated[
        SliceS | None,
        key(
            "Length of a slice of this scenario; its first tenth is not counted. Where requests queue "
            "behind heavy ones, slices have to be long against a heavy request.",
            example=0.25,
            unit="s",
            default="the plan's",
        ),
    ] = None
    objective_p99_us: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        key(
            "Objective of a search: 99% of the requests are answered within this time. 0 means ten times "
            "the median latency of the slowest idle arm, but at least 5 ms.",
            example=2000,
            unit="us",
            default="`0.0`",
        ),
    ] = None
    objective_lost_share: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        key(
            "Objective of a search: share of the requests that may stay unanswered.",
            example=0.01,
            unit="share",
            default=f"`{_LOST_SHARE}`",
        ),
    ] = None
    search_width: Annotated[
        Annotated[float, Meta(ge=0.001, le=1)] | None,
        key(
            "Distance of two neighbouring rates of a search, as a share of the lower one.",
            example=0.05,
            unit="share",
            default=f"`{_SEARCH_WIDTH}`",
        ),
    ] = None

    populations: Annotated[
        tuple[Population, ...],
        key(
            "Clients of several kinds at the same time; see below. The scenario asks about the first.",
            default="one kind",
        ),
    ] = ()
    phases: Annotated[
        tuple[Phase, ...], key("Loads one after the other on one server; see below.", default="one load")
    ] = ()

    @property
    def loop(self) -> str:
        """The kind of loop: ``open`` or ``closed``. With populations, that of the scenario's own rate."""
        is_open = self.rate is not None or self.rate_rps is not None or self.capacity_share is not None
        return "open" if is_open else "closed"

    @property
    def kind(self) -> ScenarioKind:
        """The question that a scenario with one population asks."""
        if self.searches:
            return ScenarioKind.MAX_RATE
        if self.loop == "open":
            return ScenarioKind.LATENCY
        return ScenarioKind.CAPACITY if self.lifecycle == "persistent" else ScenarioKind.SESSIONS

    @property
    def load_seconds(self) -> float:
        """Load on each arm at each load point of a block."""
        return sum(phase.seconds for phase in self.phases) or self.seconds or 0.0

    @property
    def searches(self) -> bool:
        """True if the scenario searches for a rate. Blocks do not include it."""
        return self.rate == HIGHEST

    @property
    def rate_text(self) -> str:
        """The rate as the plan sets it: ``common``, ``rate_rps=20000``, or "".

        It is empty in a closed loop.
        """
        if self.rate_rps is not None:
            return f"rate_rps={self.rate_rps:g}"
        if self.capacity_share is not None:
            return f"capacity_share={self.capacity_share:g}"
        return self.rate or ""

    @property
    def session_requests(self) -> int:
        """Requests of each session; without effect on persistent connections."""
        return self.requests_per_session or _SESSION_REQUESTS

    @property
    def requests_per_cycle(self) -> int:
        """Requests of what a connection repeats: of a whole session, or 1. In hola, ``adios`` ends a session."""
        return requests_per_cycle(self.lifecycle, self.protocol, self.session_requests)

    @property
    def arrival_pattern(self) -> Arrivals:
        """Pattern of the requests; without effect in a closed loop."""
        return self.arrivals or _ARRIVALS

    @property
    def accepted_p99_us(self) -> float:
        """Objective of a search for the 99th percentile of the latency; 0 means that it follows from idle arms."""
        return self.objective_p99_us or 0.0

    @property
    def accepted_lost_share(self) -> float:
        """Objective of a search for the share of requests without an answer."""
        return _LOST_SHARE if self.objective_lost_share is None else self.objective_lost_share

    @property
    def search_step_share(self) -> float:
        """Distance of two neighbouring rates of a search, as a share of the lower one."""
        return self.search_width or _SEARCH_WIDTH

    @property
    def message_sizes(self) -> tuple[int, ...]:
        """Message sizes in bytes; a single 0 for a protocol whose messages are fixed."""
        return (self.message_bytes or _SIZES) if self.has_sizes else _NO_SIZE

    @property
    def has_sizes(self) -> bool:
        """True if the messages of the protocol have a size."""
        return self.protocol != "hola"

    @property
    def work(self) -> tuple[WorkShare, ...]:
        """The work that requests ask for: its kinds with their weights; one kind without a mix."""
        own = WorkShare(weight=1.0, wait_ms=self.wait_ms or 0.0, compute_units=self.compute_units or 0)
        return self.work_mix or (own,)

    @property
    def kind_of_compute(self) -> ComputeKind:
        """The kind of compute that requests ask for."""
        return self.compute_kind or _COMPUTE_KIND


def requests_per_cycle(lifecycle: Lifecycle, protocol: Protocol, session_requests: int) -> int:
    """Return the requests of what a connection repeats. In hola, ``adios`` ends a session."""
    if lifecycle != "session":
        return 1
    return session_requests + (1 if protocol == "hola" else 0)
