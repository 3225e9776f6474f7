"""Populations and phases of a scenario, as a plan writes them.

A key that is left out is None, and the scenario's value or the default takes its place
(``bench.plan.population_loads``). So a key without effect can be refused.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from bench.plan.key_docs import key
from bench.plan.value_types import (
    Arrivals,
    Behaviour,
    CapacityShare,
    ComputeKind,
    ComputeUnits,
    DurationS,
    Lifecycle,
    MessageBytes,
    Name,
    Positive,
    RateRps,
    WaitMs,
)

_SCENARIOS = "the scenario's"
COMPUTE_KINDS = "`lock`: Python that holds the interpreter lock. `release`: hashing that releases it."


class WorkShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of request in a mix of work."""

    weight: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)],
        key("Share of the requests, relative to the other weights of the mix.", example=99),
    ]
    wait_ms: Annotated[WaitMs, key("Wait of these requests.", example=5.0, unit="ms")] = 0.0
    compute_units: Annotated[ComputeUnits, key("Compute of these requests, in units of about 1 us.", example=10000)] = 0


WorkMix = Annotated[tuple[WorkShare, ...], Meta(min_length=1)]


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clients that behave alike."""

    name: Annotated[Name, key("Name of the population in tables and files.", example="heavy")]
    connections: Annotated[
        Positive | None, key("Number of its clients.", example=64, default="the number that the scenario varies")
    ] = None
    behaviour: Annotated[
        Behaviour,
        key(
            "`normal`: send requests and read replies. `silent`: connect and send nothing. `trickle`: send "
            "requests byte by byte. `never_reads`: send requests and read no reply.",
            example="silent",
        ),
    ] = "normal"
    trickle_s: Annotated[
        DurationS | None, key("Pause between two bytes; `trickle` only.", example=0.1, unit="s", default="`1.0`")
    ] = None
    message_bytes: Annotated[
        MessageBytes | None, key("Size of its messages.", example=65536, unit="bytes", default=_SCENARIOS)
    ] = None
    depth: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)], key("Requests of one connection that may be in flight.", example=64)
    ] = 1
    lifecycle: Annotated[
        Lifecycle | None, key("Whether its connections stay open.", example="per_request", default=_SCENARIOS)
    ] = None
    requests_per_session: Annotated[
        Positive | None, key("Requests of each session; `session` lifecycle only.", example=5, default=_SCENARIOS)
    ] = None
    rate_share: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        key(
            "Open loop at this share of the scenario's rate. The shares of a scenario add up to 1.",
            example=0.99,
            unit="share",
            default="closed loop",
        ),
    ] = None
    rate_rps: Annotated[
        RateRps | None,
        key(
            "Open loop at this rate, over all its connections.", example=2000, unit="requests/s", default="closed loop"
        ),
    ] = None
    capacity_share: Annotated[
        CapacityShare | None,
        key(
            "Open loop at this share of what the population alone gets from each arm in a closed loop.",
            example=0.5,
            unit="share",
            default="closed loop",
        ),
    ] = None
    arrivals: Annotated[
        Arrivals | None, key("Pattern of its requests; open loop only.", example="burst", default=_SCENARIOS)
    ] = None
    wait_ms: Annotated[
        WaitMs | None,
        key("Wait that each request asks for; protocol `work` only.", example=5.0, unit="ms", default=_SCENARIOS),
    ] = None
    compute_units: Annotated[
        ComputeUnits | None,
        key(
            "Compute that each request asks for, in units of about 1 us; protocol `work` only.",
            example=10000,
            default=_SCENARIOS,
        ),
    ] = None
    compute_kind: Annotated[ComputeKind | None, key(COMPUTE_KINDS, example="release", default=_SCENARIOS)] = None
    work_mix: Annotated[
        WorkMix | None,
        key(
            "Several kinds of requests, drawn at random with the seed, instead of `wait_ms` and `compute_units`.",
            default=_SCENARIOS,
        ),
    ] = None
    timeout_s: Annotated[
        DurationS | None,
        key("Seconds after which a request counts as unanswered.", example=0.5, unit="s", default="the plan's"),
    ] = None
    retries: Annotated[
        Annotated[int, Meta(ge=0, le=1000)],
        key("How often a request is sent again after its timeout, at most.", example=3),
    ] = 0

    @property
    def has_rate(self) -> bool:
        """True if the population has a rate of its own, or a share of the scenario's."""
        return self.rate_share is not None or self.rate_rps is not None or self.capacity_share is not None


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of a load; the phases of a scenario follow one another on one server."""

    name: Annotated[Name, key("Name of the phase in tables and files.", example="overload")]
    seconds: Annotated[DurationS, key("Length of the phase.", example=2.0, unit="s")]
    rate_rps: Annotated[
        dict[str, RateRps],
        key(
            "Rates of populations in this phase, by name.",
            example={"clients": 2000},
            unit="requests/s",
            default="as in the population",
        ),
    ] = {}
    capacity_share: Annotated[
        dict[str, CapacityShare],
        key(
            "The same as shares of what each population alone gets from the arm in a closed loop.",
            example={"clients": 1.5},
            unit="share",
            default="as in the population",
        ),
    ] = {}
    off: Annotated[
        tuple[str, ...], key("Populations that send nothing in this phase.", example=["heavy"], default="none")
    ] = ()

    @property
    def named_populations(self) -> list[str]:
        """The populations that the phase names, in any of its keys."""
        return [*self.rate_rps, *self.capacity_share, *self.off]
