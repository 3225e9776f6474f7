"""Facts about the path between the host of the servers and a generator. Pure."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from bench.experiment.wire import Packets, Traffic, Wire
from bench.fleet.path_traffic import BulkTransfer
from bench.machine.network_interface import NetworkInterface

BUSY_SHARE = 0.8  # of its time: then a host was the limit of a transfer, and the wire may carry more


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """Round trips of a few bytes."""

    median_ms: float
    longest_ms: float
    shortest_ms: float
    count: int

    @classmethod
    def of_times(cls, times_ms: Sequence[float]) -> Self | None:
        """Return their figures; None if there are none."""
        if not times_ms:
            return None
        return cls(statistics.median(times_ms), max(times_ms), min(times_ms), len(times_ms))


@dataclass(frozen=True, slots=True)
class BulkFigures:
    """A stream in one direction. host_is_limit: one of the hosts was busy all the time, so the wire may carry more."""

    payload_bytes_per_s: float | None
    host_is_limit: bool

    @classmethod
    def of(cls, transfer: BulkTransfer, sender_busy_share: float) -> Self:
        """Return the figures of a transfer as both sides saw it."""
        return cls(transfer.payload_bytes_per_s, max(transfer.busy_share, sender_busy_share) >= BUSY_SHARE)

    @classmethod
    def best(cls, figures: Iterable[Self | None]) -> Self | None:
        """Return the fastest of several streams; None if none has arrived."""
        known = [each for each in figures if each is not None]
        return max(known, key=lambda each: each.payload_bytes_per_s or 0.0, default=None)


@dataclass(frozen=True, slots=True)
class LossFigures:
    """Datagrams to the servers and back. dropped: by a kernel whose socket was full; None if it does not report it."""

    sent: int
    received: int  # at the servers
    echoed: int
    returned: int
    dropped_at_servers: int | None
    dropped_at_generator: int | None

    @property
    def lost_to_servers(self) -> int:
        """Datagrams that the path lost on the way to the servers."""
        return max(0, self.sent - self.received - (self.dropped_at_servers or 0))

    @property
    def lost_to_generator(self) -> int:
        """Datagrams that the path lost on the way back."""
        return max(0, self.echoed - self.returned - (self.dropped_at_generator or 0))

    @property
    def dropped(self) -> int:
        """Datagrams that arrived and had no room."""
        return (self.dropped_at_servers or 0) + (self.dropped_at_generator or 0)


@dataclass(frozen=True, slots=True)
class PathReport:
    """The path to one generator. A part that could not be measured is None; problem: why."""

    round_trips: RoundTrips | None
    to_servers: BulkFigures | None
    to_generator: BulkFigures | None
    loss: LossFigures | None
    mtu: int | None
    interfaces: Mapping[str, NetworkInterface | None] = field(default_factory=dict)  # by host; servers: of this one
    problem: str = ""

    @property
    def speed_mbit(self) -> int | None:
        """The speed of the slower interface; None if neither is known."""
        speeds = [each.speed_mbit for each in self.interfaces.values() if each and each.speed_mbit]
        return min(speeds, default=None)

    def to_plain(self) -> dict[str, Any]:
        """Return the figures as plain values, for the environment of the run."""
        return asdict(self)


def wire_of(
    paths: Sequence[PathReport], together: tuple[float | None, float | None] | None, *, is_ipv6: bool
) -> Wire | None:
    """Return what the paths carry all together; None if their packets are unknown.

    together: payload bytes per second of all paths at the same time, to the servers and from them. The generators share
    a load evenly, so the slowest path limits it to as many times its own rate.
    """
    mtus = [path.mtu for path in paths if path.mtu]
    if not mtus:
        return None
    packets = Packets(min(mtus), is_ipv6)
    per_payload = 1 / packets.stream_share()
    capacities = []
    for total, figures in zip(
        together or (None, None),
        ([path.to_servers for path in paths], [path.to_generator for path in paths]),
        strict=True,
    ):
        singles = [_known_bytes_per_s(path, each) for path, each in zip(paths, figures, strict=True)]
        # A host that was busy alone was busy with several, too, so that their sum does not show the limit of the wire.
        host_is_limit = any(each is None or each.host_is_limit for each in figures)
        limits = [] if host_is_limit or total is None else [total]
        if all(single is not None for single in singles):
            limits.append(len(paths) * min(single for single in singles if single is not None))
        capacities.append(min(limits, default=math.nan) * per_payload)
    return Wire(packets, Traffic(*capacities))


def _known_bytes_per_s(path: PathReport, figures: BulkFigures | None) -> float | None:
    """Return the payload per second that a path carries in one direction; None if it is only known to be more.

    Where a host was the limit, the interfaces may know their speed, which no path exceeds.
    """
    if figures is None or figures.payload_bytes_per_s is None:
        return None
    if not figures.host_is_limit:
        return figures.payload_bytes_per_s
    if path.speed_mbit is None or path.mtu is None:
        return None
    return max(figures.payload_bytes_per_s, path.speed_mbit * 1e6 / 8 * Packets(path.mtu).stream_share())
