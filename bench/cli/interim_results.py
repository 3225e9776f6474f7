"""Interim results while a run is in progress: a first ranking, sparklines and warnings. Pure."""

import functools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.escaping import visible
from bench.experiment.block import MAX_RUN_DELAY_SHARE
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.schema.arms import Arm
from bench.schema.csv_schema import SliceRow, TrialRow
from bench.schema.load_points import LoadPoint
from clients.quality_codes import Thresholds, describe_flags, worst_verdict

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


@dataclass(slots=True)
class InterimResults:
    """One figure of each arm's slices so far, by block, and the warnings so far.

    The figure is the one in which the arms differ: requests or sessions per second. In an open loop, where the plan
    sets these, it is the CPU time per request.
    """

    thresholds: Thresholds  # of the plan
    figures: dict[tuple[LoadPoint, str], dict[int, list[float]]] = field(default_factory=dict)
    delayed_slices: int = 0  # in which the generator was preempted
    repeated_rounds: int = 0  # that were disturbed
    _reported: set[tuple[str, ...]] = field(default_factory=set)

    def add_slice(self, event: SliceFinished) -> None:
        """Add one slice."""
        row = event.row
        blocks = self.figures.setdefault((load_point_of(event), row.arm), {})
        blocks.setdefault(event.block, []).append(_figure(row))
        self.delayed_slices += row.run_delay_share > MAX_RUN_DELAY_SHARE

    def add_case(self, event: CaseFinished) -> list[str]:
        """Add a finished case; return a line for each failure and each quality code that is new for its arm."""
        self.repeated_rounds += event.disturbed
        return [line for trial in event.trials if (line := self._warning(trial))]

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

    def _warning(self, trial: TrialRow) -> str:
        load = str(LoadPoint.of(trial.scenario, trial.connections, trial.message_bytes))
        subject = f"{Arm.parse(trial.arm).display_name} in {load}"
        if trial.status == "failed":
            is_new = self._report_once(trial.arm, load)
            return f"{subject}: failed: {_shorten(trial.reason)}" if is_new else ""
        raised = [(flag, self.thresholds.verdict(flag)) for flag in self.thresholds.parse(trial.codes)]
        new = [
            (flag, verdict)
            for flag, verdict in raised
            if verdict != "valid" and self._report_once(trial.arm, flag.code.name, verdict)
        ]
        if not new:
            return ""
        verdict = worst_verdict(verdict for _, verdict in new)
        return f"{subject}: {verdict}: {describe_flags(flag for flag, _ in new)}"

    def _report_once(self, *key: str) -> bool:
        """Return whether this is new, and remember it."""
        is_new = key not in self._reported
        self._reported.add(key)
        return is_new


def load_point_of(event: SliceFinished) -> LoadPoint:
    """Return the load point of a slice."""
    return LoadPoint.of(event.scenario, event.connections, event.row.message_bytes)


def ranking_heading(row: SliceRow) -> str:
    """Return the figure that the arms are ranked by."""
    if row.rate_rps is not None:
        return "CPU µs per request, lowest first"
    return "requests/s" if row.sessions_per_s is None else "sessions/s"


def _figure(row: SliceRow) -> float:
    """Return the figure of a slice; nan if it has none."""
    if row.rate_rps is not None:
        return row.server_cpu_us / row.answered if row.answered else math.nan
    return row.throughput_rps if row.sessions_per_s is None else row.sessions_per_s


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


def _shorten(reason: str) -> str:
    line = visible(reason)
    return line if len(line) <= _MAX_REASON_LENGTH else f"{line[: _MAX_REASON_LENGTH - 4]} ..."
