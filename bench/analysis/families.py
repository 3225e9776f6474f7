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
from bench.analysis.block_values import block_differences, block_log_ratios, block_logs
from bench.analysis.cases import group_by_load_point, text
from bench.analysis.unpaired import unpaired_ratio
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind, Pairing
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import ScenarioKind, headline

_RATE_KINDS = (ScenarioKind.CAPACITY, ScenarioKind.SESSIONS)  # their headline metric is the rate of a closed loop
COMPARED_METRICS = ("throughput_rps", "sessions_per_s", "cpu_us_per_request", "service_p50_us", "latency_p50_us")
METRIC_IN_BLOCKS = "latency_p99_us"  # the question of a mixed scenario; a slice has too few requests for it
METRIC_OF_ALL_POPULATIONS = "cpu_us_per_request"  # the same for each population of a mixed load: compared once
_UNASKED: Mapping[ScenarioKind, tuple[str, ...]] = {  # not compared: the plan decides them, or another metric has them
    ScenarioKind.LATENCY: ("throughput_rps",),
    ScenarioKind.MIXED: ("throughput_rps",),
    ScenarioKind.SESSIONS: ("throughput_rps",),  # a session has a fixed number of requests
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two arms that are compared, by name."""

    arm: str
    reference: str
    kind: ComparisonKind


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms at one load point, with one log ratio per block, or with the log values of both where none is paired."""

    pair: Pair
    load_point: LoadPoint
    scenario_kind: ScenarioKind
    log_ratios: tuple[float, ...] = ()
    logs: tuple[float, ...] = ()  # of the arm, one for each block; unpaired only
    reference_logs: tuple[float, ...] = ()
    differences: tuple[float, ...] = ()  # one for each block, in the unit of the metric; none if unpaired

    @property
    def blocks(self) -> int:
        """The number of blocks with a value."""
        return len(self.log_ratios) or min(len(self.logs), len(self.reference_logs))


@dataclass(frozen=True, slots=True)
class Family:
    """Comparisons of one metric that share one error rate."""

    metric: str
    members: tuple[Comparison, ...]
    independent: int  # number of independent contrasts among the members
    of_controls: bool = False
    pairing: Pairing = Pairing.ROUNDS

    def intervals(self) -> list[statistics.LogRatio]:
        """Return the ratio of each member with its interval.

        The intervals of a family hold all at once. Those of controls hold one by one: each is the resolution of the
        run at its load point.
        """
        if self.pairing == Pairing.UNPAIRED:
            tests = 1 if self.of_controls else self.independent
            return [unpaired_ratio(each.reference_logs, each.logs, tests).interval for each in self.members]
        if self.of_controls:
            return [statistics.log_ratios([member.log_ratios])[0] for member in self.members]
        return statistics.log_ratios([member.log_ratios for member in self.members], self.independent)

    def differences(self) -> list[statistics.Interval]:
        """Return the difference of each member, in the unit of the metric, with an interval that holds like a ratio's.

        The variances are not shared: they grow with the figures, which can be sixty times those of another pair.
        """
        tests = 1 if self.of_controls else len(self.members)
        return [statistics.mean_interval(member.differences, tests) for member in self.members]


def holm_p_values(intervals: Sequence[statistics.LogRatio]) -> list[float]:
    """Return Holm's p-value of each interval of a family; nan for unknown p-values."""
    p_values = [interval.p for interval in intervals]
    adjusted = iter(statistics.holm([p for p in p_values if p == p]))
    return [next(adjusted) if p == p else p for p in p_values]


def families(slices: pd.DataFrame, trials: pd.DataFrame, reference_arms: Mapping[str, str]) -> list[Family]:
    """Return the families of a run, with the log ratios of their members.

    slices: as ``valid_slices`` returns them. trials: those that were measured. reference_arms: name of the reference
    arm of each transport.
    """
    by_question: dict[object, Family] = {}
    for load_point, scenario_kind, metric, by_round in _questions(slices, trials):
        pairing, table = _pairing(scenario_kind, metric), by_round
        if pairing == Pairing.ROUNDS and not _share_rounds(by_round):
            pairing, table = Pairing.BLOCKS, _by_block(by_round)
        for group, family in _families_at(table, metric, load_point, scenario_kind, reference_arms):
            question = (metric, group, pairing) if family.of_controls else (load_point, metric, group)
            earlier = by_question.get(question)
            members = earlier.members + family.members if earlier else family.members
            by_question[question] = replace(family, members=members, pairing=pairing)
    return list(by_question.values())


def _questions(
    slices: pd.DataFrame, trials: pd.DataFrame
) -> Iterator[tuple[LoadPoint, ScenarioKind, str, pd.DataFrame]]:
    """Yield each metric that is compared at each load point: its values by block and round, a column for each arm."""
    trials_at = group_by_load_point(trials.assign(round=0))
    first = trials.drop_duplicates("scenario").set_index("scenario")["population"].map(text).to_dict()
    for load_point, rounds in group_by_load_point(slices).items():
        kind = ScenarioKind(str(rounds["scenario_kind"].iloc[0]))
        is_later = kind == ScenarioKind.MIXED and first.get(load_point.scenario) != load_point.population
        for metric in COMPARED_METRICS:
            if metric in _UNASKED.get(kind, ()) or (is_later and metric == METRIC_OF_ALL_POPULATIONS):
                continue
            if rounds[metric].notna().any():
                yield load_point, kind, metric, _by_round(rounds, metric)
        of_blocks = trials_at.get(load_point)
        if kind == ScenarioKind.MIXED and of_blocks is not None and of_blocks[METRIC_IN_BLOCKS].notna().any():
            yield load_point, kind, METRIC_IN_BLOCKS, _by_round(of_blocks, METRIC_IN_BLOCKS)


def _by_round(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    return rows.pivot_table(index=["block", "round"], columns="arm", values=metric, aggfunc="first")


def _share_rounds(by_round: pd.DataFrame) -> bool:
    """Return whether all arms with values in the same block have values in the same rounds.

    Arms that take turns with their connections do not.
    """
    in_rounds = by_round.notna()
    in_blocks = in_rounds.groupby(level="block").any()
    together = in_rounds.to_numpy(int).T @ in_rounds.to_numpy(int) > 0
    in_one_block = in_blocks.to_numpy(int).T @ in_blocks.to_numpy(int) > 0
    return bool((together >= in_one_block).all())


def _by_block(by_round: pd.DataFrame) -> pd.DataFrame:
    """Return the medians of each block, as if it had a single round."""
    medians = by_round.groupby(level="block").median()
    return medians.set_axis(pd.MultiIndex.from_product([medians.index, [0]], names=["block", "round"]))


def _pairing(scenario_kind: ScenarioKind, metric: str) -> Pairing:
    if scenario_kind == ScenarioKind.PHASES:
        return Pairing.UNPAIRED
    return Pairing.BLOCKS if metric == METRIC_IN_BLOCKS else Pairing.ROUNDS


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
    measured = dict.fromkeys(pair for group in groups.values() for pair in group if pair.reference in present)
    compared = _compared(by_round, list(measured), load_point, scenario_kind, _pairing(scenario_kind, metric))
    for name, group in groups.items():
        members = tuple(compared.get(pair) or Comparison(pair, load_point, scenario_kind) for pair in group)
        competitors = sum(arm.competes and arm.transport == name for arm in arms)
        independent = competitors - 1 if competitors else len(members)
        if members:
            yield name, Family(metric, members, independent, of_controls=name == ComparisonKind.CONTROL)


def _compared(
    by_round: pd.DataFrame,
    pairs: Sequence[Pair],
    load_point: LoadPoint,
    scenario_kind: ScenarioKind,
    pairing: Pairing,
) -> dict[Pair, Comparison]:
    """Return the comparison of each pair. All pairs of a load point are computed together: they share the rounds."""
    if pairing == Pairing.UNPAIRED:
        logs = block_logs(by_round)
        return {
            pair: Comparison(pair, load_point, scenario_kind, (), logs[pair.arm], logs[pair.reference])
            for pair in pairs
        }
    names = [(pair.arm, pair.reference) for pair in pairs]
    log_ratios, differences = block_log_ratios(by_round, names), block_differences(by_round, names)
    return {
        pair: Comparison(pair, load_point, scenario_kind, tuple(log_ratios[key]), differences=tuple(differences[key]))
        for pair, key in zip(pairs, names, strict=True)
    }


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
