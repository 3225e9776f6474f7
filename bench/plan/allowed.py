"""What values a plan may have."""

from typing import Annotated, Literal

import msgspec

Transport = Literal["tcp", "udp"]
Protocol = Literal["echo", "hola"]
Lifecycle = Literal["persistent", "session"]
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Clients = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]  # as many as the generator can hold
Size = Annotated[int, msgspec.Meta(ge=1, le=64 << 20)]
Duration = Annotated[float, msgspec.Meta(gt=0, le=3600)]
