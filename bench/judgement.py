"""The judgement of a trial: what the generator says against it, and what the machine adds. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from clients.verdicts import cell, merge, verdict_of, worst

BUSY_CPU_SHARE = 0.9  # a side that is this busy is what limits the rate


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a trial, its codes as the cell of a row, and which side set the rate."""

    verdict: str  # valid, suspect or invalid
    codes: str  # NAME=figure, separated by spaces
    bound: str  # server, generator or neither


def judge(
    told: Iterable[str],
    client_cpu_share: float,
    server_cpu_share: float,
    *,
    cpus_disjoint: bool,
    closed_loop: bool,
    shows_limit: bool = False,
) -> Judgement:
    """Judge one trial. A share that is not known (nan) says nothing.

    told: the generator's own codes. shows_limit: the figure is to be that of the machine with this generator.
    """
    raised = {code.partition("=")[0]: code for code in told}
    if not cpus_disjoint:
        raised["SHARED_CPUS"] = cell("SHARED_CPUS", 1)
    if closed_loop and server_cpu_share >= BUSY_CPU_SHARE > client_cpu_share:
        raised.pop("GENERATOR_BUSY", None)  # the server was at its limit and the generator was not: the rate is its own
    if shows_limit:
        raised.pop("GENERATOR_BUSY", None)
    bound = "server" if server_cpu_share >= BUSY_CPU_SHARE else "neither"
    if client_cpu_share >= BUSY_CPU_SHARE:
        bound = "generator"  # also where both are busy: then nobody knows what the server could have done
    return Judgement(worst(verdict_of(code) for code in raised.values()), merge(raised.values()), bound)
