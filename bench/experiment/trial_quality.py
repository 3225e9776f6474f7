"""The quality of a trial, and the side that limited its rate. Pure.

Its flags come from the generator and from the machine.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from clients.quality_codes import Figure, QualityFlag, Thresholds

BUSY_CPU_SHARE = 0.9  # a side this busy limits the rate
# A server this busy can have missed at most a twentieth of its rate, whatever the generator did: a rate is the CPU
# share over the CPU time per request (the utilisation law; Denning and Buzen 1978).
SATURATED_CPU_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a trial, its flags, and the side that limited its rate."""

    verdict: str
    flags: list[QualityFlag]  # doubts and findings
    limited_by: str  # server, generator, neither (with the reason), or unknown for a running server


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


def judge(
    generator_flags: Sequence[QualityFlag],
    utilisation: Utilisation,
    thresholds: Thresholds,
    figure: Figure | None = None,
) -> Judgement:
    """Judge a trial by the generator's flags and by how busy both sides were.

    figure: that the verdict is about; without it, the verdict is about the rate and the costs.
    """
    flags = {flag.name: flag for flag in generator_flags}
    values = {"BACKGROUND_LOAD": utilisation.background_load_share}
    if not utilisation.cpus_disjoint:
        values["SHARED_CPUS"] = 1.0
    flags |= {flag.name: flag for flag in thresholds.raise_flags(values)}
    saturated = flags.pop("GENERATOR_SATURATED", None)
    if saturated and not utilisation.is_baseline:
        flags |= {flag.name: flag for flag in _judge_saturation(saturated, utilisation, thresholds)}
    merged = thresholds.merge(flags.values())
    return Judgement(thresholds.worst(merged, figure), merged, limiting_side(flags, utilisation))


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
    if utilisation.generator_cpu_share >= BUSY_CPU_SHARE:
        return "generator"  # also where both sides are busy: nobody knows what the server could have done
    if math.isnan(utilisation.server_cpu_share):
        return "unknown"
    if "SYN_RETRANSMITS" in codes:
        return "neither (backlog)"
    enough_requests = utilisation.closed_loop and utilisation.in_flight >= 2 * utilisation.usable_cpus
    return "neither (lock)" if enough_requests and utilisation.server_workers > 1 else "neither (waiting)"


def _server_is_limit(utilisation: Utilisation) -> bool:
    """Return whether the server used up its CPUs, and would have with any generator."""
    server_busy = utilisation.server_cpu_share >= BUSY_CPU_SHARE
    generator_busy = utilisation.generator_cpu_share >= BUSY_CPU_SHARE
    return (server_busy and not generator_busy) or utilisation.server_cpu_share >= SATURATED_CPU_SHARE
