"""What load to put on which server, and the same as the compiled loop wants it. Pure."""

import os
from dataclasses import dataclass

from clients.lane import BURST, CONSTANT, HEADER_BYTES, POISSON, Load

ARRIVAL_KINDS = {"constant": CONSTANT, "poisson": POISSON, "burst": BURST}
LIFECYCLES = ("persistent", "session", "per_request")
_FOREVER_NS = 1 << 60
_SABOTAGE = "HOLABENCH_SABOTAGE"  # an environment variable with which the tests break the generator on purpose


@dataclass(frozen=True, slots=True)
class Settings:
    """One load. Raises ValueError, one line, for what cannot be."""

    transport: str
    host: str
    port: int
    protocol: str = "echo"
    lifecycle: str = "persistent"
    connections: int = 1
    message_bytes: int = 64
    mix: tuple[tuple[int, float], ...] = ()  # message sizes with their weights, instead of message_bytes
    requests_per_session: int = 10
    depth: int = 1  # requests in flight on a connection at most
    timeout_s: float = 1.0
    think_s: float = 0.0  # closed loop: pause between a reply and the next request
    rate_rps: float = 0.0  # open loop: requests a second, over all connections; 0: closed loop
    arrivals: str = "poisson"
    burst_on_s: float = 0.02  # bursts: how long they last ...
    burst_period_s: float = 0.1  # ... and how often they begin
    seed: int = 0
    spin: bool = False  # poll without sleeping: only where the CPU is the generator's alone
    parts: int = 1  # equal parts of a window, each with its own histogram
    raw_rows: int = 0  # requests whose time stamps are kept

    def __post_init__(self) -> None:
        for name, known in (("lifecycle", LIFECYCLES), ("arrivals", tuple(ARRIVAL_KINDS))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is none of {', '.join(known)}")
        if self.depth > 1 and self.transport == "udp" and not self.numbered:
            raise ValueError(
                f"depth {self.depth} cannot be had here: only echo messages of {HEADER_BYTES} bytes and more carry the "
                "number by which a datagram is known; use tcp, or depth 1"
            )
        if self.think_s and self.rate_rps:
            raise ValueError("a time to think belongs to the closed loop: leave out the rate, or the time")
        if not 0 < self.burst_on_s <= self.burst_period_s:
            raise ValueError(f"bursts of {self.burst_on_s:g} s do not fit a period of {self.burst_period_s:g} s")

    @property
    def open_loop(self) -> bool:
        """Whether requests leave on a schedule, whatever the server does."""
        return self.rate_rps > 0

    @property
    def in_sessions(self) -> bool:
        """Whether clients connect and leave under load."""
        return self.lifecycle != "persistent"

    @property
    def messages_per_session(self) -> int:
        """Requests of one session; in ``session``, hola says ``adios`` after the others."""
        if self.lifecycle == "per_request":
            return 1
        return self.requests_per_session + (1 if self.protocol == "hola" else 0)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The message sizes that occur."""
        return tuple(size for size, _ in self.mix) or (self.message_bytes,)

    @property
    def numbered(self) -> bool:
        """Whether the reply to a datagram can be told from the reply to an earlier one."""
        return self.transport == "udp" and self.protocol == "echo" and min(self.sizes) >= HEADER_BYTES


def compiled_form(settings: Settings, raw_room: int) -> Load:
    """Return the load as the compiled loop wants it. raw_room: raw rows of one thread."""
    echo = settings.protocol == "echo"
    return Load(
        tcp=int(settings.transport == "tcp"),
        echo=int(echo),
        session=int(settings.in_sessions),
        says_adios=int(settings.lifecycle == "session" and not echo),
        requests_per_session=settings.messages_per_session,
        message_bytes=max(settings.sizes) if echo else 1,
        mixed=int(echo and len(settings.sizes) > 1),
        depth=settings.depth,
        numbered=int(settings.numbered),
        timeout_ns=int(settings.timeout_s * 1e9),
        spin_ns=_FOREVER_NS if settings.spin else 0,
        open_loop=int(settings.open_loop),
        arrivals=ARRIVAL_KINDS[settings.arrivals],
        think_ns=int(settings.think_s * 1e9),
        lost_remembered=max(16, 4 * settings.depth) if settings.numbered else 1,
        raw_room=raw_room,
        ticks=int(os.environ.get(_SABOTAGE) == "tick_1ms"),
    )
