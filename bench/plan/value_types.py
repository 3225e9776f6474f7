"""Types of the values in a plan, and the limits that they have to keep."""

from typing import Annotated, Literal

import msgspec

MAX_CONNECTIONS = 1_000_000  # the generator's tables are not made for more
MAX_MESSAGE_BYTES = 64 << 20
MAX_RATE_RPS = 1e7  # limit of the generator, see clients
MAX_DURATION_S = 3600.0
WORK_HEADER_BYTES = 24  # of a frame of the protocol work, the smallest one
MAX_WORK_BYTES = 1 << 20
MAX_WAIT_MS = 60_000.0
MAX_COMPUTE_UNITS = 60_000_000  # as the servers accept, about as long as the longest wait
MAX_NAME_LENGTH = 60

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*\Z", max_length=MAX_NAME_LENGTH)]
Transport = Literal["tcp", "udp"]
Protocol = Literal["echo", "hola", "work"]
Lifecycle = Literal["persistent", "session", "per_request"]
Behaviour = Literal["normal", "silent", "trickle", "never_reads"]
ComputeKind = Literal["lock", "release"]
Arrivals = Literal["poisson", "constant", "burst"]
Rate = Literal["common", "highest"]
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Connections = Annotated[int, msgspec.Meta(ge=0, le=MAX_CONNECTIONS)]  # 0 only beside another population
MessageBytes = Annotated[int, msgspec.Meta(ge=1, le=MAX_MESSAGE_BYTES)]
CapacityShare = Annotated[float, msgspec.Meta(gt=0, le=100)]  # of a population: above 1 is an overload
SliceS = Annotated[float, msgspec.Meta(ge=0.005, le=600)]
DurationS = Annotated[float, msgspec.Meta(gt=0, le=MAX_DURATION_S)]
RateRps = Annotated[float, msgspec.Meta(gt=0, le=MAX_RATE_RPS)]
WaitMs = Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_MS)]
ComputeUnits = Annotated[int, msgspec.Meta(ge=0, le=MAX_COMPUTE_UNITS)]
