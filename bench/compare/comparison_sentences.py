"""The first sentences about a comparison of two runs: what matters most. Pure."""

import math
from collections.abc import Sequence

from bench.compare.change_text import describe_missing
from bench.compare.changes import Change
from bench.compare.digest import Digest, Movement, judged_ratios
from bench.compare.gate_sentences import describe_gate, summarise_gate
from bench.compare.outcome_counts import count_outcomes
from bench.compare.run_comparison import RunComparison
from bench.compare.wording import range_of_changes, subject
from bench.formatting import join_alternatives
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.translation import gettext, ngettext

_MAX_FACTS = 2  # of each kind, in the first lines
_MAX_MOVEMENTS = 3
_SPEED_METRICS = ("throughput_rps", "sessions_per_s", "cpu_us_per_request")  # by which machines are compared


def first_sentences(comparison: RunComparison, digest: Digest, threshold: float) -> list[str]:
    """Return at most five sentences: gates, environment, machine, differences, and what moved alike."""
    lines = ["; ".join(map(summarise_gate, comparison.gates)), _environment(comparison), _machine(comparison)]
    lines += [_differences(comparison, digest, threshold), _movements(digest)]
    return [line for line in lines if line]


def _environment(comparison: RunComparison) -> str:
    if not comparison.environment:
        return ""
    shown = list(comparison.environment[:_MAX_FACTS])
    more = len(comparison.environment) - len(shown)
    rest = (
        gettext(
            "; {other_differences} (listed last)",
            other_differences=ngettext("{count} other difference", "{count} other differences", more),
        )
        if more
        else ""
    )
    kind = gettext("another machine") if comparison.is_other_machine else gettext("different environment")
    return f"{kind}: {'; '.join(shown)}{rest}"


def _machine(comparison: RunComparison) -> str:
    """Return how the machine changed; on another machine, how the servers changed relative to their anchors."""
    changes = comparison.changes
    if all(math.isnan(change.baseline_ratio) for change in changes):
        return gettext(
            "machine drift between the runs is unknown: {baseline_model} was not measured in both",
            baseline_model=BASELINE_MODEL,
        )
    drift = _machine_drift(changes)
    if comparison.is_other_machine:
        return _relative_to_anchors(changes) or drift
    return gettext("{drift}; differences that this explains do not count", drift=drift) if drift else ""


def _machine_drift(changes: Sequence[Change]) -> str:
    """Return how the baseline changed, and so the machine; "" without a significant change of a usable figure."""
    dependent = {change.metric for change in changes if not math.isnan(change.baseline_ratio)}
    baseline = [change for change in _usable(changes) if Arm.parse(change.arm).is_baseline]
    baseline = [change for change in baseline if change.metric in dependent]
    drifted = judged_ratios(baseline, lambda change: change.low > 1 or change.high < 1)
    parts = []
    for metric, ratios in drifted.items():
        points = sum(change.metric == metric for change in baseline)
        at = gettext(
            "at {ratios} of {load_points}",
            ratios=len(ratios),
            load_points=ngettext("{count} load point", "{count} load points", points),
        )
        parts.append(f"{subject(metric)} {range_of_changes(metric, ratios)} {at}")
    if len(parts) > _MAX_FACTS:
        parts[_MAX_FACTS:] = [
            gettext(
                "and {other_metrics}",
                other_metrics=ngettext("{count} other metric", "{count} other metrics", len(parts) - _MAX_FACTS),
            )
        ]
    return (
        gettext("machine drift: {baseline_model} has {parts}", baseline_model=BASELINE_MODEL, parts=", ".join(parts))
        if parts
        else ""
    )


def _relative_to_anchors(changes: Sequence[Change]) -> str:
    """Return how far the servers moved relative to their anchors, by metric. Invalid figures are left out."""
    relative = judged_ratios(
        _usable(changes),
        lambda change: bool(change.relative_to) and not change.same_program and change.metric in _SPEED_METRICS,
    )
    anchors = dict.fromkeys(change.relative_to for change in changes if change.relative_to)
    parts = [
        gettext(
            "{subject} {range_of_changes} in {cases}",
            subject=subject(metric),
            range_of_changes=range_of_changes(metric, ratios),
            cases=ngettext("{count} case", "{count} cases", len(ratios)),
        )
        for metric, ratios in relative.items()
    ]
    return (
        gettext("relative to {anchors}: {parts}", anchors=join_alternatives(anchors), parts=", ".join(parts))
        if parts
        else ""
    )


def _usable(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if not change.has_invalid_figures]


def _differences(comparison: RunComparison, digest: Digest, threshold: float) -> str:
    judged = comparison.judged
    size = f"{100 * threshold:g}%"
    if not digest.large and not digest.small_count:
        line = _no_difference(judged)
    else:
        count = ngettext("{count} comparison", "{count} comparisons", len(judged))
        line = gettext(
            "{large} of {count} show a difference of {size} or more", large=len(digest.large), count=count, size=size
        )
        line += gettext(", {small_count} a smaller one", small_count=digest.small_count) if digest.small_count else ""
        line += gettext("; the largest: {largest}", largest=digest.largest) if digest.largest else ""
        line += _without_difference(judged)
    if comparison.missing:
        servers = ngettext("{count} server", "{count} servers", len({item.arm for item in comparison.missing}))
        line += gettext("; {servers} without a value that {names} has", servers=servers, names=comparison.names[0])
    return line


def _no_difference(judged: Sequence[Change]) -> str:
    """Return why no difference was found: a comparison without a conclusion does not show that nothing changed."""
    counts = count_outcomes(judged)
    comparisons = ngettext("{count} comparison", "{count} comparisons", counts.comparisons)
    if not counts.inconclusive:
        return gettext("no difference in {comparisons}: each is known to be below 5%", comparisons=comparisons)
    if counts.invalid == counts.comparisons:
        return gettext("no conclusion: all {comparisons} rest on invalid figures", comparisons=comparisons)
    if counts.equivalent:
        return gettext(
            "no significant difference in {comparisons}: {equal} known to be below 5%; "
            "no conclusion is possible for {undecided}",
            comparisons=comparisons,
            equal=counts.equivalent,
            undecided=counts.inconclusive,
        )
    return gettext(
        "no conclusion in any of {comparisons}: a change may be there, but these runs are too noisy or too short",
        comparisons=comparisons,
    )


def _without_difference(judged: Sequence[Change]) -> str:
    """Return how many of the other comparisons are known to be small, and how many show nothing."""
    counts = count_outcomes(judged)
    text = gettext("; {equal} known to be below 5%", equal=counts.equivalent) if counts.equivalent else ""
    if not counts.inconclusive:
        return text
    return text + gettext("; no conclusion is possible for {undecided}", undecided=counts.inconclusive)


def _movements(digest: Digest) -> str:
    """Return what moved alike, large changes first."""
    movements = [*_by_count(digest.alike), *_by_count(digest.small)]
    texts = [str(movement) for movement in movements[:_MAX_MOVEMENTS]]
    if more := sum(len(movement.changes) for movement in movements[_MAX_MOVEMENTS:]):
        texts.append(ngettext("{count} other change", "{count} other changes", more))
    return "; ".join(texts)


def _by_count(movements: Sequence[Movement]) -> list[Movement]:
    return sorted(movements, key=lambda movement: -len(movement.changes))


def detail_lines(comparison: RunComparison) -> list[str]:
    """Return the lines after the changes: missing values, gates, how the plans and machines differ, and counts."""
    lines = [gettext("missing: {text}", text=text) for text in describe_missing(comparison.missing, comparison.names)]
    for gate in comparison.gates:
        lines += describe_gate(gate, comparison.names)
    if comparison.objectives:
        lines.append(gettext("different objectives: {objectives}", objectives=comparison.objectives))
    for name, items in zip(comparison.names, comparison.only_in_one, strict=True):
        if items:
            lines.append(gettext("only in {name}: {items}", name=name, items="; ".join(items)))
    lines.append(count_conclusions(comparison.judged))
    if comparison.is_other_machine and (drift := _machine_drift(comparison.changes)):
        lines.append(drift)
    return [*lines, *(gettext("different environment: {text}", text=text) for text in comparison.environment)]


def count_conclusions(judged: Sequence[Change]) -> str:
    """Return how many comparisons have each conclusion. The word for a difference depends on its metric."""
    counts = count_outcomes(judged)
    parts = [
        ngettext("{count} comparison", "{count} comparisons", counts.comparisons),
        ngettext("{count} different", "{count} different", counts.different) if counts.different else "",
        ngettext("{count} equivalent", "{count} equivalent", counts.equivalent) if counts.equivalent else "",
        ngettext("{count} inconclusive", "{count} inconclusive", counts.inconclusive) if counts.inconclusive else "",
    ]
    line = ", ".join(filter(None, parts))
    if counts.invalid:
        line += gettext(
            "; {invalid} without a conclusion: values invalid (see report.md), or the machine drifted too far",
            invalid=counts.invalid,
        )
    return line
