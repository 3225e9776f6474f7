"""Types of the values in a plan, and the limits that they have to keep."""

from typing import Annotated, Literal

import msgspec

MAX_CONNECTIONS = 1_000_000  # the generator's tables are not made for more
MAX_MESSAGE_BYTES = 64 << 20
MAX_RATE_RPS = 1e7  # limit of the generator, see clients
MAX_DURATION_S = 3600.0

Transport = Literal["tcp", "udp"]
Protocol = Literal["echo", "hola"]
Lifecycle = Literal["persistent", "session"]
Arrivals = Literal["poisson", "constant", "burst"]
Rate = Literal["common", "highest"]
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Connections = Annotated[int, msgspec.Meta(ge=1, le=MAX_CONNECTIONS)]
MessageBytes = Annotated[int, msgspec.Meta(ge=1, le=MAX_MESSAGE_BYTES)]
DurationS = Annotated[float, msgspec.Meta(gt=0, le=MAX_DURATION_S)]
