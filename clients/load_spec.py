"""What load to put on which server, and the same as the compiled loop wants it. Pure."""

import os
import socket
from dataclasses import dataclass

from clients.engine.thread_state import BURST, CONSTANT, HEADER_BYTES, MOST_PARTS, POISSON, LoadParams
from clients.protocols import LARGEST_DATAGRAM_BYTES, LARGEST_MESSAGE_BYTES, TRANSPORTS

ARRIVAL_KINDS = {"constant": CONSTANT, "poisson": POISSON, "burst": BURST}
LIFECYCLES = ("persistent", "session", "per_request")
LARGEST_WEIGHT = 1e9  # of a message size among others
LEAST_RPS, MOST_RPS = 0.001, 1e8
_LONGEST_LOAD_S = 90_000.0  # a day and an hour of warm-up
_KNOWN = {
    "transport": TRANSPORTS,
    "protocol": ("echo", "hola"),
    "lifecycle": LIFECYCLES,
    "arrivals": tuple(ARRIVAL_KINDS),
}
# What a number may be. Beyond lies what nobody means, and what 64 bits do not hold.
_WHOLE = {
    "port": (1, 65_535),
    "connections": (1, 1_000_000),
    "message_bytes": (1, LARGEST_MESSAGE_BYTES),
    "requests_per_session": (1, 10**9),
    "depth": (1, 65_536),
    "parts": (1, MOST_PARTS),
    "raw_rows": (0, 10**12),
}
_REAL = {
    "timeout_s": (1e-6, 3600.0),
    "think_s": (0.0, 3600.0),
    "burst_on_s": (1e-6, 3600.0),
    "burst_period_s": (1e-6, 3600.0),
}
_FOREVER_NS = 1 << 60
_SABOTAGE = "HOLABENCH_SABOTAGE"  # an environment variable with which the tests break the generator on purpose


@dataclass(frozen=True, slots=True)
class LoadSpec:
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
        _check_names(self)
        _check_numbers(self)
        _check_bursts(self)
        if self.depth > 1 and self.transport == "udp" and not self.numbered:
            raise ValueError(
                f"depth {self.depth} cannot be had here: only echo messages of {HEADER_BYTES} bytes and more carry the "
                "number by which a datagram is known; use tcp, or depth 1"
            )
        if self.think_s and self.rate_rps:
            raise ValueError("a time to think belongs to the closed loop: leave out the rate, or the time")
        if self.transport == "udp" and self.protocol == "echo" and max(self.sizes) > LARGEST_DATAGRAM_BYTES:
            raise ValueError(
                f"message_bytes {max(self.sizes)} does not fit a datagram; the largest is {LARGEST_DATAGRAM_BYTES}"
            )

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


def check_duration(seconds: float, warmup_s: float) -> None:
    """Raise ValueError, one line, for a load that cannot be so long. seconds: the warm-up included."""
    _check_real("seconds", seconds, 0.0, _LONGEST_LOAD_S)
    _check_real("warmup_s", warmup_s, 0.0, seconds)


def _check_names(settings: LoadSpec) -> None:
    for name, known in _KNOWN.items():
        if getattr(settings, name) not in known:
            raise ValueError(f"{name} {getattr(settings, name)!r} is none of {', '.join(known)}")
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in settings.host else socket.AF_INET, settings.host)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"host {settings.host!r} is not a numeric address, such as 127.0.0.1 or ::1") from error


def _check_numbers(settings: LoadSpec) -> None:
    for name, (least, most) in _WHOLE.items():
        _check_whole(name, getattr(settings, name), least, most)
    for name, (lowest, highest) in _REAL.items():
        _check_real(name, getattr(settings, name), lowest, highest)
    if settings.rate_rps:
        _check_real("rate_rps", settings.rate_rps, LEAST_RPS, MOST_RPS)
    for size, weight in settings.mix:
        _check_whole("message_bytes", size, *_WHOLE["message_bytes"])
        _check_real("the weight", weight, 1 / LARGEST_WEIGHT, LARGEST_WEIGHT)


def _check_bursts(settings: LoadSpec) -> None:
    on_s, period_s = settings.burst_on_s, settings.burst_period_s
    if on_s > period_s:
        raise ValueError(f"bursts of {on_s:g} s do not fit a period of {period_s:g} s")
    within_rps = settings.rate_rps * period_s / on_s
    if settings.arrivals == "burst" and within_rps > MOST_RPS:
        raise ValueError(
            f"rate_rps {settings.rate_rps:g} is {within_rps:g} requests/s within bursts of {on_s:g} s every "
            f"{period_s:g} s; {MOST_RPS:g} at most"
        )


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} {value!r} is not a whole number from {least} to {most}")


def _check_real(name: str, value: object, least: float, most: float) -> None:
    if not isinstance(value, int | float) or not least <= value <= most:  # nan is in no range
        raise ValueError(f"{name} {value!r} is not a number from {least:g} to {most:g}")


def compiled_form(settings: LoadSpec, raw_room: int) -> LoadParams:
    """Return the load as the compiled loop wants it. raw_room: raw rows of one thread."""
    echo = settings.protocol == "echo"
    return LoadParams(
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
