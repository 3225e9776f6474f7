"""The drift of the machine between two runs, measured by the baseline. Pure.

The baseline is the same compiled server in both runs, so a change of it is a change of the machine.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bench.analysis.cases import CaseKey
from bench.analysis.statistics import LogRatio
from bench.analysis.unpaired import unpaired_ratio
from bench.compare.anchors import INDEPENDENT_METRICS
from bench.compare.run_values import MetricValues, RunValues
from bench.schema.arms import BASELINE_MODEL, Arm
from clients.quality_codes import Thresholds, worst_verdict

# A model may drift farther than the baseline, by this share of the baseline's drift in logarithms (docs/statistics.md).
MODEL_EXTRA_DRIFT = 0.5


@dataclass(frozen=True, slots=True)
class MachineDrift:
    """The change of the baseline between two runs, for one metric at one load point."""

    ratio: float  # of the baseline
    share: float  # size of the change; 0 if it is not a significant difference

    def verdict(self, thresholds: Iterable[Thresholds]) -> str:
        """Return the verdict of the drift: the worst by the thresholds of either run."""
        return worst_verdict(each.verdict(each.flag("MACHINE_DRIFT", self.share)) for each in thresholds)

    def beyond_drift(self, relative: LogRatio) -> LogRatio:
        """Return the intervals of a relative change, widened by what the drift alone could have done to an arm.

        relative: the change relative to the anchors.
        """
        return replace(
            relative,
            low=relative.low / self.allowance,
            high=relative.high * self.allowance,
            low90=relative.low90 / self.allowance,
            high90=relative.high90 * self.allowance,
        )

    @property
    def allowance(self) -> float:
        """The ratio by which a model may drift farther than its anchors."""
        return float((1 + self.share) ** MODEL_EXTRA_DRIFT)


def machine_drifts(
    before: RunValues, after: RunValues, compared: Iterable[CaseKey], metric: str
) -> Mapping[CaseKey, MachineDrift]:
    """Return the drift at each compared case.

    Baselines have none, nor do cases at whose load point no baseline was measured in both runs.

    There is only one machine. So the drift at a load point is taken to be at least the median over all load points.
    """
    if metric in INDEPENDENT_METRICS:
        return {}
    cases = list(compared)
    baseline_of = {case: _baseline_case(case) for case in cases if not Arm.parse(case.arm).is_baseline}
    drifts = {}
    for baseline in dict.fromkeys(baseline_of.values()):
        of_before, of_after = (run.cases.get(baseline, {}).get(metric) for run in (before, after))
        drift = _drift(of_before, of_after, len(cases))
        if drift is not None:
            drifts[baseline] = drift
    if not drifts:
        return {}
    usual_share = statistics.median(drift.share for drift in drifts.values())
    return {
        case: replace(drifts[baseline], share=max(drifts[baseline].share, usual_share))
        for case, baseline in baseline_of.items()
        if baseline in drifts
    }


def _baseline_case(case: CaseKey) -> CaseKey:
    return CaseKey(Arm(BASELINE_MODEL, Arm.parse(case.arm).transport).name, case.load_point)


def _drift(before: MetricValues | None, after: MetricValues | None, tests: int) -> MachineDrift | None:
    """Return the drift of a baseline; None if it was measured in too few blocks."""
    if before is None or after is None or not before.is_comparable or not after.is_comparable:
        return None
    finite_before, finite_after = ([log for log in each.logs if math.isfinite(log)] for each in (before, after))
    change = unpaired_ratio(finite_before, finite_after, tests).interval
    if math.isnan(change.ratio):
        return None
    share = math.expm1(abs(math.log(change.ratio))) if change.excludes_one else 0.0
    return MachineDrift(change.ratio, share)
