"""The sentences about a comparison of two runs: what matters first, and the details after the table. Pure."""

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from bench.cli.run_comparison import RunComparison
from bench.compare.changes import Change
from bench.compare.digest import Digest, judged_ratios
from bench.compare.gates import GateOutcome, GateResult, blocks_needed
from bench.compare.missing_cases import Missing
from bench.compare.wording import percent, range_of_changes, subject
from bench.formatting import plural
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.conclusions import Conclusion

if TYPE_CHECKING:
    from bench.schema.load_points import LoadPoint

_MAX_REASON_LENGTH = 160
_MAX_FACTS = 2  # of each kind, in the first lines
_MAX_UNDECIDED = 3  # comparisons that are listed for each gate
_MAX_BLOCKS = 200  # per run; a longer run than that is not practical


def first_sentences(comparison: RunComparison, digest: Digest, threshold: float) -> list[str]:
    """Return at most five lines: gates, environment, machine, differences, and what moved alike."""
    lines = [_gates(comparison.gates), _environment(comparison), _machine_drift(comparison)]
    lines += [_differences(comparison, digest, threshold), _movements(digest)]
    return [line for line in lines if line]


def _gates(gates: Sequence[GateResult]) -> str:
    parts = []
    for gate in gates:
        count = plural(len(gate.comparisons), "comparison")
        broken = len(gate.broken) + len(gate.missing)
        texts = {
            GateOutcome.BROKEN: f"fails in {plural(broken, 'case')}",
            GateOutcome.UNDECIDED: f"undecided: {len(gate.undecided)} of {count} cannot exclude such a change",
            GateOutcome.PASSED: f"passes in {count}",
        }
        parts.append(f"{gate.rule} {texts[gate.outcome]}")
    return "; ".join(parts)


def _environment(comparison: RunComparison) -> str:
    if not comparison.environment:
        return ""
    shown = list(comparison.environment[:_MAX_FACTS])
    more = len(comparison.environment) - len(shown)
    rest = f"; {plural(more, 'other difference')} (listed last)" if more else ""
    kind = "another machine" if comparison.is_other_machine else "different environment"
    return f"{kind}: {'; '.join(shown)}{rest}"


def _machine_drift(comparison: RunComparison) -> str:
    """Return how the baseline changed, and so the machine. On another machine, ratios to the anchors come first."""
    changes = comparison.changes
    if all(math.isnan(change.baseline_ratio) for change in changes):
        return f"machine drift between the runs is unknown: {BASELINE_MODEL} was not measured in both"
    dependent = {change.metric for change in changes if not math.isnan(change.baseline_ratio)}
    baseline = [change for change in changes if Arm.parse(change.arm).is_baseline and change.metric in dependent]
    drifted = judged_ratios(baseline, lambda change: change.low > 1 or change.high < 1)
    parts = []
    for metric, ratios in drifted.items():
        points = sum(change.metric == metric for change in baseline)
        at = f"at {len(ratios)} of {plural(points, 'load point')}"
        parts.append(f"{subject(metric)} {range_of_changes(metric, ratios)} {at}")
    if len(parts) > _MAX_FACTS:
        parts[_MAX_FACTS:] = [f"and {plural(len(parts) - _MAX_FACTS, 'other metric')}"]
    line = f"machine drift: {BASELINE_MODEL} has {', '.join(parts)}" if parts else ""
    if comparison.is_other_machine:
        return ". ".join(filter(None, (_relative_to_anchors(changes), line)))
    return f"{line}; differences that this explains do not count" if line else ""


def _relative_to_anchors(changes: Sequence[Change]) -> str:
    """Return how far the servers moved relative to their anchors, by metric."""
    relative = judged_ratios(changes, lambda change: bool(change.relative_to) and not change.same_program)
    anchors = dict.fromkeys(change.relative_to for change in changes if change.relative_to)
    parts = [
        f"{subject(metric)} {range_of_changes(metric, ratios)} in {plural(len(ratios), 'case')}"
        for metric, ratios in relative.items()
    ]
    return f"relative to {' or '.join(anchors)}: {', '.join(parts)}" if parts else ""


def _differences(comparison: RunComparison, digest: Digest, threshold: float) -> str:
    judged = [change for change in comparison.changes if not change.same_program]
    size = f"{100 * threshold:g}%"
    if not digest.large_count and not digest.small_count:
        line = _no_difference(judged)
    else:
        large = f"{digest.large_count} of {plural(len(judged), 'comparison')} differ by {size} or more"
        line = f"{large}, {digest.small_count} by less" if digest.small_count else large
    if comparison.missing:
        servers = plural(len({item.arm for item in comparison.missing}), "server")
        line += f"; {servers} without a value that {comparison.names[0]} has"
    return line


def _no_difference(judged: Sequence[Change]) -> str:
    if judged and count_invalid(judged) == len(judged):
        return f"no conclusion: all {plural(len(judged), 'comparison')} rest on invalid figures"
    return f"no significant difference in {plural(len(judged), 'comparison')}"


def _movements(digest: Digest) -> str:
    return "; ".join(str(movement) for movement in (*digest.alike, *digest.small))


def count_conclusions(judged: Sequence[Change]) -> str:
    """Return how many comparisons have each conclusion. The word for a difference depends on its metric."""
    words = {Conclusion.FASTER.value: "different", Conclusion.SLOWER.value: "different"}
    counts = Counter(words.get(change.conclusion, change.conclusion) for change in judged)
    parts = [plural(len(judged), "comparison"), *(f"{count} {name}" for name, count in sorted(counts.items()))]
    line = ", ".join(parts)
    if invalid := count_invalid(judged):
        line += f"; {invalid} without a conclusion: values invalid (see report.md), or the machine drifted too far"
    return line


def count_invalid(judged: Sequence[Change]) -> int:
    """Return the number of changes that rest on invalid figures."""
    return sum(change.verdict == "invalid" for change in judged)


def describe_gate(gate: GateResult, names: Sequence[str]) -> list[str]:
    """Return which changes a gate can detect, what breaks it, and where it is undecided."""
    lines = [_describe_power(gate)]
    lines += [f"broken: {_describe_case(change)}" for change in gate.broken]
    lines += [f"broken: {text}" for text in describe_missing(gate.missing, names, [gate.rule.metric])]
    for change in gate.undecided[:_MAX_UNDECIDED]:
        lines.append(f"undecided: {_describe_case(change)}{_describe_doubt(change, gate)}")
    if more := len(gate.undecided) - _MAX_UNDECIDED:
        lines += [f"undecided: {plural(more, 'more comparison')} (--json lists all)"] if more > 0 else []
    return lines


def _describe_power(gate: GateResult) -> str:
    shares = gate.detectable_shares
    if not shares or math.isinf(shares[0]):
        return f"{gate.rule}: no comparison can detect any change; measure more blocks"
    ends = dict.fromkeys(
        "unbounded" if math.isinf(share) else f"{100 * share:.2g}%" for share in (shares[0], shares[-1])
    )
    return f"{gate.rule}: the smallest detectable change is {' to '.join(ends)}"


def _describe_case(change: Change) -> str:
    return f"{change.arm}, {change.load_point}: {change.metric} {describe_change(change)}{relative_text(change)}"


def _describe_doubt(change: Change, gate: GateResult) -> str:
    if not change.is_judged:
        return "; its values are invalid, or it has too few blocks"
    blocks = blocks_needed(change, gate.rule)
    seen = f"; it detects changes from {100 * change.detectable_share:.2g}% on"
    if math.isnan(blocks) or blocks <= change.blocks:
        return seen
    if blocks > _MAX_BLOCKS:
        return f"{seen}; measure both servers in one run instead"
    return f"{seen}; about {blocks:.0f} blocks in each run would do"


def describe_change(change: Change) -> str:
    """Return the judged change with its interval: ``-20% [-22%, -18%]``."""
    low, high = change.judged_interval
    if math.isnan(low):
        return percent(change.judged_ratio)
    return f"{percent(change.judged_ratio)} [{percent(low)}, {percent(high)}]"


def relative_text(change: Change) -> str:
    """Return `` relative to native``, or nothing for a change of the values."""
    return f" relative to {change.relative_to}" if change.relative_to else ""


def describe_missing(missing: Sequence[Missing], names: Sequence[str], metrics: Iterable[str] = ()) -> list[str]:
    """Return one line for each arm and status, with all its load points. metrics: only these; all if empty."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Missing]] = {}
    for item in missing:
        # If a whole case is missing, its metrics are listed only if a --fail-if condition names them.
        listed = tuple(name for name in item.metrics if name in metrics or (item.status == "ok" and not metrics))
        groups.setdefault((item.arm, item.status, listed), []).append(item)
    statuses = {"ok": "has no such value", "missing": "is not measured"}
    lines = []
    for (arm, status, listed), members in groups.items():
        reasons = list(dict.fromkeys(item.reason for item in members))
        reason = textwrap.shorten(reasons[0], _MAX_REASON_LENGTH, placeholder=" ...")
        if len(reasons) > 1:
            reason += f", and {plural(len(reasons) - 1, 'other reason')}"
        server = f"{', '.join(listed)} of {arm}" if listed else arm
        outcome = statuses.get(status, status)
        lines.append(f"{server}, measured in {names[0]}, {outcome} in {names[1]}, at {_load_points(members)}: {reason}")
    return lines


def _load_points(members: Sequence[Missing]) -> str:
    """Return load points by scenario and message size: ``capacity, 1, 16 and 64 connections, 64 bytes``."""
    groups: dict[LoadPoint, list[int]] = {}
    for item in members:
        groups.setdefault(replace(item.load_point, connections=0), []).append(item.connections)
    texts = []
    for load_point, counts in groups.items():
        *smaller, largest = sorted(counts)
        name, _, rest = str(replace(load_point, connections=largest)).partition(", ")
        texts.append(f"{name}, {', '.join(map(str, smaller))} and {rest}" if smaller else f"{name}, {rest}")
    return "; ".join(texts)
