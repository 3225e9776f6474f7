"""Families: the arms that are compared, and the comparisons that belong together. Pure.

A family is a set of comparisons that answer one question and share one error rate: one metric at one load point, of all
arms of one transport, or of every model's UDP with its TCP. The controls of all load points are one family per metric.
The baseline with every arm of its transport is a family of its own: it shows whether the baseline is a limit.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.analysis import statistics
from bench.analysis.block_values import block_log_ratios
from bench.analysis.cases import group_by_load_point
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import ScenarioKind, headline

_RATE_KINDS = (ScenarioKind.CAPACITY, ScenarioKind.SESSIONS)  # their headline metric is the rate of a closed loop
COMPARED_METRICS = ("throughput_rps", "sessions_per_s", "cpu_us_per_request", "service_p50_us", "latency_p50_us")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms that are compared, by name."""

    arm: str
    reference: str
    kind: ComparisonKind


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms at one load point, with one log ratio per block."""

    pair: Pair
    load_point: LoadPoint
    scenario_kind: ScenarioKind
    log_ratios: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """Comparisons of one metric that share one error rate."""

    metric: str
    members: tuple[Comparison, ...]
    independent: int  # number of independent contrasts among the members
    of_controls: bool = False

    def intervals(self) -> list[statistics.LogRatio]:
        """Return the ratio of each member with its interval.

        The intervals of a family hold all at once. Those of controls hold one by one: each is the resolution of the
        run at its load point.
        """
        if self.of_controls:
            return [statistics.log_ratios([member.log_ratios])[0] for member in self.members]
        return statistics.log_ratios([member.log_ratios for member in self.members], self.independent)


def holm_p_values(intervals: Sequence[statistics.LogRatio]) -> list[float]:
    """Return Holm's p-value of each interval of a family; nan for unknown p-values."""
    p_values = [interval.p for interval in intervals]
    adjusted = iter(statistics.holm([p for p in p_values if p == p]))
    return [next(adjusted) if p == p else p for p in p_values]


def families(slices: pd.DataFrame, reference_arms: Mapping[str, str]) -> list[Family]:
    """Return the families of a run, with the log ratios of their members.

    slices: as ``valid_slices`` returns them. reference_arms: name of the reference arm of each transport.
    """
    by_question: dict[object, Family] = {}
    for load_point, rounds in group_by_load_point(slices).items():
        scenario_kind = ScenarioKind(str(rounds["scenario_kind"].iloc[0]))
        for metric in COMPARED_METRICS:
            # The plan decides the throughput of an open loop, so it is not compared there.
            is_planned = metric == "throughput_rps" and scenario_kind == ScenarioKind.LATENCY
            if is_planned or rounds[metric].isna().all():
                continue
            by_round = rounds.pivot_table(index=["block", "round"], columns="arm", values=metric, aggfunc="first")
            for group, family in _families_at(by_round, metric, load_point, scenario_kind, reference_arms):
                question = (metric, group) if family.of_controls else (load_point, metric, group)
                earlier = by_question.get(question)
                members = earlier.members + family.members if earlier else family.members
                by_question[question] = replace(family, members=members)
    return list(by_question.values())


def _families_at(
    by_round: pd.DataFrame,
    metric: str,
    load_point: LoadPoint,
    scenario_kind: ScenarioKind,
    reference_arms: Mapping[str, str],
) -> Iterator[tuple[str, Family]]:
    """Yield the name and the family of each group of one metric at one load point."""
    arms = [Arm.parse(name) for name in by_round.columns]
    groups = _groups(arms, reference_arms)
    if scenario_kind in _RATE_KINDS and metric == headline(scenario_kind):
        groups |= _baseline_groups(arms)
    present = {arm.name for arm in arms}
    pairs = [(pair.arm, pair.reference) for group in groups.values() for pair in group if pair.reference in present]
    log_ratios = block_log_ratios(by_round, pairs)
    for name, group in groups.items():
        members = tuple(
            Comparison(pair, load_point, scenario_kind, tuple(log_ratios.get((pair.arm, pair.reference), ())))
            for pair in group
        )
        competitors = sum(arm.competes and arm.transport == name for arm in arms)
        independent = competitors - 1 if competitors else len(members)
        if members:
            yield name, Family(metric, members, independent, of_controls=name == ComparisonKind.CONTROL)


def _groups(arms: Sequence[Arm], reference_arms: Mapping[str, str]) -> dict[str, list[Pair]]:
    """Return the pairs that are compared, by group.

    The groups are the controls, the arms of each transport, and UDP with TCP.

    In a pair without the reference, the first arm by name is compared with the second.
    """
    competitors = [arm for arm in arms if arm.competes]
    kind = ComparisonKind.CONTROL
    groups = {kind.value: [Pair(arm.name, arm.base.name, kind) for arm in arms if arm.control]}
    for transport in sorted({arm.transport for arm in competitors}):
        names = sorted(arm.name for arm in competitors if arm.transport == transport)
        reference = reference_arms.get(transport, "")
        others = [name for name in names if name != reference]
        with_reference = [Pair(name, reference, ComparisonKind.REFERENCE) for name in others if reference]
        without = [Pair(*names, ComparisonKind.PAIR) for names in itertools.combinations(others, 2)]
        groups[transport] = with_reference + without
    kind = ComparisonKind.TRANSPORTS
    groups[kind.value] = [
        Pair(arm.name, other.name, kind)
        for arm, other in itertools.product(competitors, competitors)
        if (arm.transport, other.transport) == ("udp", "tcp") and arm.label == other.label
    ]
    return groups


def _baseline_groups(arms: Sequence[Arm]) -> dict[str, list[Pair]]:
    """Return the pairs of the baseline with each arm of its transport, by group: one for each transport."""
    kind = ComparisonKind.BASELINE
    return {
        f"{kind} {baseline.transport}": [
            Pair(baseline.name, arm.name, kind) for arm in arms if arm.competes and arm.transport == baseline.transport
        ]
        for baseline in arms
        if baseline.is_baseline
    }
