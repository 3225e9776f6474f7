"""When a number is not to be trusted: every code with its thresholds and its words, and the judgement of a trial.

A row carries its worst verdict and every code with its figure. The thresholds are conventions with reasons, not laws;
this is the only place that has them.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

RANK = {"": 0, "valid": 0, "suspect": 1, "invalid": 2, "failed": 3, "skipped": 3}
BUSY_CPU_SHARE = 0.9  # a side that is this busy is what limits the rate


@dataclass(frozen=True, slots=True)
class Code:
    """A reason for doubt. A figure beyond ``suspect`` makes a row suspect, beyond ``invalid`` invalid."""

    name: str
    meaning: str
    advice: str
    suspect: float
    invalid: float | None = None  # no figure of this code alone makes a row invalid
    below: bool = False  # low figures are the bad ones
    style: str = "{:.3g}"

    def verdict(self, figure: float) -> str:
        """What a figure means for its row."""
        sign = -1 if self.below else 1
        if self.invalid is not None and sign * figure > sign * self.invalid:
            return "invalid"
        return "suspect" if sign * figure > sign * self.suspect else "valid"


CODES = {
    code.name: code
    for code in (
        Code(
            "NOTHING_SENT",
            "the generator sent no request",
            "look at the errors of the trial; the server may not have been reachable",
            suspect=0,
            invalid=0,
            style="",
        ),
        Code(
            "CORRUPT",
            "replies that were not what the protocol asks for",
            "the server answers wrongly: its numbers mean nothing until it is repaired",
            suspect=0,
            invalid=0,
            style="{:.0f}",
        ),
        Code(
            "STARVED",
            "connections that got no reply at all",
            "the model does not serve so many persistent connections: compare it where clients come and go (sessions)",
            suspect=0,
            invalid=0,
            style="{:.0f}",
        ),
        # A busy generator adds its own queue to what it measures; above nine tenths it is the limit itself. Between the
        # two, a closed loop whose server was busy to nine tenths shows that the limit was the server (see judge).
        Code(
            "GENERATOR_BUSY",
            "share of its CPU that the load generator needed: the figure may be the generator's, not the server's",
            "give the generator more CPUs; read the true rate of the server as at least this",
            suspect=0.70,
            invalid=0.90,
        ),
        Code(
            "SHARED_CPUS",
            "generator and server ran on the same CPUs and took time from each other",
            "use a machine with two CPUs or more; never compare with pinned runs",
            suspect=0,
            style="",
        ),
        # In a closed loop a lost request blocks its slot until the timeout: one in a thousand already bends the rate.
        Code(
            "LOSS",
            "requests without a reply",
            "in a closed loop each one holds its connection until the timeout: the rate is too low by that",
            suspect=0,
            invalid=0.001,
            style="{:.3%}",
        ),
        Code(
            "LATE",
            "replies that came after the timeout",
            "the server or the machine stalled; rerun on a quiet machine",
            suspect=0,
            style="{:.0f}",
        ),
        Code(
            "ERRORS",
            "operations that failed (kinds and counts are in trials.csv)",
            "look at the kinds: resets come from the server, refused connections from its backlog",
            suspect=0,
            style="{:.0f}",
        ),
        # Jain's index over what fair chance would give it; see R. Jain et al., DEC-TR-301 (1984).
        Code(
            "UNFAIR",
            "Jain's fairness index of the connections, as a share of what an even spread would give",
            "some connections were served much more often than others: the average hides them",
            suspect=0.95,
            below=True,
        ),
        Code(
            "failed_blocks",
            "blocks in which the case failed; the numbers are those of the other blocks",
            "the reasons are in trials.csv",
            suspect=0,
            style="{:.0f}",
        ),
        Code(
            "few_blocks",
            "so few blocks that the interval is smallest to largest, or no comparison is possible",
            "run more blocks (--blocks 10)",
            suspect=0,
            style="{:.0f}",
        ),
        # The relative error of a percentile grows as one over the root of the replies beyond it.
        Code(
            "few_replies",
            "replies beyond the percentile in one block: fewer than 100 make it rough, fewer than 10 are not printed",
            "run longer (--seconds)",
            suspect=100,
            below=True,
            style="{:.0f}",
        ),
    )
}
LEAST_REPLIES_BEYOND = 10  # a percentile with fewer replies beyond it is not shown
SUSPECT_REPLIES_BEYOND = CODES["few_replies"].suspect


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a trial, its codes as the cell of a row, and which side set the rate."""

    verdict: str  # valid, suspect or invalid
    codes: str  # NAME=figure, separated by spaces
    bound: str  # server, generator or neither


def judge(
    errors: Mapping[str, int],
    lost: int,
    late: int,
    corrupt: int,
    sent: int,
    client_cpu_share: float,
    server_cpu_share: float,
    cpus_disjoint: bool,
    starved: int,
    jain: float | None,
    jain_expected: float | None,
) -> Judgement:
    """Judge one trial of a closed loop by its counts and shares. A share that is not known (nan) says nothing."""
    figures = {
        "NOTHING_SENT": float(sent == 0),
        "CORRUPT": float(corrupt),
        "STARVED": float(starved),
        "GENERATOR_BUSY": client_cpu_share,
        "SHARED_CPUS": float(not cpus_disjoint),
        "LOSS": lost / sent if sent else 0.0,
        "LATE": float(late),
        "ERRORS": float(sum(errors.values())),
        "UNFAIR": jain / jain_expected if jain is not None and jain_expected else math.nan,
    }
    raised = {name: figure for name, figure in figures.items() if CODES[name].verdict(figure) != "valid"}
    if server_cpu_share >= BUSY_CPU_SHARE > client_cpu_share:
        raised.pop("GENERATOR_BUSY", None)  # the server was at its limit and the generator was not: the rate is its own
    verdict = worst(CODES[name].verdict(figure) for name, figure in raised.items())
    bound = "server" if server_cpu_share >= BUSY_CPU_SHARE else "neither"
    if client_cpu_share >= BUSY_CPU_SHARE:
        bound = "generator"  # also where both are busy: then nobody knows what the server could have done
    return Judgement(verdict, " ".join(cell(name, figure) for name, figure in raised.items()), bound)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of some verdicts; ``valid`` if there is none."""
    return max(verdicts, key=lambda verdict: RANK.get(verdict, 0), default="valid") or "valid"


def cell(name: str, figure: float) -> str:
    """One code as it stands in a row: ``LOSS=0.043%``."""
    style = CODES[name].style
    return f"{name}={style.format(figure)}" if style else name


def merge(cells: Iterable[str]) -> str:
    """The codes of several rows as one cell: every code once, with its worst figure."""
    found: dict[str, str] = {}
    for code in (code for text in cells for code in text.split()):
        name = code.partition("=")[0]
        if name not in found or _badness(code) > _badness(found[name]):
            found[name] = code
    order = {name: place for place, name in enumerate(CODES)}
    return " ".join(sorted(found.values(), key=lambda code: order.get(code.partition("=")[0], len(order))))


def explain(code: str) -> tuple[str, str]:
    """What a code of a row means, and what to do about it; empty for one that is not known."""
    known = CODES.get(code.partition("=")[0])
    return (known.meaning, known.advice) if known else ("", "")


def _badness(code: str) -> float:
    name, _, figure = code.partition("=")
    try:
        value = float(figure.rstrip("%"))
    except ValueError:
        return -math.inf
    return -value if name in CODES and CODES[name].below else value
