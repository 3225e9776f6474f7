"""The specification of a load, checked. Pure."""

import os
import socket
from dataclasses import dataclass

from clients.engine.load_params import (
    BURST,
    CONSTANT,
    ECHO_HEADER_BYTES,
    NEVER_READS,
    NORMAL,
    POISSON,
    SILENT,
    TRICKLE,
    LoadParams,
)
from clients.engine.thread_state import MAX_PARTS, MAX_PHASES, MAX_WORKS
from clients.protocols import (
    MAX_COMPUTE_UNITS,
    MAX_DATAGRAM_BYTES,
    MAX_FRAME_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_WAIT_US,
    PROTOCOLS,
    TRANSPORTS,
    WORK_HEADER_BYTES,
)

ARRIVAL_KINDS = {"constant": CONSTANT, "poisson": POISSON, "burst": BURST}
BEHAVIOURS = {"normal": NORMAL, "silent": SILENT, "trickle": TRICKLE, "never_reads": NEVER_READS}
LIFECYCLES = ("persistent", "session", "per_request")
MAX_GENERATORS = 1024
MAX_WEIGHT = 1e9  # of one message size in a mix
# Drawing the arrivals of 1e8 requests/s takes longer than the load. A request needs more than a microsecond anyway.
MIN_RATE_RPS, MAX_RATE_RPS = 0.001, 1e7
_MAX_LOAD_S = 90_000.0  # a day, and an hour of warm-up
_CHOICES = {
    "transport": TRANSPORTS,
    "protocol": PROTOCOLS,
    "lifecycle": LIFECYCLES,
    "arrivals": tuple(ARRIVAL_KINDS),
    "compute_kind": ("lock", "release"),
    "behaviour": tuple(BEHAVIOURS),
}
# Allowed ranges. Values outside are mistakes, or do not fit 64 bits.
_WHOLE = {
    "port": (1, 65_535),
    "connections": (1, 1_000_000),
    "message_bytes": (1, MAX_MESSAGE_BYTES),
    "requests_per_session": (1, 10**9),
    "depth": (1, 65_536),
    "retries": (0, 1000),
    "wait_us": (0, MAX_WAIT_US),
    "compute_units": (0, MAX_COMPUTE_UNITS),
    "parts": (1, MAX_PARTS),
    "raw_rows": (0, 10**12),
    "generator": (0, MAX_GENERATORS - 1),
    "generators": (1, MAX_GENERATORS),
}
_REAL = {
    "timeout_s": (1e-6, 3600.0),
    "think_s": (0.0, 3600.0),
    "trickle_s": (1e-6, 3600.0),
    "burst_on_s": (1e-6, 3600.0),
    "burst_period_s": (1e-6, 3600.0),
    "part_s": (0.0, _MAX_LOAD_S),
}
# Limits of what one client that never reads sends, and all of them: some servers keep all their replies.
_UNREAD_BYTES, _UNREAD_BYTES_OF_ALL = 16 << 20, 1 << 30
_ALWAYS_NS = 1 << 60
_SABOTAGE = "HOLABENCH_SABOTAGE"  # environment variable with which tests break the generator on purpose


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a load with a rate of its own. A list of these values, as JSON has it, will do."""

    name: str
    seconds: float
    rate_rps: float = 0.0  # 0: closed loop
    active: bool = True  # clients send

    def __post_init__(self) -> None:
        _check_text("phase", self.name)
        _check_real(f"seconds of phase {self.name!r}:", self.seconds, 0.001, _MAX_LOAD_S)
        if self.rate_rps:
            _check_real(f"rate_rps of phase {self.name!r}:", self.rate_rps, MIN_RATE_RPS, MAX_RATE_RPS)


@dataclass(frozen=True, slots=True)
class LoadSpec:
    """One load. Raises ValueError with a one-line message for invalid values."""

    transport: str
    host: str
    port: int
    protocol: str = "echo"
    lifecycle: str = "persistent"
    connections: int = 1
    message_bytes: int = 64
    mix: tuple[tuple[int, float], ...] = ()  # message sizes with their weights, instead of message_bytes
    wait_us: int = 0  # protocol work: time that the server waits for each request ...
    compute_units: int = 0  # ... and what it computes
    compute_kind: str = "lock"  # while it computes, it holds the interpreter's lock, or releases it
    work_mix: tuple[tuple[int, int, float], ...] = ()  # (wait_us, compute_units, weight), instead of these two
    requests_per_session: int = 10
    depth: int = 1  # maximum number of requests in flight on a connection
    timeout_s: float = 1.0
    think_s: float = 0.0  # closed loop: pause between a reply and the next request
    rate_rps: float = 0.0  # open loop: requests per second over all connections; 0: closed loop
    arrivals: str = "poisson"
    burst_on_s: float = 0.02  # length of a burst
    burst_period_s: float = 0.1  # from the start of a burst to the start of the next
    behaviour: str = "normal"
    trickle_s: float = 0.1  # behaviour trickle: pause between two bytes
    retries: int = 0  # times that a request without a reply within the timeout is sent again
    phases: tuple[Phase, ...] = ()  # one after the other, without a pause; the rates replace rate_rps
    seed: int = 0
    spin: bool = False  # poll without sleeping: only where the generator has the CPU to itself
    parts: int = 1  # of a window, each with its own histogram
    part_s: float = 0.0  # least length of a part; the last ones may be shorter or empty. 0: equal parts
    raw_rows: int = 0  # maximum number of requests whose time stamps are kept
    generator: int = 0  # number of this generator, from 0, if several load the server together ...
    generators: int = 1  # ... and how many these are

    def __post_init__(self) -> None:
        object.__setattr__(self, "phases", _make_phases(self.phases))
        _check_choices(self)
        _check_numbers(self)
        _check_bursts(self)
        _check_work(self)
        _check_combinations(self)
        _check_behaviour(self)
        _check_retries(self)
        _check_phases(self)

    @property
    def open_loop(self) -> bool:
        """True if requests are sent on a schedule, whatever the server does."""
        return self.rate_rps > 0 or any(phase.rate_rps > 0 for phase in self.phases)

    @property
    def is_plain(self) -> bool:
        """True if the loop of a single population can run the load."""
        return self.behaviour == "normal" and not self.phases

    @property
    def in_sessions(self) -> bool:
        """True if clients connect and disconnect under load."""
        return self.lifecycle != "persistent"

    @property
    def messages_per_session(self) -> int:
        """Requests of one session; in ``session``, hola adds ``adios`` at the end."""
        if self.lifecycle == "per_request":
            return 1
        return self.requests_per_session + (1 if self.protocol == "hola" else 0)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The message sizes that occur."""
        return tuple(size for size, _ in self.mix) or (self.message_bytes,)

    @property
    def numbered(self) -> bool:
        """True if a datagram's reply can be distinguished from an earlier one's."""
        return self.transport == "udp" and self.protocol != "hola" and min(self.sizes) >= self.header_bytes

    @property
    def header_bytes(self) -> int:
        """The bytes of a message up to the end of its header. A shorter echo has no number."""
        return WORK_HEADER_BYTES if self.protocol == "work" else ECHO_HEADER_BYTES

    @property
    def works(self) -> tuple[tuple[int, int, float], ...]:
        """The kinds of work that occur, as in ``work_mix``."""
        return self.work_mix or ((self.wait_us, self.compute_units, 1.0),)


def check_duration(seconds: float, warmup_s: float) -> None:
    """Raise ValueError with a one-line message for an invalid length.

    seconds: including the warm-up.
    """
    _check_real("seconds", seconds, 0.0, _MAX_LOAD_S)
    _check_real("warmup_s", warmup_s, 0.0, seconds)


def check_phases_fill(spec: LoadSpec, window_s: float) -> None:
    """Raise ValueError with a one-line message unless the phases, if there are any, last as long as the window."""
    phases_s = sum(phase.seconds for phase in spec.phases)
    if spec.phases and window_s > 0 and abs(phases_s - window_s) > 1e-3:
        raise ValueError(
            f"the phases last {phases_s:g} s and the load {window_s:g} s after its warm-up; make them equal"
        )


def _check_choices(spec: LoadSpec) -> None:
    for name, allowed in _CHOICES.items():
        if getattr(spec, name) not in allowed:
            raise ValueError(f"{name} {getattr(spec, name)!r} is not one of {', '.join(allowed)}")
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in spec.host else socket.AF_INET, spec.host)
    except (OSError, UnicodeError) as error:
        raise ValueError(f"host {spec.host!r} is not a numeric address, such as 127.0.0.1 or ::1") from error


def _check_numbers(spec: LoadSpec) -> None:
    for name, (least, most) in _WHOLE.items():
        _check_whole(name, getattr(spec, name), least, most)
    for name, (lowest, highest) in _REAL.items():
        _check_real(name, getattr(spec, name), lowest, highest)
    if spec.rate_rps:
        _check_real("rate_rps", spec.rate_rps, MIN_RATE_RPS, MAX_RATE_RPS)
    for size, weight in spec.mix:
        _check_whole("message_bytes", size, *_WHOLE["message_bytes"])
        _check_real("weight", weight, 1 / MAX_WEIGHT, MAX_WEIGHT)


def _check_bursts(spec: LoadSpec) -> None:
    on_s, period_s = spec.burst_on_s, spec.burst_period_s
    if on_s > period_s:
        raise ValueError(f"burst_on_s {on_s:g} does not fit into burst_period_s {period_s:g}; make bursts shorter")
    within_rps = spec.rate_rps * period_s / on_s
    if spec.arrivals == "burst" and within_rps > MAX_RATE_RPS:
        raise ValueError(
            f"rate_rps {spec.rate_rps:g} is {within_rps:g} requests/s within bursts of {on_s:g} s every "
            f"{period_s:g} s; the maximum is {MAX_RATE_RPS:g}"
        )


def _check_work(spec: LoadSpec) -> None:
    _check_list("work_mix", spec.work_mix, MAX_WORKS)
    for work in spec.work_mix:
        _check_list("wait, compute and weight", work, 3, 3)
        wait_us, units, weight = work
        _check_whole("wait_us", wait_us, *_WHOLE["wait_us"])
        _check_whole("compute_units", units, *_WHOLE["compute_units"])
        _check_real("weight", weight, 1 / MAX_WEIGHT, MAX_WEIGHT)
    if spec.protocol != "work":
        if spec.wait_us or spec.compute_units or spec.work_mix:
            raise ValueError(f"protocol {spec.protocol} has no wait and nothing to compute; use protocol work")
        return
    for size in spec.sizes:
        _check_whole("message_bytes", size, WORK_HEADER_BYTES, MAX_FRAME_BYTES)
    longest_us = max(wait_us for wait_us, _, _ in spec.works)
    if longest_us >= spec.timeout_s * 1e6:
        raise ValueError(
            f"requests that wait {longest_us / 1e3:g} ms would all time out with timeout_s {spec.timeout_s:g}; make "
            "the timeout longer than the wait"
        )


def _check_combinations(spec: LoadSpec) -> None:
    if spec.depth > 1 and spec.transport == "udp" and not spec.numbered:
        raise ValueError(
            f"depth {spec.depth} over UDP needs echo messages of at least {ECHO_HEADER_BYTES} bytes, which carry the "
            "number of their request; use tcp, or depth 1"
        )
    if spec.think_s and spec.rate_rps:
        raise ValueError(
            f"rate_rps {spec.rate_rps:g} and think_s {spec.think_s:g} contradict each other: think time only applies "
            "to a closed loop; remove one"
        )
    if spec.transport == "udp" and spec.protocol != "hola" and max(spec.sizes) > MAX_DATAGRAM_BYTES:
        raise ValueError(
            f"message_bytes {max(spec.sizes)} does not fit a datagram; the maximum is {MAX_DATAGRAM_BYTES}"
        )


def _make_phases(phases: object) -> tuple[Phase, ...]:
    """Return phases, which may be given as lists or dicts. Raises ValueError."""
    if not isinstance(phases, tuple | list) or len(phases) > MAX_PHASES:
        raise ValueError(f"phases is not a list of at most {MAX_PHASES} phases")
    try:
        return tuple(
            phase if isinstance(phase, Phase) else Phase(**phase) if isinstance(phase, dict) else Phase(*phase)
            for phase in phases
        )
    except TypeError as error:
        raise ValueError(f"phases {phases!r}: each has a name, seconds, rate_rps and active") from error


def _check_behaviour(spec: LoadSpec) -> None:
    if spec.behaviour == "normal":
        return
    if spec.transport == "udp":
        raise ValueError(f"behaviour {spec.behaviour!r} needs connections, and UDP has none; use tcp")
    others = {
        "rate_rps": spec.open_loop,
        "depth": spec.depth > 1,
        "think_s": spec.think_s > 0,
        "retries": spec.retries > 0,
        f"lifecycle {spec.lifecycle!r}": spec.in_sessions,
    }
    if wrong := [name for name, is_set in others.items() if is_set]:
        raise ValueError(f"behaviour {spec.behaviour!r} and {wrong[0]} contradict each other; remove one")


def _check_retries(spec: LoadSpec) -> None:
    if not spec.retries:
        return
    if spec.transport == "udp" and not spec.numbered:
        raise ValueError(
            f"retries {spec.retries} over UDP needs messages of at least {spec.header_bytes} bytes of echo or work, "
            "which carry the number of their request"
        )
    if spec.transport == "tcp" and spec.depth > 1:
        raise ValueError(f"retries {spec.retries} over TCP opens a new connection, and needs depth 1")
    if spec.lifecycle == "session":
        raise ValueError(f"retries {spec.retries} needs lifecycle persistent or per_request")


def _check_phases(spec: LoadSpec) -> None:
    if not spec.phases:
        return
    if spec.think_s:
        raise ValueError(f"phases and think_s {spec.think_s:g} contradict each other; remove one")
    if spec.rate_rps:
        raise ValueError(f"phases have their own rates; remove rate_rps {spec.rate_rps:g}")
    rates = [phase.rate_rps for phase in spec.phases if phase.active]
    if any(rates) and not all(rates):
        raise ValueError("phases with a rate and closed loops contradict each other; give each active phase a rate")
    names = [phase.name for phase in spec.phases]
    if len(set(names)) < len(names):
        raise ValueError(f"phases {', '.join(names)}: two have the same name")


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} {value!r} is not a name")


def _check_list(name: str, value: object, most: int, length: int = 0) -> None:
    """Check that a value is a list. length: the only allowed one, if not 0."""
    if not isinstance(value, tuple | list) or len(value) > most or (length and len(value) != length):
        raise ValueError(f"{name} {value!r} is not a list of {length or f'at most {most}'} values")


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} {value!r} is not a whole number from {least} to {most}")


def _check_real(name: str, value: object, least: float, most: float) -> None:
    if not isinstance(value, int | float) or not least <= value <= most:  # nan fails both comparisons
        raise ValueError(f"{name} {value!r} is not a number from {least:g} to {most:g}")


def make_params(spec: LoadSpec, raw_room: int) -> LoadParams:
    """Return the load as the compiled loop takes it. raw_room: raw rows of one thread."""
    echo = spec.protocol != "hola"
    return LoadParams(
        tcp=int(spec.transport == "tcp"),
        echo=int(echo),
        work=int(spec.protocol == "work"),
        work_kinds=len(spec.works),
        number_at=spec.header_bytes - 16 if spec.protocol == "work" else spec.header_bytes - 8,
        header_bytes=spec.header_bytes,
        session=int(spec.in_sessions),
        ends_with_adios=int(spec.lifecycle == "session" and not echo),
        requests_per_session=spec.messages_per_session,
        message_bytes=max(spec.sizes) if echo else 1,
        mixed=int(echo and len(spec.sizes) > 1),
        depth=spec.depth,
        numbered=int(spec.numbered),
        timeout_ns=int(spec.timeout_s * 1e9),
        spin_ns=_ALWAYS_NS if spec.spin else 0,
        open_loop=int(spec.open_loop),
        arrivals=ARRIVAL_KINDS[spec.arrivals],
        think_ns=int(spec.think_s * 1e9),
        behaviour=BEHAVIOURS[spec.behaviour],
        trickle_ns=int(spec.trickle_s * 1e9) if spec.behaviour == "trickle" else 0,
        unread_limit_bytes=min(_UNREAD_BYTES, _UNREAD_BYTES_OF_ALL // spec.connections),
        retries=spec.retries,
        phases=len(spec.phases),
        lost_remembered=max(16, 4 * spec.depth) if spec.numbered else 1,
        raw_room=raw_room,
        ticks=int(os.environ.get(_SABOTAGE) == "tick_1ms"),
    )
