"""Quality codes and the verdicts that they lead to.

A trial raises a *flag* when a measured value passes the threshold of a *code*; its worst flag decides its *verdict*:
valid, suspect or invalid. ``clients.quality_catalogue`` lists the codes. Pure, and without imports of the generator,
so that bench uses the same table.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

VALID, SUSPECT, INVALID = "valid", "suspect", "invalid"
SEVERITY = {VALID: 0, SUSPECT: 1, INVALID: 2}
MIN_SAMPLES_BEYOND = 10  # a percentile with fewer samples beyond it is not printed


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityCode:
    """A reason not to trust a number, with its thresholds.

    They are the values at which the number becomes suspect and invalid.
    """

    name: str
    meaning: str
    advice: str
    short: str = ""  # one finding, as tables and charts show it; ``{}`` is the place of the value
    suspect: float
    invalid: float | None = None  # None: this code alone never makes a row invalid
    low_is_bad: bool = False
    format: str = "{:.3g}"  # of the value in a CSV cell; empty for a code that has no value
    transient: bool = False  # varies between blocks, mostly with the machine: see Thresholds.verdict_of_blocks
    concerns_costs: bool = True  # whether it casts doubt on CPU time and memory, too
    concerns_rates: bool = True  # whether it casts doubt on rates and times, and so on a whole trial

    def verdict(self, value: float) -> str:
        """Return the verdict that a value leads to."""
        sign = -1 if self.low_is_bad else 1
        if self.invalid is not None and sign * value > sign * self.invalid:
            return INVALID
        return SUSPECT if sign * value > sign * self.suspect else VALID


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """A code that was raised, with the value that raised it.

    The value of a code without one is 1.
    """

    code: QualityCode
    value: float = 1.0

    def __str__(self) -> str:
        """Return the flag as a CSV cell shows it: ``LOSS=0.043%``."""
        return f"{self.code.name}={self.figure}" if self.code.format else self.code.name

    @property
    def figure(self) -> str:
        """The value in the code's own format; empty for a code without a value."""
        return self.code.format.format(self.value)

    @property
    def description(self) -> str:
        """The finding with its code: ``generator preempted 2.1% of the time (RUN_DELAY)``."""
        return f"{self.short_description} ({self.code.name})" if self.code.short else str(self)

    @property
    def short_description(self) -> str:
        """The finding without its code: ``generator preempted 2.1% of the time``."""
        return self.code.short.format(self.figure) or self.figure

    @property
    def worst_description(self) -> str:
        """The finding as the worst of several: ``generator preempted up to 2.1% of the time``."""
        extreme = "only" if self.code.low_is_bad else "up to"
        return self.code.short.format(f"{extreme} {self.figure}") or self.figure

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

    def flag(self, name: str, value: float = 1.0) -> QualityFlag:
        """Return a flag of a code in the catalogue."""
        return QualityFlag(self.codes[name], value)

    def raise_flags(self, values: Mapping[str, float]) -> list[QualityFlag]:
        """Return a flag for each value that is not valid.

        The flags are in the order of the catalogue. nan raises nothing.
        """
        flags = [self.flag(name, values[name]) for name in self.codes if name in values]
        return [flag for flag in flags if self.verdict(flag) != VALID]

    def verdict(self, flag: QualityFlag) -> str:
        """Return the verdict that one flag leads to."""
        return self.codes.get(flag.code.name, flag.code).verdict(flag.value)

    def worst(self, flags: Iterable[QualityFlag]) -> str:
        """Return the verdict that several flags lead to together."""
        return worst_verdict(self.verdict(flag) for flag in flags)

    def verdict_of_blocks(self, blocks: Sequence[Sequence[QualityFlag]]) -> str:
        """Return the verdict on the median of several blocks.

        blocks: the flags of each, an empty list for none. The worst flag decides. A transient code is milder, since the
        median comes from the blocks that it missed: below half of the blocks it leaves the median valid, or suspect
        where it made a block invalid.
        """
        verdicts = [self.verdict(flag) for flags in blocks for flag in flags if not flag.code.transient]
        transient: dict[str, list[str]] = {}
        for flag in (flag for flags in blocks for flag in flags if flag.code.transient):
            transient.setdefault(flag.code.name, []).append(self.verdict(flag))
        for of_code in transient.values():
            invalid_blocks = of_code.count(INVALID)
            if 2 * invalid_blocks >= len(blocks):
                verdicts.append(INVALID)
            elif invalid_blocks or 2 * len(of_code) >= len(blocks):
                verdicts.append(SUSPECT)
        return worst_verdict(verdicts)

    def merge(self, flags: Iterable[QualityFlag]) -> list[QualityFlag]:
        """Return each code once, with its worst value.

        The flags are in the order of the catalogue; unknown codes come last.
        """
        worst: dict[str, QualityFlag] = {}
        for flag in flags:
            name = flag.code.name
            if name not in worst or flag.badness > worst[name].badness:
                worst[name] = flag
        order = {name: position for position, name in enumerate(self.codes)}
        return sorted(worst.values(), key=lambda flag: order.get(flag.code.name, len(order)))

    def parse(self, cell: str) -> list[QualityFlag]:
        """Return the flags of a CSV cell.

        A cell lists codes separated by spaces, each with its value if it has one.
        """
        return [self._parse_flag(text) for text in cell.split()]

    def changed(self) -> list[str]:
        """Describe each threshold that differs from the catalogue's, one line each."""
        return [
            f"{name}: suspect {_limit_text(code.suspect)}, invalid {_limit_text(code.invalid)} "
            f"(default: {_limit_text(default.suspect)}, {_limit_text(default.invalid)})"
            for name, code in self.codes.items()
            if code != (default := self._catalogue[name])
        ]

    def _parse_flag(self, text: str) -> QualityFlag:
        name, _, figure = text.partition("=")
        code = self.codes.get(name) or _unknown_code(name, figure)
        return QualityFlag(code, _parse_figure(figure) if figure else 1.0)


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


def _limit_text(limit: float | None) -> str:
    return "never" if limit is None else f"{limit:g}"
