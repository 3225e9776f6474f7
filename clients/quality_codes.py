"""Quality codes and the verdicts that they lead to.

A trial raises a *flag* when a measured value passes the threshold of a *code*. A code is a *doubt* or a *finding*. A
doubt means that a number may be wrong: the worst doubt decides its *verdict*, valid, suspect or invalid. A finding is
about the server, and the number is right. ``clients.quality_catalogue`` lists the codes. Pure, and without
imports of the generator, so that bench uses the same table.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

VALID, SUSPECT, INVALID = "valid", "suspect", "invalid"
SEVERITY = {VALID: 0, SUSPECT: 1, INVALID: 2}
_SINGULAR = re.compile(r"\b1 connections\b")
MIN_SAMPLES_BEYOND = 10  # a percentile with fewer samples beyond it is not printed
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}  # each has a verdict of its own


class Quantity(StrEnum):
    """A kind of number that a code can concern."""

    RATE = "rate"
    LATENCY = "latency"
    SERVICE_TIME = "service time"
    CONNECT_TIME = "time to connect"
    CPU_TIME = "CPU time"
    MEMORY = "memory"


ALL_QUANTITIES = frozenset(Quantity)
COSTS = frozenset({Quantity.CPU_TIME, Quantity.MEMORY})
RATES_AND_TIMES = ALL_QUANTITIES - COSTS
ALL_BUT_MEMORY = ALL_QUANTITIES - {Quantity.MEMORY}
REQUEST_TIMES = frozenset({Quantity.LATENCY, Quantity.SERVICE_TIME})


@dataclass(frozen=True, slots=True)
class Figure:
    """The subject of a verdict: a quantity, or one percentile of it (a key of QUANTILES)."""

    quantity: Quantity
    percentile: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityCode:
    """A doubt about a number or a finding about a server, with its thresholds.

    The thresholds of a doubt are the values at which the number becomes suspect and invalid. A finding is raised at the
    threshold ``suspect``, and has no other.
    """

    name: str
    meaning: str
    advice: str
    short: str = ""  # one flag, as tables and charts show it; ``{}`` is the place of the value
    suspect: float
    invalid: float | None = None  # None: this code alone never makes a number invalid
    low_is_bad: bool = False
    format: str = "{:.3g}"  # of the value in a CSV cell; empty for a code that has no value
    transient: bool = False  # varies between blocks, mostly with the machine: see Thresholds.verdict_of_blocks
    is_finding: bool = False
    concerns: frozenset[Quantity] = ALL_QUANTITIES  # the numbers that a doubt is about
    of_percentile: bool = False  # each percentile has a value of its own: LATE_SENDS@p99
    # The thresholds are shares of the requests beyond the percentile: what hits one request in a thousand moves one
    # request in five hundred below the median, and one in ten beyond the 99th percentile.
    of_tail: bool = False

    def verdict(self, value: float, percentile: str = "") -> str:
        """Return the verdict that a value leads to. percentile: that the verdict is about, if it is about one."""
        if self.is_finding:
            return VALID
        sign = -1 if self.low_is_bad else 1
        share = self._share_beyond(percentile)
        if share and self.invalid is not None and sign * value > sign * share * self.invalid:
            return INVALID
        return SUSPECT if sign * value > sign * share * self.suspect else VALID

    def is_raised(self, value: float, percentile: str = "") -> bool:
        """Return whether a value passes the first threshold."""
        sign = -1 if self.low_is_bad else 1
        return sign * value > sign * self._share_beyond(percentile) * self.suspect

    def _share_beyond(self, percentile: str) -> float:
        """Return the factor of the thresholds. It is 0 for the maximum, which a single request decides."""
        return 1 - QUANTILES[percentile] if self.of_tail and percentile in QUANTILES else 1.0


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """A code that was raised, with the value that raised it.

    The value of a code without one is 1.
    """

    code: QualityCode
    value: float = 1.0
    percentile: str = ""  # the only percentile that the flag is about, a key of QUANTILES

    def __str__(self) -> str:
        """Return the flag as a CSV cell shows it: ``LOSS=0.043%``, ``LATE_SENDS@p99=0.21%``."""
        return f"{self.name}={self.figure}" if self.code.format else self.name

    @property
    def name(self) -> str:
        """The code with its percentile: ``LATE_SENDS@p99``."""
        return f"{self.code.name}@{self.percentile}" if self.percentile else self.code.name

    @property
    def figure(self) -> str:
        """The value in the code's own format; empty for a code without a value."""
        return self.code.format.format(self.value)

    @property
    def description(self) -> str:
        """The flag in words, with its code: ``generator preempted 2.1% of the time (RUN_DELAY)``."""
        return f"{self.short_description} ({self.name})" if self.code.short else str(self)

    @property
    def short_description(self) -> str:
        """The flag in words, without its code: ``generator preempted 2.1% of the time``."""
        return _SINGULAR.sub("1 connection", self.code.short.format(self.figure)) or self.figure

    @property
    def worst_description(self) -> str:
        """The flag as the worst of several: ``generator preempted up to 2.1% of the time``."""
        extreme = "only" if self.code.low_is_bad else "up to"
        return self.code.short.format(f"{extreme} {self.figure}") or self.figure

    def concerns(self, figure: Figure) -> bool:
        """Return whether the flag is about a figure."""
        return figure.quantity in self.code.concerns and self.percentile in ("", figure.percentile)

    @property
    def concerns_row(self) -> bool:
        """Return whether the flag is about more of a row than a single percentile or the costs."""
        return not self.percentile and not self.code.concerns <= COSTS

    @property
    def badness(self) -> float:
        """A number that grows as the value gets worse."""
        return -self.value if self.code.low_is_bad else self.value


class Thresholds:
    """The codes of a catalogue with the thresholds to judge by.

    changes: thresholds that replace the catalogue's, by code: [suspect] or [suspect, invalid]. Raises ValueError.
    """

    def __init__(
        self, catalogue: Mapping[str, QualityCode], changes: Mapping[str, Sequence[float]] | None = None
    ) -> None:
        self._catalogue = catalogue
        self.codes = dict(catalogue)
        for name, limits in (changes or {}).items():
            self.codes[name] = _with_limits(catalogue, name, limits)

    def flag(self, name: str, value: float = 1.0, percentile: str = "") -> QualityFlag:
        """Return a flag of a code in the catalogue. percentile: the only one that it is about."""
        return QualityFlag(self.codes[name], value, percentile)

    def raise_flags(self, values: Mapping[str, float]) -> list[QualityFlag]:
        """Return a flag for each value that passes a threshold.

        values: by code, or by code and percentile (``LATE_SENDS@p99``). The flags are in the order of the catalogue.
        nan raises nothing.
        """
        flags = [self._flag_of(name, value) for name, value in values.items()]
        return self.merge(flag for flag in flags if flag.code.is_raised(flag.value, flag.percentile))

    def verdict(self, flag: QualityFlag, figure: Figure | None = None) -> str:
        """Return the verdict that one flag leads to.

        figure: that the verdict is about; without it, the percentile of the flag. A finding leads to ``valid``.
        """
        percentile = flag.percentile or (figure.percentile if figure else "")
        return self.codes.get(flag.code.name, flag.code).verdict(flag.value, percentile)

    def worst(self, flags: Iterable[QualityFlag], figure: Figure | None = None) -> str:
        """Return the verdict on a figure, or on a whole row of figures.

        A flag about a single percentile, or about costs alone, does not count for the row: the other figures are not
        worse for it.
        """
        if figure is None:
            return worst_verdict(self.verdict(flag) for flag in flags if flag.concerns_row)
        return worst_verdict(self.verdict(flag, figure) for flag in flags if flag.concerns(figure))

    def verdict_of_blocks(self, blocks: Sequence[Sequence[QualityFlag]], figure: Figure) -> str:
        """Return the verdict on a figure that is the median of several blocks.

        blocks: the flags of each, an empty list for none. The worst flag decides. A transient code is milder, since the
        median comes from the blocks that it missed: below half of the blocks it leaves the median valid, or suspect
        where it made a block invalid.
        """
        flags = [flag for of_block in blocks for flag in of_block if flag.concerns(figure)]
        verdicts = [self.verdict(flag, figure) for flag in flags if not flag.code.transient]
        transient: dict[str, list[str]] = {}
        for flag in (flag for flag in flags if flag.code.transient):
            if (verdict := self.verdict(flag, figure)) != VALID:
                transient.setdefault(flag.code.name, []).append(verdict)
        for of_code in transient.values():
            invalid_blocks = of_code.count(INVALID)
            if 2 * invalid_blocks >= len(blocks):
                verdicts.append(INVALID)
            elif invalid_blocks or 2 * len(of_code) >= len(blocks):
                verdicts.append(SUSPECT)
        return worst_verdict(verdicts)

    def findings_of_blocks(self, blocks: Sequence[Sequence[QualityFlag]]) -> list[QualityFlag]:
        """Return the findings of several blocks, each with its worst value.

        A transient one counts only if at least half of the blocks have it: else the machine may have caused it.
        """
        found = [flag for of_block in blocks for flag in of_block if flag.code.is_finding]
        counts = Counter(flag.code.name for flag in found)
        return self.merge(
            flag for flag in found if not flag.code.transient or 2 * counts[flag.code.name] >= len(blocks)
        )

    def merge(self, flags: Iterable[QualityFlag]) -> list[QualityFlag]:
        """Return each code once, or once for each of its percentiles, with its worst value.

        The flags are in the order of the catalogue; unknown codes come last.
        """
        worst: dict[str, QualityFlag] = {}
        for flag in flags:
            if flag.name not in worst or flag.badness > worst[flag.name].badness:
                worst[flag.name] = flag
        order = {name: position for position, name in enumerate(self.codes)}
        return sorted(
            worst.values(),
            key=lambda flag: (order.get(flag.code.name, len(order)), QUANTILES.get(flag.percentile, 0.0)),
        )

    def parse(self, cell: str) -> list[QualityFlag]:
        """Return the flags of a CSV cell.

        A cell lists codes separated by spaces, each with its value if it has one.
        """
        return [self._parse_flag(text) for text in cell.split()]

    def changed(self) -> list[str]:
        """Describe each threshold that differs from the catalogue's, one line each."""
        return [
            f"{name}: {_limits_text(code)} (default: {_limits_text(default)})"
            for name, code in self.codes.items()
            if code != (default := self._catalogue[name])
        ]

    def _flag_of(self, full_name: str, value: float) -> QualityFlag:
        name, percentile = _split_name(full_name)
        return self.flag(name, value, percentile)

    def _parse_flag(self, text: str) -> QualityFlag:
        full_name, _, figure = text.partition("=")
        name, percentile = _split_name(full_name)
        code = self.codes.get(name)
        if code is None:
            name, percentile, code = full_name, "", _unknown_code(full_name, figure)
        return QualityFlag(code, _parse_figure(figure) if figure else 1.0, percentile)


def format_flags(flags: Iterable[QualityFlag]) -> str:
    """Return flags as a CSV cell: ``RUN_DELAY=2.1% LOSS=0.043%``."""
    return " ".join(map(str, flags))


def describe_flags(flags: Iterable[QualityFlag]) -> str:
    """Return flags as text for people: each finding with its code, separated by commas."""
    return ", ".join(flag.description for flag in flags)


def worst_verdict(verdicts: Iterable[str]) -> str:
    """Return the worst of several verdicts; ``valid`` for none.

    An empty verdict counts as valid.
    """
    return max(verdicts, key=lambda verdict: SEVERITY.get(verdict, 0), default=VALID) or VALID


def doubts(flags: Iterable[QualityFlag]) -> list[QualityFlag]:
    """Return the flags that are doubts about a number."""
    return [flag for flag in flags if not flag.code.is_finding]


def findings(flags: Iterable[QualityFlag]) -> list[QualityFlag]:
    """Return the flags that are findings about a server."""
    return [flag for flag in flags if flag.code.is_finding]


def _split_name(name: str) -> tuple[str, str]:
    """Return code and percentile of a name such as ``LATE_SENDS@p99``."""
    code, _, percentile = name.partition("@")
    return code, percentile


def _with_limits(catalogue: Mapping[str, QualityCode], name: str, limits: Sequence[float]) -> QualityCode:
    if name not in catalogue:
        raise ValueError(f"thresholds: {name!r} is not a quality code; the codes are {', '.join(catalogue)}")
    if len(limits) not in (1, 2):
        raise ValueError(f"thresholds: {name} = {list(limits)} must be [suspect] or [suspect, invalid]")
    invalid = limits[1] if len(limits) == 2 else catalogue[name].invalid
    return replace(catalogue[name], suspect=limits[0], invalid=invalid)


def _unknown_code(name: str, figure: str) -> QualityCode:
    """Return a stand-in for a code that another version wrote.

    It is always suspect, and printed as it was read.
    """
    literal = figure.replace("{", "{{").replace("}", "}}")
    return QualityCode(
        name=name, meaning="", advice="not known to this version of holabench", suspect=-math.inf, format=literal
    )


def _parse_figure(figure: str) -> float:
    try:
        return float(figure[:-1]) / 100 if figure.endswith("%") else float(figure)
    except ValueError:
        return 0.0


def _limits_text(code: QualityCode) -> str:
    if code.is_finding:
        return f"{code.suspect:g}"
    return f"suspect {code.suspect:g}, invalid {'never' if code.invalid is None else f'{code.invalid:g}'}"
