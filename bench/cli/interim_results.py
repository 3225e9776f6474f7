"""Interim results while a run is in progress: a first ranking, sparklines and warnings. Pure."""

import functools
import math
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from bench.escaping import visible
from bench.experiment.block import MAX_RUN_DELAY_SHARE
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.csv_schema import SliceRow, TrialRow
from bench.schema.load_points import LoadPoint
from bench.schema.quality_words import full_text
from bench.translation import gettext, ngettext, translate_line
from clients.quality_codes import SEVERITY, Thresholds

_BARS = "▁▂▃▄▅▆▇█"
_SPARKLINE_SLICES = 24
_MIN_BLOCKS = 3  # for an interval: that of two values is 12.7 standard errors wide
_MAX_REASON_LENGTH = 160  # characters of a failure's reason


@dataclass(frozen=True, slots=True)
class RankedArm:
    """One arm in the first ranking."""

    arm: str
    median: float
    half_width: float  # of the 95% interval; nan if there are few blocks


@dataclass(frozen=True, slots=True)
class Notice:
    """A line about a trial."""

    text: str
    is_finding: bool = False  # about the server; else a reason for doubt, or a failure


@dataclass(slots=True)
class InterimResults:
    """One figure of each arm's slices so far, by block, and the warnings so far.

    The figure is the one in which the arms differ: requests or sessions per second. In an open loop, where the plan
    sets these, it is the CPU time per request, or with populations the median latency of the first.
    """

    thresholds: Thresholds  # of the plan
    figures: dict[tuple[LoadPoint, str], dict[int, list[float]]] = field(default_factory=dict)
    delayed_slices: int = 0  # in which the generator was preempted
    repeated_rounds: int = 0  # that were disturbed
    _trials_with: Counter[str] = field(default_factory=Counter)  # trials by quality code, and those that failed
    _reported: set[str] = field(default_factory=set)

    def add_slice(self, event: SliceFinished) -> None:
        """Add one slice."""
        row = event.row
        blocks = self.figures.setdefault((load_point_of(event), row.arm), {})
        blocks.setdefault(event.block, []).append(_figure(row))
        self.delayed_slices += row.run_delay_share > MAX_RUN_DELAY_SHARE

    def add_case(self, event: CaseFinished) -> list[Notice]:
        """Add a finished case; return what is new in the run: its first trial with a code, an arm that failed."""
        self.repeated_rounds += event.disturbed
        return [notice for trial in event.trials for notice in self._notices(trial)]

    def counts(self) -> str:
        """Return how many trials had each code, or failed, and how many rounds were repeated; empty for none."""
        parts = [
            gettext("{name} in {trials}", name=name, trials=ngettext("{count} trial", "{count} trials", count))
            for name, count in self._trials_with.most_common()
        ]
        if parts:
            parts[-1] += gettext("; the report lists all of them")
        parts += [repeated_rounds(self.repeated_rounds)] if self.repeated_rounds else []
        return ", ".join(parts)

    def ranking(self, load: LoadPoint, transport: str, *, lowest_first: bool = False) -> list[RankedArm]:
        """Return the arms of a transport, best first. Arms without a figure come last."""
        ranked = []
        for (point, name), blocks in self.figures.items():
            arm = Arm.parse(name)
            if point == load and arm.transport == transport and not arm.control:
                medians = [statistics.median(figures) for figures in blocks.values()]
                ranked.append(RankedArm(name, statistics.median(medians), _half_width(medians)))
        sign = 1 if lowest_first else -1
        return sorted(ranked, key=lambda ranked_arm: (math.isnan(ranked_arm.median), sign * ranked_arm.median))

    def sparkline(self, load: LoadPoint, arm: str) -> str:
        """Return the last slices of an arm as bars between zero and the highest."""
        blocks = self.figures.get((load, arm), {})
        values = [figure for figures in blocks.values() for figure in figures][-_SPARKLINE_SLICES:]
        highest = max((value for value in values if not math.isnan(value)), default=0.0)
        if highest <= 0:
            return ""
        return "".join(" " if math.isnan(value) else _BARS[min(7, int(8 * value / highest))] for value in values)

    def _notices(self, trial: TrialRow) -> Iterator[Notice]:
        load = str(LoadPoint.of(trial.scenario, trial.connections, trial.message_bytes, trial.population, trial.phase))
        subject = gettext("{display_name} in {load}", display_name=Arm.parse(trial.arm).display_name, load=load)
        if trial.status == "failed":
            self._trials_with["failed"] += 1
            if self._is_new(f"failed {trial.arm}"):
                yield Notice(gettext("{subject}: failed: {reason}", subject=subject, reason=_shorten(trial.reason)))
        parsed = self.thresholds.parse(f"{trial.codes} {trial.findings}")
        flags = [flag for flag in parsed if flag.code.is_raised(flag.value, flag.percentile)]
        for code, of_code in groupby(flags, key=lambda flag: flag.code):
            self._trials_with[code.name] += 1
            # One block does not show whether a transient finding is the server's: see Thresholds.findings_of_blocks.
            if not (code.is_finding and code.transient) and self._is_new(code.name):
                worst = max(of_code, key=lambda flag: (SEVERITY[self.thresholds.verdict(flag)], flag.badness))
                verdict = "" if worst.code.is_finding else f"{in_words(self.thresholds.verdict(worst))}: "
                yield Notice(f"{subject}: {verdict}{full_text(worst)}", worst.code.is_finding)

    def _is_new(self, kind: str) -> bool:
        """Return whether this kind of warning is new, and remember it."""
        is_new = kind not in self._reported
        self._reported.add(kind)
        return is_new


def load_point_of(event: SliceFinished) -> LoadPoint:
    """Return the load point of a slice; with populations, of the population that the scenario asks about."""
    row = event.row
    return LoadPoint.of(event.scenario, event.connections, row.message_bytes, row.population, row.phase)


def ranking_heading(row: SliceRow) -> str:
    """Return the figure that the arms are ranked by."""
    if row.population and row.rate_rps is not None:
        return gettext("median latency of {population}, µs, lowest first", population=row.population)
    if row.rate_rps is not None:
        return gettext("CPU µs per request, lowest first")
    return gettext("requests/s") if row.sessions_per_s is None else gettext("sessions/s")


def _figure(row: SliceRow) -> float:
    """Return the figure of a slice; nan if it has none."""
    if row.population and row.rate_rps is not None:
        return math.nan if row.latency_p50_us is None else row.latency_p50_us
    if row.rate_rps is not None:
        return row.server_cpu_us / row.answered if row.answered and row.server_cpu_us is not None else math.nan
    figure = row.throughput_rps if row.sessions_per_s is None else row.sessions_per_s
    return math.nan if figure is None else figure


def _half_width(values: Sequence[float]) -> float:
    """Return the half-width of Student's 95% interval of the mean; nan for few values."""
    if len(values) < _MIN_BLOCKS:
        return math.nan
    return _student_quantile(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


@functools.cache
def _student_quantile(degrees_of_freedom: int) -> float:
    """Return Student's quantile for a 95% interval."""
    from scipy import special  # a run has loaded it before the first block; other commands need not

    return float(special.stdtrit(degrees_of_freedom, 0.975))


def repeated_rounds(count: int) -> str:
    """Return how many rounds were repeated, and why."""
    return gettext(
        "{rounds} repeated because of interference from other processes",
        rounds=ngettext("{count} round", "{count} rounds", count),
    )


def _shorten(reason: str) -> str:
    line = visible(translate_line(reason))
    return line if len(line) <= _MAX_REASON_LENGTH else f"{line[: _MAX_REASON_LENGTH - 4]} ..."
