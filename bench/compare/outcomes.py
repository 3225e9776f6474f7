"""The ratios of one metric of one case in two runs, and the conclusion that they allow. Pure."""

import math
from dataclasses import dataclass

from bench.analysis.cases import CaseKey
from bench.analysis.comparisons import conclude
from bench.analysis.statistics import UNKNOWN, LogRatio
from bench.analysis.unpaired import UnpairedRatio
from bench.compare.anchors import Anchors
from bench.compare.machine_drift import MachineDrift
from bench.compare.run_values import MAX_RATE, MetricValues
from bench.schema.conclusions import Conclusion
from bench.schema.metrics import METRICS


@dataclass(frozen=True, slots=True)
class CaseTest:
    """One metric of one case, in both runs."""

    case: CaseKey
    metric: str
    before: MetricValues
    after: MetricValues
    anchors: Anchors
    drift: MachineDrift | None
    same_program: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """The ratios of a test, and the conclusion."""

    ratio: float
    low: float
    high: float
    relative: LogRatio
    bounds: tuple[float, float]
    conclusion: Conclusion
    detectable_share: float


def block_outcome(test: CaseTest, raw: UnpairedRatio, relative: UnpairedRatio | None) -> Outcome:
    """Return the outcome of a metric that blocks measure.

    ratio, low and high are those of the values. The conclusion, the bounds and the detectable change are about the
    ratio to the anchors, if that is known. They allow for what the machine's drift alone could have done.
    """
    change, detectable = raw.interval, raw.detectable_log_change
    judged, allowance = change, 1.0
    is_anchored = relative is not None and not math.isnan(relative.interval.ratio) and not math.isnan(change.ratio)
    if relative is not None and is_anchored:
        judged, detectable = relative.interval, relative.detectable_log_change
        if test.drift:
            judged, allowance = test.drift.beyond_drift(judged), test.drift.allowance
    return Outcome(
        ratio=test.after.median / test.before.median if math.isnan(change.ratio) else change.ratio,
        low=change.low,
        high=change.high,
        relative=relative.interval if relative is not None and is_anchored else UNKNOWN,
        bounds=(judged.low90, judged.high90),
        conclusion=conclude(test.metric, judged),
        detectable_share=math.expm1(detectable + math.log(allowance)),
    )


def search_outcome(test: CaseTest) -> Outcome:
    """Return the outcome of two searches.

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
    widths = [values.bounds[1] / values.bounds[0] for values in (before, after)]
    return Outcome(
        ratio=after.median / before.median,
        low=low,
        high=high,
        relative=UNKNOWN,
        bounds=(low if _is_as_strict(after, before) else 0.0, high if _is_as_strict(before, after) else math.inf),
        conclusion=conclusion,
        detectable_share=math.prod(widths) - 1,  # the bounds of the two runs cannot overlap after such a change
    )


def _is_as_strict(values: MetricValues, others: MetricValues) -> bool:
    """Return whether an objective is at least as strict as another."""
    return all(limit <= other for limit, other in zip(values.objective, others.objective, strict=True))
