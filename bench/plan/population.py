"""Populations and phases of a scenario, as a plan writes them.

A key that is left out is None, and the scenario's value or the default takes its place
(``bench.plan.population_loads``). So a key without effect can be refused.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from bench.plan.value_types import (
    MAX_NAME_LENGTH,
    Arrivals,
    Behaviour,
    ComputeKind,
    ComputeUnits,
    DurationS,
    Lifecycle,
    MessageBytes,
    Positive,
    RateRps,
    WaitMs,
)

NAME_PATTERN = r"^[a-z][a-z0-9_]*\Z"
_SCENARIOS = "the scenario's"
CAPACITY_SHARE = Annotated[float, Meta(gt=0, le=100)]


class WorkShare(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One kind of request in a mix of work."""

    weight: Annotated[
        Annotated[float, Meta(gt=0, le=1e9)],
        Meta(description="Share of the requests, relative to the other weights of the mix.", examples=[99]),
    ]
    wait_ms: Annotated[
        WaitMs, Meta(description="Wait of these requests.", examples=[5.0], extra_json_schema={"unit": "ms"})
    ] = 0.0
    compute_units: Annotated[
        ComputeUnits, Meta(description="Compute of these requests, in units of about 1 us.", examples=[10000])
    ] = 0


class Population(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clients that behave alike."""

    name: Annotated[
        str,
        Meta(
            pattern=NAME_PATTERN,
            max_length=MAX_NAME_LENGTH,
            description="Name of the population in tables and files.",
            examples=["heavy"],
        ),
    ]
    connections: Annotated[
        Positive | None,
        Meta(
            description="Number of its clients.",
            examples=[64],
            extra_json_schema={"default": "the number that the scenario varies"},
        ),
    ] = None
    behaviour: Annotated[
        Behaviour,
        Meta(
            description="`normal`: send requests and read replies. `silent`: connect and send nothing. `trickle`: send "
            "requests byte by byte. `never_reads`: send requests and read no reply.",
            examples=["silent"],
        ),
    ] = "normal"
    trickle_s: Annotated[
        DurationS | None,
        Meta(
            description="Pause between two bytes; `trickle` only.",
            examples=[0.1],
            extra_json_schema={"unit": "s", "default": "`1.0`"},
        ),
    ] = None
    message_bytes: Annotated[
        MessageBytes | None,
        Meta(
            description="Size of its messages.",
            examples=[65536],
            extra_json_schema={"unit": "bytes", "default": _SCENARIOS},
        ),
    ] = None
    depth: Annotated[
        Annotated[int, Meta(ge=1, le=65_536)],
        Meta(description="Requests of one connection that may be in flight.", examples=[64]),
    ] = 1
    lifecycle: Annotated[
        Lifecycle | None,
        Meta(
            description="Whether its connections stay open.",
            examples=["per_request"],
            extra_json_schema={"default": _SCENARIOS},
        ),
    ] = None
    requests_per_session: Annotated[
        Positive | None,
        Meta(
            description="Requests of each session; `session` lifecycle only.",
            examples=[5],
            extra_json_schema={"default": _SCENARIOS},
        ),
    ] = None
    rate_share: Annotated[
        Annotated[float, Meta(gt=0, le=1)] | None,
        Meta(
            description="Open loop at this share of the scenario's rate. The shares of a scenario add up to 1.",
            examples=[0.99],
            extra_json_schema={"unit": "share", "default": "closed loop"},
        ),
    ] = None
    rate_rps: Annotated[
        RateRps | None,
        Meta(
            description="Open loop at this rate, over all its connections.",
            examples=[2000],
            extra_json_schema={"unit": "requests/s", "default": "closed loop"},
        ),
    ] = None
    capacity_share: Annotated[
        CAPACITY_SHARE | None,
        Meta(
            description="Open loop at this share of what the population alone gets from each arm in a closed loop.",
            examples=[0.5],
            extra_json_schema={"unit": "share", "default": "closed loop"},
        ),
    ] = None
    arrivals: Annotated[
        Arrivals | None,
        Meta(
            description="Pattern of its requests; open loop only.",
            examples=["burst"],
            extra_json_schema={"default": _SCENARIOS},
        ),
    ] = None
    wait_ms: Annotated[
        WaitMs | None,
        Meta(
            description="Wait that each request asks for; protocol `work` only.",
            examples=[5.0],
            extra_json_schema={"unit": "ms", "default": _SCENARIOS},
        ),
    ] = None
    compute_units: Annotated[
        ComputeUnits | None,
        Meta(
            description="Compute that each request asks for, in units of about 1 us; protocol `work` only.",
            examples=[10000],
            extra_json_schema={"default": _SCENARIOS},
        ),
    ] = None
    compute_kind: Annotated[
        ComputeKind | None,
        Meta(
            description="`lock`: Python that holds the interpreter lock. `release`: hashing that releases it.",
            examples=["release"],
            extra_json_schema={"default": _SCENARIOS},
        ),
    ] = None
    work_mix: Annotated[
        Annotated[tuple[WorkShare, ...], Meta(min_length=1)] | None,
        Meta(
            description="Several kinds of requests, drawn at random with the seed, instead of `wait_ms` and "
            "`compute_units`.",
            extra_json_schema={"default": _SCENARIOS},
        ),
    ] = None
    timeout_s: Annotated[
        DurationS | None,
        Meta(
            description="Seconds after which a request counts as unanswered.",
            examples=[0.5],
            extra_json_schema={"unit": "s", "default": "the plan's"},
        ),
    ] = None
    retries: Annotated[
        Annotated[int, Meta(ge=0, le=1000)],
        Meta(description="How often a request is sent again after its timeout, at most.", examples=[3]),
    ] = 0

    @property
    def has_rate(self) -> bool:
        """True if the population has a rate of its own, or a share of the scenario's."""
        return self.rate_share is not None or self.rate_rps is not None or self.capacity_share is not None


class Phase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A stretch of a load; the phases of a scenario follow one another on one server."""

    name: Annotated[
        str,
        Meta(
            pattern=NAME_PATTERN,
            max_length=MAX_NAME_LENGTH,
            description="Name of the phase in tables and files.",
            examples=["overload"],
        ),
    ]
    seconds: Annotated[
        DurationS, Meta(description="Length of the phase.", examples=[2.0], extra_json_schema={"unit": "s"})
    ]
    rate_rps: Annotated[
        dict[str, RateRps],
        Meta(
            description="Rates of populations in this phase, by name.",
            examples=[{"clients": 2000}],
            extra_json_schema={"unit": "requests/s", "default": "as in the population"},
        ),
    ] = {}
    capacity_share: Annotated[
        dict[str, CAPACITY_SHARE],
        Meta(
            description="The same as shares of what each population alone gets from the arm in a closed loop.",
            examples=[{"clients": 1.5}],
            extra_json_schema={"unit": "share", "default": "as in the population"},
        ),
    ] = {}
    off: Annotated[
        tuple[str, ...],
        Meta(
            description="Populations that send nothing in this phase.",
            examples=[["heavy"]],
            extra_json_schema={"default": "none"},
        ),
    ] = ()

    @property
    def named_populations(self) -> list[str]:
        """The populations that the phase names, in any of its keys."""
        return [*self.rate_rps, *self.capacity_share, *self.off]
