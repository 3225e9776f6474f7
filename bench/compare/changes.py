"""Changes between two runs: each arm at each load point, before and now. Pure.

Two runs have no common rounds, so their values contain whatever the machine did in the meantime. Their ratios to the
baseline, taken inside the rounds of each run, do not: where both runs have a baseline, the change of these ratios
decides. Otherwise the values themselves are compared.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from bench.analysis import statistics
from bench.analysis.cases import CaseKey
from bench.analysis.comparisons import conclude
from bench.compare.machine_drift import MachineDrift, machine_drifts
from bench.compare.run_values import COMPARED_METRICS, MAX_RATE, MetricValues, RunValues
from bench.schema.arms import Arm
from bench.schema.conclusions import Conclusion
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS
from clients.quality_codes import INVALID, Thresholds, worst_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one arm at one load point, in two runs."""

    arm: str
    scenario: str
    connections: int
    message_bytes: int
    population: str = ""
    phase: str = ""
    metric: str
    before: float
    now: float
    ratio: float
    low: float
    high: float
    conclusion: str
    verdict: str
    baseline_ratio: float = math.nan  # the same change of the baseline, i.e. of the machine; nan if unknown
    relative_ratio: float = math.nan  # change of the ratio to the baseline inside rounds
    relative_low: float = math.nan
    relative_high: float = math.nan
    detectable_share: float = math.nan  # smallest change that is detected (with 80% probability); nan if unknown
    kind: str = "unpaired"

    @property
    def load_point(self) -> LoadPoint:
        """The load point without its rate."""
        return LoadPoint(self.scenario, self.connections, self.message_bytes, self.population, self.phase)

    @property
    def judged_ratio(self) -> float:
        """The ratio that the conclusion is about: relative to the baseline if that is known."""
        return self.ratio if math.isnan(self.relative_ratio) else self.relative_ratio

    @property
    def is_judged(self) -> bool:
        """Return whether the values are not invalid and have an interval."""
        return self.verdict != INVALID and not math.isnan(self.low)


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Metrics of one arm at one load point that only the first run measured.

    The plan of the second run asks for them, too.
    """

    arm: str
    scenario: str
    connections: int
    message_bytes: int
    population: str = ""
    phase: str = ""
    metrics: tuple[str, ...]
    status: str  # failed, skipped, missing, or ok where only some metrics are missing
    reason: str
    kind: str = "missing"

    @property
    def load_point(self) -> LoadPoint:
        """The load point without its rate."""
        return LoadPoint(self.scenario, self.connections, self.message_bytes, self.population, self.phase)


@dataclass(frozen=True, slots=True)
class _Test:
    """One metric of one case, in both runs."""

    case: CaseKey
    metric: str
    before: MetricValues
    after: MetricValues
    drift: MachineDrift | None
    tests: int  # number of cases with this metric, which the intervals are corrected for


def changes(before: RunValues, after: RunValues) -> list[Change]:
    """Return the change of every metric of every case that both runs measured.

    The intervals of one metric hold for all its cases at once.
    """
    common = [case for case in before.cases if case in after.cases and not Arm.parse(case.arm).control]
    found = []
    for metric in COMPARED_METRICS:
        measured = [case for case in common if all(_is_comparable(run, case, metric) for run in (before, after))]
        drifts = machine_drifts(before, after, measured, metric)
        for case in measured:
            values = before.cases[case][metric], after.cases[case][metric]
            test = _Test(case, metric, *values, drifts.get(case), len(measured))
            found.append(_change(test, (before.thresholds, after.thresholds)))
    return sorted(found, key=_position)


def missing(before: RunValues, after: RunValues) -> list[Missing]:
    """Return what the second run planned but could not measure, unlike the first."""
    found = []
    for case, values in before.cases.items():
        metrics = [metric for metric in values if values[metric].is_comparable]
        if Arm.parse(case.arm).control or not metrics:
            continue
        if case in after.unmeasured:
            unmeasured = after.unmeasured[case]
            found.append(_missing(case, metrics, unmeasured.status, unmeasured.reason))
        elif case in after.cases:
            lost = [metric for metric in metrics if not _is_comparable(after, case, metric)]
            if lost:
                found.append(_missing(case, lost, "ok", _missing_reason(after.cases[case], lost)))
    return sorted(found, key=lambda item: (item.arm, *_position(item)))


def _position(item: Change | Missing) -> tuple[str, int, int, str, str, str]:
    """Return the place of a change among all: by load, then by server."""
    return item.scenario, item.message_bytes, item.connections, item.population, item.phase, item.arm


def only_in_one(before: RunValues, after: RunValues) -> tuple[list[str], list[str]]:
    """Return what only the first plan has, and what only the second has.

    Each is a list of arms and of load points.
    """
    return _only_in(before.planned, after.planned), _only_in(after.planned, before.planned)


def _only_in(cases: Collection[CaseKey], others: Collection[CaseKey]) -> list[str]:
    arms = {case.arm for case in cases} - {case.arm for case in others}
    load_points = {case.load_point for case in cases} - {case.load_point for case in others}
    return [*sorted(arms), *(str(load_point) for load_point in sorted(load_points))]


def _is_comparable(run: RunValues, case: CaseKey, metric: str) -> bool:
    values = run.cases[case].get(metric)
    return values is not None and values.is_comparable


def _missing(case: CaseKey, metrics: Iterable[str], status: str, reason: str) -> Missing:
    return Missing(
        arm=case.arm,
        **case.load_point.planned_cells,
        metrics=tuple(metrics),
        status=status,
        reason=reason,
    )


def _missing_reason(values: Mapping[str, MetricValues], metrics: Iterable[str]) -> str:
    medians = [values[metric].median for metric in metrics if metric in values]
    if 0 in medians:
        return "nothing was served"
    return "the median is infinite: requests were lost" if medians else "no block has a value"


def _change(test: _Test, thresholds: tuple[Thresholds, Thresholds]) -> Change:
    verdicts = [test.before.verdict, test.after.verdict]
    if test.drift:
        verdicts.append(test.drift.verdict(thresholds))
    verdict = worst_verdict(verdicts)
    ratio, low, high, conclusion = _search_change(test) if test.metric == MAX_RATE else _block_change(test)
    relative = _relative_change(test)
    return Change(
        arm=test.case.arm,
        **test.case.load_point.planned_cells,
        metric=test.metric,
        before=test.before.median,
        now=test.after.median,
        ratio=ratio,
        low=low,
        high=high,
        conclusion=(Conclusion.INCONCLUSIVE if verdict == INVALID else conclusion).value,
        verdict=verdict,
        baseline_ratio=test.drift.ratio if test.drift else math.nan,
        relative_ratio=relative.ratio,
        relative_low=relative.low,
        relative_high=relative.high,
        detectable_share=_detectable_share(test),
    )


def _block_change(test: _Test) -> tuple[float, float, float, Conclusion]:
    """Return ratio, interval and conclusion of a metric that blocks measure.

    The ratio and its interval are those of the values; the conclusion is about the ratio to the baseline.
    """
    change = statistics.unpaired_ratio(test.before.logs, test.after.logs, test.tests)
    relative = _relative_change(test)
    judged = change if test.drift is None or math.isnan(relative.ratio) else test.drift.beyond_drift(relative)
    conclusion = conclude(test.metric, judged)
    ratio = test.after.median / test.before.median if math.isnan(change.ratio) else change.ratio
    return ratio, change.low, change.high, conclusion


def _relative_change(test: _Test) -> statistics.LogRatio:
    if test.drift is None:
        return statistics.UNKNOWN
    return test.drift.relative_change(test.before, test.after, test.tests)


def _detectable_share(test: _Test) -> float:
    """Return the smallest change that is detected.

    In blocks: the change that the interval of the deciding ratio, and the allowance for the drift of the machine, let
    through with 80% probability. In searches: the change after which the bounds of the two runs cannot overlap.
    """
    if test.metric == MAX_RATE:
        widths = [values.bounds[1] / values.bounds[0] for values in (test.before, test.after)]
        return math.prod(widths) - 1
    if test.drift is not None and not math.isnan(_relative_change(test).ratio):
        return math.expm1(test.drift.detectable_log_change(test.before, test.after, test.tests))
    return math.expm1(statistics.detectable_log_change(test.before.logs, test.after.logs, test.tests))


def _search_change(test: _Test) -> tuple[float, float, float, Conclusion]:
    """Return ratio, bounds and conclusion of two searches.

    Their bounds are not confidence intervals, and each run has only one search. So two searches differ only if the
    bounds of one lie entirely above those of the other. A looser objective alone raises the rate: if the objectives
    differ, only a difference that they cannot explain counts.
    """
    before, after = test.before, test.after
    low, high = after.bounds[0] / before.bounds[1], after.bounds[1] / before.bounds[0]
    conclusion = Conclusion.INCONCLUSIVE
    if low > 1 and _is_as_strict(after, before):
        conclusion = METRICS[MAX_RATE].conclusion(low)
    elif high < 1 and _is_as_strict(before, after):
        conclusion = METRICS[MAX_RATE].conclusion(high)
    return after.median / before.median, low, high, conclusion


def _is_as_strict(values: MetricValues, others: MetricValues) -> bool:
    """Return whether an objective is at least as strict as another."""
    return all(limit <= other for limit, other in zip(values.objective, others.objective, strict=True))
