"""When a number is not to be trusted: every code with its thresholds and its words.

A row carries its worst verdict and every code with its figure. The thresholds are conventions with reasons, not laws;
this is the only place that has them. Without any import of the generator's own, so that all may use it; pure but for
``judge_by``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

RANK = {"": 0, "valid": 0, "suspect": 1, "invalid": 2, "failed": 3, "skipped": 3}


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
    passes: bool = False  # it differs from block to block, mostly by what the machine does: see verdict_of_blocks

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
            "NO_REPLIES",
            "requests were sent and none was answered rightly",
            "look at the errors of the trial: nothing can be said of this server",
            suspect=0,
            invalid=0,
            style="",
        ),
        Code(
            "NO_PORTS",
            "connects that failed for want of a local port",
            "lower the rate of new connections, or widen net.ipv4.ip_local_port_range",
            suspect=0,
            invalid=0,
            style="{:.0f}",
        ),
        Code(
            "CLIENT_DROPS",
            "datagrams that the kernel dropped at the generator's own sockets: the server had answered",
            "give the generator more CPU or larger socket buffers (net.core.rmem_max)",
            suspect=0,
            invalid=0,
            style="{:.0f}",
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
        # A busy generator adds its own queue to what it measures; above nine tenths it is the limit itself.
        Code(
            "GENERATOR_BUSY",
            "share of its CPU that the load generator needed: the figure may be the generator's, not the server's",
            "give the generator more CPUs; read the true rate of the server as at least this",
            suspect=0.70,
            invalid=0.90,
            passes=True,
        ),
        # In its place where a closed loop shows by how much at most the rate is too low: a server's rate is its CPU
        # share over its CPU time per request (the utilisation law; Denning and Buzen 1978). So what its CPUs had left
        # is all that a faster generator could have got.
        Code(
            "SHORTFALL",
            "share of the servers' CPUs left over while the generator was busy: the rate is at most so much too low",
            "give the generator more CPUs; this share of the server's true rate may be missing",
            suspect=0.05,
            invalid=0.20,
            style="{:.1%}",
            passes=True,
        ),
        # "Benchmark the test equipment first" (RFC 9971): near its own ceiling a tool measures itself.
        Code(
            "CEILING",
            "rate asked for, as a share of what the generator reaches against a server that does nothing",
            "give the generator more CPUs, or lower the rate",
            suspect=0.5,
            invalid=0.8,
        ),
        # How punctual the open loop was. A request may leave 50 us late, or 5 % of the median latency.
        Code(
            "ADHERENCE",
            "share of requests that left when they should have, as far as it was the generator's doing",
            "give the generator a CPU of its own; close what else runs on it",
            suspect=0.999,
            invalid=0.95,
            below=True,
            style="{:.4f}",
            passes=True,
        ),
        Code(
            "LATENESS",
            "how much larger a latency percentile (p50, p99, p99.9) is for the generator's own lateness",
            "give the generator a CPU of its own; the server is faster than these percentiles say",
            suspect=0.05,
            invalid=0.20,
            style="{:.1%}",
            passes=True,
        ),
        Code(
            "TURNAROUND",
            "time that the generator took for the events of one poll (p99.9), as a share of the latency's p99",
            "replies wait for each other in the generator: use more CPUs or fewer connections a CPU",
            suspect=0.05,
            invalid=0.20,
            style="{:.1%}",
            passes=True,
        ),
        Code(
            "RUN_DELAY",
            "share of the time in which the generator was ready to run and others had its CPU",
            "pin what else runs elsewhere, or close it",
            suspect=0.01,
            invalid=0.05,
            style="{:.1%}",
            passes=True,
        ),
        Code(
            "STEAL",
            "share of the time that the machine's host gave to other machines",
            "rerun at another hour, or on a machine that is not shared",
            suspect=0.01,
            invalid=0.05,
            style="{:.1%}",
            passes=True,
        ),
        Code(
            "FOREIGN",
            "share of the servers' CPUs that programs took which have nothing to do with the run",
            "close what else runs, or keep it off these CPUs",
            suspect=0.01,
            invalid=0.05,
            style="{:.1%}",
            passes=True,
        ),
        Code(
            "GC",
            "garbage collections in the generator under load",
            "report it: there should be none",
            suspect=0,
            style="{:.0f}",
        ),
        Code(
            "PAGING",
            "pages that the generator had to fetch from disk under load",
            "free memory",
            suspect=0,
            style="{:.0f}",
            passes=True,
        ),
        Code(
            "CLOCK",
            "the kernel's clock source is a slow or coarse one",
            "choose tsc or kvm-clock (/sys/devices/system/clocksource)",
            suspect=0,
            style="",
        ),
        # Little's law with a number in flight that was counted apart from all time stamps: it catches lost requests,
        # double counts and bad clocks (Little 1961).
        Code(
            "LITTLE",
            "difference between the number in flight that was seen, and rate x time in flight",
            "report it: requests were lost or counted twice, or a clock is wrong",
            suspect=0.02,
            invalid=0.05,
            style="{:.1%}",
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
        # In an open loop a lost request is a finding: it is infinite in the percentiles.
        Code(
            "LOST",
            "requests without a reply; they count as infinite latency",
            "the server, or a full socket buffer before it, dropped them: see kernel_drops",
            suspect=0,
            style="{:.3%}",
        ),
        Code(
            "UNEXPLAINED_LOSS",
            "lost datagrams that no socket of this machine has dropped, as a share of those sent",
            "the server read them and did not answer",
            suspect=0.0001,
            style="{:.3%}",
        ),
        Code(
            "OVERLOAD",
            "replies inside the window, as a share of the requests that were due in it",
            "the server does not keep up with this rate: its latency grows for as long as one measures",
            suspect=0.99,
            below=True,
        ),
        Code(
            "UNSENT",
            "requests of the schedule for which there was no connection in time",
            "more connections or more depth would send them; they count as infinite latency",
            suspect=0,
            style="{:.3%}",
        ),
        Code(
            "POOL",
            "requests that waited for a free connection before they could leave: that wait is in the latency",
            "a finding about the server, unless it should have had more connections",
            suspect=0.01,
            style="{:.1%}",
        ),
        Code(
            "DRIFT",
            "how much the median went up or down from the begin of the load to its end",
            "load longer, warm up longer, or look at what changes in the server",
            suspect=0.10,
            invalid=0.25,
            style="{:.0%}",
        ),
        Code(
            "WARMUP",
            "share of the load that still belongs to the warm-up (judged where there is a drift)",
            "warm up longer (--warmup)",
            suspect=0.10,
            invalid=0.33,
            style="{:.0%}",
        ),
        # Delayed acknowledgements wait 40 ms: a heap of latencies there is two small writes without TCP_NODELAY.
        Code(
            "NAGLE",
            "share of latencies around 40 ms, where a delayed acknowledgement would put them",
            "set TCP_NODELAY in the server, or write each reply at once",
            suspect=0.001,
            style="{:.2%}",
        ),
        # A SYN that found the backlog full is sent again after 1 s and 2 s.
        Code(
            "BACKLOG",
            "share of connects that took one or two seconds, as after a full backlog",
            "a larger backlog (and net.core.somaxconn), or a server that accepts sooner",
            suspect=0.001,
            style="{:.2%}",
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
        # Between runs. Models mostly moved by a third farther than the compiled server (docs/method.md), so a machine
        # that moved by 20 % leaves 7 % in their ratios to it: more than most differences that are looked for.
        Code(
            "machine_moved",
            "how much the compiled server, the same in both runs, changed between them: so much did the machine",
            "measure both again on a quiet machine, or better both servers in one run",
            suspect=0.03,
            invalid=0.20,
            style="{:.1%}",
        ),
        Code(
            "no_lower_bound",
            "no rate of the search met the objective",
            "a longer time in the objective, or a look at what the server does at a low rate (scenario latency)",
            suspect=0,
            style="",
        ),
        Code(
            "no_upper_bound",
            "every rate of the search met the objective: the limit lies higher",
            "more connections, so that more can be asked for",
            suspect=0,
            style="",
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
_OWN = dict(CODES)
LEAST_REPLIES_BEYOND = 10  # a percentile with fewer replies beyond it is not shown
SUSPECT_REPLIES_BEYOND = CODES["few_replies"].suspect


def judge_by(thresholds: Mapping[str, Sequence[float]]) -> None:
    """Judge by other thresholds than our own from now on, in this whole process.

    thresholds: of some codes, [suspect] or [suspect, invalid]; all others are our own again. Raises ValueError.
    """
    changed = {}
    for name, figures in thresholds.items():
        if name not in _OWN:
            raise ValueError(f"threshold {name!r} is of no code; there are: {', '.join(_OWN)}")
        if len(figures) not in (1, 2):
            raise ValueError(f"threshold {name} {list(figures)} has to be [suspect] or [suspect, invalid]")
        changed[name] = replace(_OWN[name], suspect=figures[0], invalid=[*figures, _OWN[name].invalid][1])
    CODES.update(_OWN | changed)


def changed_thresholds() -> list[str]:
    """What is not judged by our own thresholds, in words."""
    return [
        f"{name}: suspect {_figure(code.suspect)}, invalid {_figure(code.invalid)} "
        f"(our own: {_figure(_OWN[name].suspect)}, {_figure(_OWN[name].invalid)})"
        for name, code in CODES.items()
        if code != _OWN[name]
    ]


def _figure(threshold: float | None) -> str:
    return "never" if threshold is None else f"{threshold:g}"


def worst(verdicts: Iterable[str]) -> str:
    """The worst of some verdicts; ``valid`` if there is none."""
    return max(verdicts, key=lambda verdict: RANK.get(verdict, 0), default="valid") or "valid"


def verdict_of(code: str) -> str:
    """What a code with its figure, as it stands in a row, means for its row; of an unknown one: suspect."""
    name, _, figure = code.partition("=")
    if name not in CODES:
        return "suspect"
    return CODES[name].verdict(figure_of(code)) if figure else CODES[name].verdict(1)


def verdict_of_blocks(cells: Sequence[str]) -> str:
    """What the codes of several blocks mean for their median. cells: of each block; empty if it has none.

    The worst of all; but where a code comes and goes the median is that of the other blocks: one that hit less than
    half of them leaves it valid, or suspect where it made a block invalid.
    """
    found: list[str] = []
    hit: dict[str, list[str]] = {}
    for code in (code for text in cells for code in text.split()):
        name = code.partition("=")[0]
        if name in CODES and CODES[name].passes:
            hit.setdefault(name, []).append(verdict_of(code))
        else:
            found.append(verdict_of(code))
    for verdicts in hit.values():
        invalid = verdicts.count("invalid")
        if 2 * invalid >= len(cells):
            found.append("invalid")
        elif invalid or 2 * len(verdicts) >= len(cells):
            found.append("suspect")
    return worst(found)


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


def figure_of(code: str) -> float:
    """The figure of a code as it stands in a row; minus infinity if there is none."""
    _, _, figure = code.partition("=")
    try:
        return float(figure[:-1]) / 100 if figure.endswith("%") else float(figure)
    except ValueError:
        return -math.inf


def _badness(code: str) -> float:
    name = code.partition("=")[0]
    value = figure_of(code)
    return -value if name in CODES and CODES[name].below else value
