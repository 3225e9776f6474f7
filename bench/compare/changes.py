"""Changes between two runs: each arm at each load point, before and now. Pure.

Two runs have no common rounds, so their values contain whatever the machine did in the meantime. Their ratios to
anchors, taken inside the rounds of each run, do not: where both runs have anchors, the change of these ratios decides.
Otherwise the values themselves are compared.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.analysis.unpaired import unpaired_ratios
from bench.compare.anchors import find_anchors, is_anchor
from bench.compare.machine_drift import machine_drifts
from bench.compare.outcomes import CaseTest, Outcome, block_outcome, search_outcome
from bench.compare.run_values import COMPARED_METRICS, MAX_RATE, RunValues
from bench.schema.arms import Arm
from bench.schema.conclusions import Conclusion
from bench.schema.load_points import LoadPoint
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
    figures_verdict: str = ""  # of the figures of both runs alone; the verdict contains the machine's drift, too
    baseline_ratio: float = math.nan  # the same change of the baseline, i.e. of the machine; nan if unknown
    relative_ratio: float = math.nan  # change of the ratio to the anchors inside rounds
    relative_low: float = math.nan
    relative_high: float = math.nan
    relative_to: str = ""  # the anchors
    bound_low: float = math.nan  # one-sided 95% bounds of the judged ratio, for this comparison alone
    bound_high: float = math.nan
    detectable_share: float = math.nan  # smallest change that is detected (with 80% probability); nan if unknown
    blocks: int = 0  # with a value, in the run that has fewer
    same_program: bool = False  # in both runs, so its changes are those of the machine
    kind: str = "unpaired"

    @property
    def load_point(self) -> LoadPoint:
        """The load point without its rate."""
        return LoadPoint(self.scenario, self.connections, self.message_bytes, self.population, self.phase)

    @property
    def judged_ratio(self) -> float:
        """The ratio that the conclusion is about: relative to the anchors if there are any."""
        return self.relative_ratio if self.relative_to else self.ratio

    @property
    def judged_interval(self) -> tuple[float, float]:
        """The interval of the judged ratio."""
        return (self.relative_low, self.relative_high) if self.relative_to else (self.low, self.high)

    @property
    def has_invalid_figures(self) -> bool:
        """Return whether a figure of either run is invalid, so that neither it nor the ratio may be shown."""
        return (self.figures_verdict or self.verdict) == INVALID

    @property
    def is_machine_drift(self) -> bool:
        """Return whether the figures are usable, but the machine drifted too far for a conclusion."""
        return self.verdict == INVALID and not self.has_invalid_figures

    @property
    def is_judged(self) -> bool:
        """Return whether the values are not invalid and have an interval."""
        return self.verdict != INVALID and not math.isnan(self.bound_low)


def changes(
    before: RunValues, after: RunValues, same_programs: Collection[str] = (), arms: Collection[str] = ()
) -> list[Change]:
    """Return the change of every metric of every case that both runs measured.

    same_programs: labels of models that are the same program in both runs. arms: names of the only ones to compare; all
    if empty. Arms that are the same program in both runs show the machine, so they are always included.

    The intervals of one metric hold for all its cases at once. Arms that may have changed are one family, and arms that
    are the same program another one: they take no power from the first.
    """
    common = [case for case in before.cases if case in after.cases and not Arm.parse(case.arm).control]
    found = []
    for metric in COMPARED_METRICS:
        measured = [case for case in common if all(run.is_comparable(case, metric) for run in (before, after))]
        drifts = machine_drifts(before, after, measured, metric)
        families: dict[bool, list[CaseTest]] = {False: [], True: []}
        for case in measured:
            same_program = is_anchor(case.arm, same_programs)
            if same_program or not arms or case.arm in arms:
                values = before.cases[case][metric], after.cases[case][metric]
                anchors = find_anchors(before, after, case, metric, same_programs)
                test = CaseTest(case, metric, *values, anchors, drifts.get(case), same_program)
                families[same_program].append(test)
        for family in families.values():
            found += _changes_of_family(before, after, family)
    return sorted(found, key=_position)


def _changes_of_family(before: RunValues, after: RunValues, family: Sequence[CaseTest]) -> list[Change]:
    """Return the changes of tests of one metric. Their variances inform each other."""
    raw = unpaired_ratios([(test.before.logs, test.after.logs) for test in family])
    anchored = [test for test in family if test.anchors]
    logs = [
        (
            before.log_ratios(test.case, test.metric, test.anchors.arms),
            after.log_ratios(test.case, test.metric, test.anchors.arms),
        )
        for test in anchored
    ]
    relative_of = {test.case: ratio for test, ratio in zip(anchored, unpaired_ratios(logs), strict=True)}
    found = []
    for test, ratio in zip(family, raw, strict=True):
        is_search = test.metric == MAX_RATE
        outcome = search_outcome(test) if is_search else block_outcome(test, ratio, relative_of.get(test.case))
        found.append(_change(test, outcome, (before.thresholds, after.thresholds)))
    return found


def _position(item: Change) -> tuple[str, int, int, str, str, str]:
    """Return the place of a change among all: by load, then by server."""
    return item.scenario, item.message_bytes, item.connections, item.population, item.phase, item.arm


def _change(test: CaseTest, outcome: Outcome, thresholds: tuple[Thresholds, Thresholds]) -> Change:
    figures_verdict = worst_verdict([test.before.verdict, test.after.verdict])
    drift_verdicts = [test.drift.verdict(thresholds)] if test.drift else []
    verdict = worst_verdict([figures_verdict, *drift_verdicts])
    relative = outcome.relative
    return Change(
        arm=test.case.arm,
        **test.case.load_point.planned_cells,
        metric=test.metric,
        before=test.before.median,
        now=test.after.median,
        ratio=outcome.ratio,
        low=outcome.low,
        high=outcome.high,
        conclusion=(Conclusion.INCONCLUSIVE if verdict == INVALID else outcome.conclusion).value,
        verdict=verdict,
        figures_verdict=figures_verdict,
        baseline_ratio=test.drift.ratio if test.drift else math.nan,
        relative_ratio=relative.ratio,
        relative_low=relative.low,
        relative_high=relative.high,
        relative_to="" if math.isnan(relative.ratio) else str(test.anchors),
        bound_low=outcome.bounds[0],
        bound_high=outcome.bounds[1],
        detectable_share=outcome.detectable_share,
        blocks=min(len(test.before.logs), len(test.after.logs)),
        same_program=test.same_program,
    )
