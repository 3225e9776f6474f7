"""Print a comparison of two runs, for people and for scripts."""

import json
import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bench.cli.console import print_line, text_cells
from bench.compare import changes
from bench.compare.changes import Change, Missing
from bench.compare.gates import Rule, RulePower, Violations, find_violations, rule_power
from bench.compare.run_values import RunValues
from bench.formatting import compact, plural
from bench.schema.arms import BASELINE_MODEL, Arm

if TYPE_CHECKING:
    from bench.schema.load_points import LoadPoint

_MAX_REASON_LENGTH = 160
_UNBOUNDED_WIDTH = 10_000  # columns
_HEADINGS = ("server", "load", "metric", "before", "after", "ratio", "", "verdict")


@dataclass(frozen=True, slots=True)
class RunComparison:
    """A run, compared with the first one."""

    names: Sequence[str]  # of both runs
    environment: Sequence[str]  # how the machines differ
    changes: Sequence[Change]
    missing: Sequence[Missing]
    violations: Violations  # changes and missing metrics for which a --fail-if condition holds
    powers: Sequence[RulePower]  # what the comparisons can detect, for each --fail-if condition
    only_in_one: tuple[list[str], list[str]]  # arms and load points
    objectives: str  # how the objectives of the searches differ; empty if they do not

    def fails(self, *, require_power: bool) -> bool:
        """Return whether a condition holds. require_power: or could not have been detected."""
        return bool(self.violations) or (require_power and not all(power.is_sufficient for power in self.powers))


def compare_runs(
    names: Sequence[str], environment: Sequence[str], runs: tuple[RunValues, RunValues], rules: Sequence[Rule]
) -> RunComparison:
    """Compare two runs. Raises RuleError if a rule has nothing to judge."""
    before, after = runs
    found, missing = changes.changes(before, after), changes.missing(before, after)
    return RunComparison(
        names=names,
        environment=environment,
        changes=found,
        missing=missing,
        violations=find_violations(found, missing, rules),
        powers=[rule_power(found, rule) for rule in rules],
        only_in_one=changes.only_in_one(before, after),
        objectives=_objectives(before, after),
    )


def json_lines(comparison: RunComparison) -> list[str]:
    """Return a line of JSON for each change and for each value that is missing."""
    violations = comparison.violations
    rows = [("change", asdict(change), change in violations.changes) for change in comparison.changes]
    rows += [("missing", asdict(item), item in violations.missing) for item in comparison.missing]
    return [
        json.dumps({"type": row_type, "runs": list(comparison.names), **_to_json(values), "broken": is_breaking})
        for row_type, values, is_breaking in rows
    ]


def print_comparison(console: Console, comparison: RunComparison, *, show_all: bool) -> None:
    """Print lines and a table. show_all: changes that are not significant, too."""
    before, after = comparison.names
    print_line(console, f"{after} compared with {before}", "bold")
    for text in comparison.environment:
        print_line(console, f"different environment: {text}", indent=2)
    if comparison.objectives:
        print_line(console, f"different objectives: {comparison.objectives}", indent=2)
    for text in _machine_drift(comparison.changes):
        print_line(console, text)
    for name, items in zip(comparison.names, comparison.only_in_one, strict=True):
        if items:
            print_line(console, f"only in {name}: {'; '.join(items)}")
    competing = [change for change in comparison.changes if not Arm.parse(change.arm).is_baseline]
    _print_changes(console, competing, comparison.violations.changes, show_all=show_all)
    for text in _describe_missing(comparison.missing, comparison.names):
        print_line(console, f"missing: {text}")
    print_line(console, _count_conclusions(competing))
    for power in comparison.powers:
        print_line(console, _describe_power(power))
    for change in comparison.violations.changes:
        print_line(console, f"broken: {change.arm}, {change.load_point}: {change.metric} {_judged(change)}")
    gated_metrics = {power.rule.metric for power in comparison.powers}
    for text in _describe_missing(comparison.violations.missing, comparison.names, gated_metrics):
        print_line(console, f"broken: {text}")


def _machine_drift(found: Sequence[Change]) -> list[str]:
    """Return a line for each metric in which the baseline, and so the machine, changed."""
    if all(math.isnan(change.baseline_ratio) for change in found):
        return [f"machine drift between the runs is unknown: {BASELINE_MODEL} was not measured in both"]
    lines = []
    for metric in dict.fromkeys(change.metric for change in found if not math.isnan(change.baseline_ratio)):
        baseline = [change for change in found if change.metric == metric and Arm.parse(change.arm).is_baseline]
        drifted = [change.ratio for change in baseline if change.low > 1 or change.high < 1]
        if drifted:
            lowest, highest = f"{min(drifted):.2f}", f"{max(drifted):.2f}"
            ratios = lowest if lowest == highest else f"{lowest} to {highest}"
            points = f"{len(drifted)} of {plural(len(baseline), 'load point')}"
            lines.append(f"machine drift: {metric} of {BASELINE_MODEL} changed by a factor of {ratios} at {points}")
    if lines:
        lines.append("differences that this drift explains are not reported below")
    return lines


def _objectives(before: RunValues, after: RunValues) -> str:
    if not before.objectives or not after.objectives or before.objectives == after.objectives:
        return ""
    return f"{'; '.join(before.objectives)} -> {'; '.join(after.objectives)}"


def _nothing_shown(competing: Sequence[Change]) -> str:
    """Return why no change is shown."""
    if competing and _count_invalid(competing) == len(competing):
        return f"no conclusion: all {plural(len(competing), 'comparison')} rest on invalid figures"
    return "no significant difference"


def _print_changes(
    console: Console, competing: Sequence[Change], breaking_changes: Sequence[Change], *, show_all: bool
) -> None:
    """Print the significant changes, or all of them; without any, why there are none."""
    shown = [change for change in competing if show_all or change.conclusion in ("faster", "slower")]
    if shown:
        _print_table(console, shown, breaking_changes)
    else:
        print_line(console, _nothing_shown(competing))


def _print_table(console: Console, shown: Sequence[Change], breaking_changes: Sequence[Change]) -> None:
    """Print a table if it fits, so that nothing is cut; otherwise two lines per change."""
    table = Table(box=None, pad_edge=False)
    has_relative = any(not math.isnan(change.relative_ratio) for change in shown)
    for heading in (*_HEADINGS, *([f"relative to {BASELINE_MODEL}"] if has_relative else [])):
        table.add_column(heading, no_wrap=True)
    styles = [_style(change, breaking_changes) for change in shown]
    for change, style in zip(shown, styles, strict=True):
        values = (compact(change.before), compact(change.now), _ratio(change), change.conclusion, change.verdict)
        relative = [_relative_ratio(change)] if has_relative else []
        table.add_row(*text_cells(change.arm, str(change.load_point), change.metric, *values, *relative), style=style)
    unbounded = console.options.update(width=_UNBOUNDED_WIDTH)  # or else the width after cutting is measured
    if console.measure(table, options=unbounded).maximum <= console.width:
        console.print(table)
        return
    load = ""
    for change, style in zip(shown, styles, strict=True):
        if str(change.load_point) != load:
            load = str(change.load_point)
            print_line(console, load, "bold")
        print_line(console, f"{change.arm} {change.metric} {_ratio(change)} {change.conclusion}", style)
        values_line = f"{compact(change.before)} before, {compact(change.now)} after; {change.verdict}"
        if not math.isnan(change.relative_ratio):
            values_line += f"; relative to {BASELINE_MODEL}: {_relative_ratio(change)}"
        print_line(console, values_line, style, indent=4)


def _describe_power(power: RulePower) -> str:
    """Return which changes the comparisons of a condition can detect."""
    shares = power.detectable_shares
    if not shares or math.isinf(shares[0]):
        return f"{power.rule}: no comparison can detect any change; measure more blocks"
    detectable = f"{100 * shares[0]:.2g}%"
    if shares[-1] > shares[0]:
        detectable += f" to {100 * shares[-1]:.2g}%" if math.isfinite(shares[-1]) else " or more"
    line = f"{power.rule}: the smallest detectable change is {detectable}"
    if not power.is_sufficient:
        count = f"{len(power.without_power)} of {plural(power.comparisons, 'comparison')}"
        line += f"; {count} would miss a change of {100 * abs(power.rule.share):g}% (measure more blocks)"
    return line


def _style(change: Change, breaking_changes: Sequence[Change]) -> str:
    if change in breaking_changes:
        return "bold red"
    return "dim" if change.verdict == "invalid" else ""


def _describe_missing(missing: Sequence[Missing], names: Sequence[str], metrics: Iterable[str] = ()) -> list[str]:
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
        subject = f"{', '.join(listed)} of {arm}" if listed else arm
        outcome = statuses.get(status, status)
        lines.append(
            f"{subject}, measured in {names[0]}, {outcome} in {names[1]}, at {_load_points(members)}: {reason}"
        )
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


def _count_conclusions(found: Sequence[Change]) -> str:
    counts = Counter(change.conclusion for change in found)
    parts = [plural(len(found), "comparison"), *(f"{count} {name}" for name, count in sorted(counts.items()))]
    line = ", ".join(parts)
    if invalid := _count_invalid(found):
        line += f"; {invalid} without a conclusion: values invalid (see report.md), or the machine drifted too far"
    return line


def _count_invalid(found: Sequence[Change]) -> int:
    return sum(change.verdict == "invalid" for change in found)


def _ratio(change: Change) -> str:
    return f"{change.ratio:.3f} [{change.low:.3f}, {change.high:.3f}]"


def _relative_ratio(change: Change) -> str:
    """Return the change of the ratio to the baseline inside rounds, which decides where it is known."""
    if math.isnan(change.relative_ratio):
        return "-"
    return f"{change.relative_ratio:.3f} [{change.relative_low:.3f}, {change.relative_high:.3f}]"


def _judged(change: Change) -> str:
    """Return the ratio that the conclusion is about."""
    if math.isnan(change.relative_ratio):
        return _ratio(change)
    return f"{_relative_ratio(change)} relative to {BASELINE_MODEL}"


def _to_json(values: dict[str, Any]) -> dict[str, Any]:
    """Replace nan and infinity, which JSON does not have, by null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
