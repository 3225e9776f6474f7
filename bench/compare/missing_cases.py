"""Cases that the first of two runs measured and the second one could not. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from bench.analysis.cases import CaseKey
from bench.compare.anchors import is_anchor
from bench.compare.run_values import MetricValues, RunValues
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.translation import gettext


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
    same_program: bool = False  # in both runs
    kind: str = "missing"

    @property
    def load_point(self) -> LoadPoint:
        """The load point without its rate."""
        return LoadPoint(self.scenario, self.connections, self.message_bytes, self.population, self.phase)


def missing(before: RunValues, after: RunValues, same_programs: Collection[str] = ()) -> list[Missing]:
    """Return what the second run planned but could not measure, unlike the first.

    same_programs: labels of models that are the same program in both runs.
    """
    found = []
    for case, values in before.cases.items():
        metrics = [metric for metric in values if values[metric].is_comparable]
        if Arm.parse(case.arm).control or not metrics:
            continue
        if case in after.unmeasured:
            unmeasured = after.unmeasured[case]
            found.append(_missing(case, metrics, unmeasured.status, unmeasured.reason))
        elif case in after.cases:
            lost = [metric for metric in metrics if not after.is_comparable(case, metric)]
            if lost:
                found.append(_missing(case, lost, "ok", _missing_reason(after.cases[case], lost)))
    marked = [replace(item, same_program=is_anchor(item.arm, same_programs)) for item in found]
    return sorted(marked, key=_position)


def _position(item: Missing) -> tuple[str, str, int, int, str, str]:
    """Return the place among all: by server, then by load."""
    return item.arm, item.scenario, item.message_bytes, item.connections, item.population, item.phase


def only_in_one(before: RunValues, after: RunValues) -> tuple[list[str], list[str]]:
    """Return what only the first plan has, and what only the second has.

    Each is a list of arms and of load points.
    """
    return _only_in(before.planned, after.planned), _only_in(after.planned, before.planned)


def _only_in(cases: Collection[CaseKey], others: Collection[CaseKey]) -> list[str]:
    arms = {case.arm for case in cases} - {case.arm for case in others}
    load_points = {case.load_point for case in cases} - {case.load_point for case in others}
    return [*sorted(arms), *(str(load_point) for load_point in sorted(load_points))]


def _missing(case: CaseKey, metrics: Iterable[str], status: str, reason: str) -> Missing:
    load_point = case.load_point
    return Missing(
        arm=case.arm,
        scenario=load_point.scenario,
        connections=load_point.connections,
        message_bytes=load_point.message_bytes,
        population=load_point.population,
        phase=load_point.phase,
        metrics=tuple(metrics),
        status=status,
        reason=reason,
    )


def _missing_reason(values: Mapping[str, MetricValues], metrics: Iterable[str]) -> str:
    medians = [values[metric].median for metric in metrics if metric in values]
    if 0 in medians:
        return gettext("nothing was served")
    return gettext("the median is infinite: requests were lost") if medians else gettext("no block has a value")
