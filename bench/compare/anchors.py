"""The arms that other arms are divided by inside the rounds of two runs. Pure.

An anchor is the same program in both runs, so a change of it is a change of the machine. The ratio of an arm to its
anchors therefore contains the change of the arm, and hardly that of the machine.
"""

from collections.abc import Collection
from dataclasses import dataclass

from bench.analysis.cases import CaseKey
from bench.compare.run_values import MAX_RATE, RunValues
from bench.schema.arms import BASELINE_MODEL, Arm

# Memory does not depend on the machine's speed, and no rate is searched for the baseline.
INDEPENDENT_METRICS = {MAX_RATE, "memory_mb"}
MIN_MODELS = 2  # a single model varies as much as the baseline between blocks; the mean of several varies less
_MIN_SHARED_ROUNDS = 0.5  # of the arm's rounds: the baseline has a slice in every third round


@dataclass(frozen=True, slots=True)
class Anchors:
    """The anchors of one arm at one load point."""

    arms: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.arms)

    def __str__(self) -> str:
        """Return ``native`` or ``the models``."""
        if not self.arms:
            return ""
        return BASELINE_MODEL if Arm.parse(self.arms[0]).is_baseline else "the models"


def is_anchor(arm: str, same_programs: Collection[str]) -> bool:
    """Return whether an arm is the same program in both runs: the baseline, or a model that did not change.

    same_programs: labels of models that are the same program in both runs.
    """
    parsed = Arm.parse(arm)
    return parsed.is_baseline or parsed.label in same_programs


def find_anchors(
    before: RunValues, after: RunValues, case: CaseKey, metric: str, same_programs: Collection[str]
) -> Anchors:
    """Return the anchors of a case: the models that did not change, or else the baseline.

    The mean of several models varies less than the baseline: each has a slice in every round, and reacts to a busy
    machine as other interpreted servers do. For halves of the reference run, the median detectable change of CPU time
    was 13.1% relative to the baseline and 6.9% relative to the other models of the transport.
    """
    if metric in INDEPENDENT_METRICS or Arm.parse(case.arm).is_baseline:
        return Anchors()
    arm = Arm.parse(case.arm)
    models = [Arm(label, arm.transport).name for label in sorted(same_programs) if label != arm.label]
    usable = [name for name in models if _is_usable(before, after, case, metric, name, _MIN_SHARED_ROUNDS)]
    if len(usable) >= MIN_MODELS:
        return Anchors(tuple(usable))
    baseline = Arm(BASELINE_MODEL, arm.transport).name
    return Anchors((baseline,)) if _is_usable(before, after, case, metric, baseline) else Anchors()


def _is_usable(
    before: RunValues, after: RunValues, case: CaseKey, metric: str, other: str, min_shared: float = 0.0
) -> bool:
    """Return whether both runs have comparable values of another arm, in enough rounds of the case."""
    if not all(run.is_comparable(CaseKey(other, case.load_point), metric) for run in (before, after)):
        return False
    return all(_shared_rounds(run, case, metric, other) >= min_shared for run in (before, after))


def _shared_rounds(run: RunValues, case: CaseKey, metric: str, other: str) -> float:
    """Return the share of an arm's rounds in which another arm has a value, too; 1 if rounds do not have the metric."""
    logs = run.logs_by_round.get((case.load_point, metric))
    if logs is None:
        return 1.0
    is_measured = logs[case.arm].notna()
    return float(logs.loc[is_measured, other].notna().mean()) if other in logs and is_measured.any() else 0.0
