"""The quality of a trial, and the side that limited its rate. Pure.

Its flags come from the generator and from the machine.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from bench.machine.process_usage import TICK_NS, TICKS
from clients.quality_codes import Figure, QualityFlag, Thresholds

MIN_CPU_US_PER_REPLY = 0.1  # less than one system call takes; no server answers without one
MAX_CPU_SHARE = 1.05  # of the servers' CPUs; readings before and after a slice are some microseconds late
BUSY_CPU_SHARE = 0.9  # a side this busy limits the rate
FULL_WIRE_SHARE = 0.9
# A server this busy can have missed at most a twentieth of its rate, whatever the generator did: a rate is the CPU
# share over the CPU time per request (the utilisation law; Denning and Buzen 1978).
SATURATED_CPU_SHARE = 0.95
# Where the two sides take turns on one CPU, the generator always waits for the server, also between two clock readings.
# SHARED_CPUS states that. All arms meet it alike, so their rates and CPU times can still be compared.
_CAUSED_BY_SHARED_CPUS = ("RUN_DELAY", "LITTLES_LAW_VIOLATED")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a trial, its flags, and the side that limited its rate."""

    verdict: str
    flags: list[QualityFlag]  # doubts and findings
    limited_by: str  # server, generator, network, neither (with the reason), or unknown for a running server


@dataclass(frozen=True, slots=True)
class Utilisation:
    """Utilisation of both sides during a trial.

    A share that is unknown is nan and raises no flag.
    """

    generator_cpu_share: float  # of the busiest generator thread's CPU
    server_cpu_share: float  # of the CPUs that the server can use
    closed_loop: bool = True
    cpus_disjoint: bool = True
    is_baseline: bool = False  # the trial measures the machine and the generator, not a competitor
    in_flight: float = 0.0  # mean number of requests
    usable_cpus: int = 1
    server_workers: int = 1  # threads and processes of the server that may serve
    background_load_share: float = math.nan  # of the servers' CPUs, used by unrelated processes
    cpu_time_values: Mapping[str, float] = field(default_factory=dict)  # of the codes about the server's CPU time
    throttled_share: float = 0.0  # of the CPUs' time, in which the container's quota was used up
    wire_share: float = math.nan  # of what the network between the hosts carries


def judge(
    generator_flags: Sequence[QualityFlag],
    utilisation: Utilisation,
    thresholds: Thresholds,
    figure: Figure | None = None,
) -> Judgement:
    """Judge a trial by the generator's flags and by how busy both sides were.

    figure: that the verdict is about; without it, the verdict is about the whole trial (see ``Thresholds.worst``).
    """
    flags = {flag.name: flag for flag in generator_flags}
    values = {"BACKGROUND_LOAD": utilisation.background_load_share, "CPU_THROTTLED": utilisation.throttled_share}
    values["WIRE_LIMIT"] = utilisation.wire_share
    if not utilisation.cpus_disjoint:
        values["SHARED_CPUS"] = 1.0
        flags = {name: flag for name, flag in flags.items() if name not in _CAUSED_BY_SHARED_CPUS}
    flags |= {flag.name: flag for flag in thresholds.raise_flags({**values, **utilisation.cpu_time_values})}
    saturated = flags.pop("GENERATOR_SATURATED", None)
    if saturated and not utilisation.is_baseline:
        flags |= {flag.name: flag for flag in _judge_saturation(saturated, utilisation, thresholds)}
    merged = thresholds.merge(flags.values())
    return Judgement(thresholds.worst(merged, figure), merged, limiting_side(flags, utilisation))


def cpu_time_values(cpu_us: float, elapsed_s: float, cpus: int, answered: int, source: str) -> dict[str, float]:
    """Return the values of the quality codes about a server's CPU time.

    cpu_us: nan if it is unknown. elapsed_s: in which it was used, up to the reading. cpus: on which the server may run.
    answered: correct replies. source: one of ``process_usage.CPU_SOURCES``.
    """
    if math.isnan(cpu_us):
        return {"CPU_TIME_UNKNOWN": 1.0}
    share = cpu_us / 1e6 / elapsed_s / cpus if elapsed_s else 0.0
    values = {"CPU_TIME_COARSE": 2 * TICK_NS / 1e3 / cpu_us} if source == TICKS and cpu_us > 0 else {}
    if cpu_us < MIN_CPU_US_PER_REPLY * answered or cpu_us < 0 or share > MAX_CPU_SHARE:
        values["CPU_TIME_IMPOSSIBLE"] = 1.0
    return values


def _judge_saturation(flag: QualityFlag, utilisation: Utilisation, thresholds: Thresholds) -> list[QualityFlag]:
    """Return the flags of a trial with a saturated generator.

    In a closed loop, a busy server bounds the error of the rate.
    """
    if not utilisation.closed_loop:
        return [flag]
    if _server_is_limit(utilisation):
        return []
    underestimated = thresholds.flag("RATE_UNDERESTIMATED", 1 - utilisation.server_cpu_share)
    return [underestimated] if thresholds.verdict(underestimated) == "suspect" else [flag]


def limiting_side(codes: Collection[str], utilisation: Utilisation) -> str:
    """Return which side limited the rate. codes: names of the trial's codes.

    ``neither`` has a reason. *waiting*: there was at most one request per CPU at a time, or requests came on a
    schedule. *backlog*: connects waited for room in the listener's backlog. *lock*: requests and workers were there and
    the CPUs were still idle, so the workers waited for each other.
    """
    if _server_is_limit(utilisation):
        return "server"
    if utilisation.wire_share >= FULL_WIRE_SHARE:
        return "network"
    if utilisation.generator_cpu_share >= BUSY_CPU_SHARE:
        return "generator"  # also where both sides are busy: nobody knows what the server could have done
    if math.isnan(utilisation.server_cpu_share):
        return "unknown"
    if "SYN_RETRANSMITS" in codes:
        return "neither (backlog)"
    enough_requests = utilisation.closed_loop and utilisation.in_flight >= 2 * utilisation.usable_cpus
    return "neither (lock)" if enough_requests and utilisation.server_workers > 1 else "neither (waiting)"


def _server_is_limit(utilisation: Utilisation) -> bool:
    """Return whether the server used up its CPUs, and would have with any generator.

    The baseline polls, so it is busy also while it waits for the generator.
    """
    server_busy = utilisation.server_cpu_share >= BUSY_CPU_SHARE
    generator_busy = utilisation.generator_cpu_share >= BUSY_CPU_SHARE
    saturated = utilisation.server_cpu_share >= SATURATED_CPU_SHARE and not utilisation.is_baseline
    return (server_busy and not generator_busy) or saturated
