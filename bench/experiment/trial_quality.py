"""The judgement of a trial: what the generator says against it, and what the machine adds. Pure."""

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from clients.verdicts import CODES, cell, merge, verdict_of, worst

BUSY_CPU_SHARE = 0.9  # a side that is this busy is what limits the rate
# A server that is this busy cannot have done more than a twentieth beyond what was measured, whatever the generator:
# its rate is its CPU share over its CPU time per request (the utilisation law; Denning and Buzen 1978).
SURELY_BUSY = 0.95


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a trial, its codes as the cell of a row, and which side set the rate."""

    verdict: str  # valid, suspect or invalid
    codes: str  # NAME=figure, separated by spaces
    bound: str  # server, generator, or neither, with what it then was; unknown where the server is not seen


@dataclass(frozen=True, slots=True)
class Sides:
    """What both sides did in a trial. A share that is not known (nan) says nothing."""

    client_cpu_share: float  # of the generator's CPU, the busiest thread
    server_cpu_share: float  # of the CPUs that the server can use
    closed_loop: bool = True
    cpus_disjoint: bool = True
    shows_limit: bool = False  # the figure is to be that of the machine with this generator
    in_flight: float = 0.0  # requests, on the average
    usable_cpus: int = 1
    servants: int = 1  # threads and processes of the server that may serve
    foreign_share: float = math.nan  # of the servers' CPUs, taken by programs that have nothing to do with the run


def judge(told: Iterable[str], sides: Sides) -> Judgement:
    """Judge one trial. told: the generator's own codes."""
    raised = {code.partition("=")[0]: code for code in told}
    if not sides.cpus_disjoint:
        raised["SHARED_CPUS"] = cell("SHARED_CPUS", 1)
    if CODES["FOREIGN"].verdict(sides.foreign_share) != "valid":
        raised["FOREIGN"] = cell("FOREIGN", sides.foreign_share)
    busy = raised.pop("GENERATOR_BUSY", None)
    if busy and not sides.shows_limit:
        raised |= _busy_generator(busy, sides)
    return Judgement(worst(verdict_of(code) for code in raised.values()), merge(raised.values()), bound(raised, sides))


def _busy_generator(code: str, sides: Sides) -> dict[str, str]:
    """What a busy generator means. code: its own; a closed loop whose server was busy, too, says more than that."""
    if not sides.closed_loop:
        return {"GENERATOR_BUSY": code}
    if _is_servers_limit(sides):
        return {}
    shortfall = 1 - sides.server_cpu_share
    if CODES["SHORTFALL"].verdict(shortfall) == "suspect":
        return {"SHORTFALL": cell("SHORTFALL", shortfall)}
    return {"GENERATOR_BUSY": code}


def bound(raised: Collection[str], sides: Sides) -> str:
    """Which side was at its limit. raised: names of the codes of the trial.

    Where neither was: *waiting* if there was not more work than one for each CPU at a time, or it came on a schedule;
    *backlog* if connects waited for room; *lock* if work was there and threads or processes too, and still the CPUs
    were not used: they waited for each other.
    """
    if _is_servers_limit(sides):
        return "server"
    if sides.client_cpu_share >= BUSY_CPU_SHARE:
        return "generator"  # also where both are busy: then nobody knows what the server could have done
    if math.isnan(sides.server_cpu_share):
        return "unknown"  # a server of somebody else, of which nothing is seen
    if "BACKLOG" in raised:
        return "neither (backlog)"
    work_was_there = sides.closed_loop and sides.in_flight >= 2 * sides.usable_cpus
    return "neither (lock)" if work_was_there and sides.servants > 1 else "neither (waiting)"


def _is_servers_limit(sides: Sides) -> bool:
    """Whether the server's CPUs were used up, and would have been by any generator."""
    busy = sides.server_cpu_share >= BUSY_CPU_SHARE and not sides.client_cpu_share >= BUSY_CPU_SHARE
    return busy or sides.server_cpu_share >= SURELY_BUSY
