"""One run against another, for the terminal and for scripts."""

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.cli.console import cells, say
from bench.compare import changes
from bench.compare.changes import Change, Missing
from bench.compare.gates import Rule, find_violations
from bench.compare.run_values import RunValues
from bench.formatting import compact
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.load_points import LoadPoint

_LONGEST_REASON = 160
_UNBOUNDED = 10_000  # columns


@dataclass(frozen=True, slots=True)
class Compared:
    """One run against the first."""

    names: Sequence[str]  # of both
    found: Sequence[Change]
    gone: Sequence[Missing]
    wrong: Sequence[Change]  # of those, what breaks a rule
    absent: Sequence[Missing]
    only: tuple[list[str], list[str]]
    objectives: list[str]  # where they differ
    asked: set[str]  # metrics of the rules


def compared(names: Sequence[str], before: RunValues, now: RunValues, rules: Sequence[Rule]) -> Compared:
    """Everything that can be said. Raises RuleError."""
    found, gone = changes.changes(before, now), changes.missing(before, now)
    violations = find_violations(found, gone, rules)
    asked = {rule.metric for rule in rules}
    return Compared(
        names,
        found,
        gone,
        violations.changes,
        violations.missing,
        changes.only_in_one(before, now),
        _objectives(before, now),
        asked,
    )


def as_lines(one: Compared) -> list[str]:
    """A line of JSON for each comparison, and for each that is missing."""
    rows = [(asdict(change), change in one.wrong) for change in one.found]
    rows += [(asdict(lost), lost in one.absent) for lost in one.gone]
    return [json.dumps({"runs": one.names, **_plain(values), "broken": broken}) for values, broken in rows]


def tell(screen: Console, one: Compared, differences: list[str], *, everything: bool) -> None:
    """Lines and a table. differences: of the machines."""
    say(screen, f"{one.names[1]} against {one.names[0]}", "bold")
    for text in [*differences, *one.objectives]:
        say(screen, f"not the same: {text}", indent=2)
    for text in _machine(one.found):
        say(screen, text)
    for side, only in zip(one.names, one.only, strict=True):
        if only:
            say(screen, f"only in {side}: {'; '.join(only)}")
    competing = [change for change in one.found if not Arm.parse(change.arm).is_baseline]
    _show(
        screen, [change for change in competing if everything or change.conclusion in ("faster", "slower")], one.wrong
    )
    for text in _missing(one.gone, one.names):
        say(screen, f"missing: {text}")
    say(screen, _counts(competing))
    for change in one.wrong:
        say(screen, f"broken: {change.arm}, {_load(change)}: {change.metric} {_ratio(change)}")
    for text in _missing(one.absent, one.names, one.asked):
        say(screen, f"broken: {text}")


def _machine(found: Sequence[Change]) -> list[str]:
    """What became of the machine, as its limit tells; a line for each metric of it that moved."""
    if all(math.isnan(one.baseline_ratio) for one in found):
        return [f"what the machine did between these runs is not known: {BASELINE_MODEL} was not measured in both"]
    lines = []
    for metric in dict.fromkeys(one.metric for one in found if not math.isnan(one.baseline_ratio)):
        of_limit = [one for one in found if one.metric == metric and Arm.parse(one.arm).is_baseline]
        moved = [one.ratio for one in of_limit if one.low > 1 or one.high < 1]
        if moved:
            least, most = (f"{end(moved):.2f}" for end in (min, max))
            times = least if least == most else f"{least} to {most}"
            loads = f"{len(moved)} of {len(of_limit)} loads"
            lines.append(f"the machine moved: {metric} of {BASELINE_MODEL}, {times} times, at {loads}")
    if lines:
        lines.append("only what this does not explain is called a difference below")
    return lines


def _objectives(before: RunValues, now: RunValues) -> list[str]:
    one, other = before.objectives, now.objectives
    return [f"{'; '.join(one)} before, {'; '.join(other)} now"] if one and other and one != other else []


def _show(screen: Console, changes: Sequence[Change], wrong: Sequence[Change]) -> None:
    """A table if it fits, so that nothing of it is cut; else two lines each."""
    if not changes:
        say(screen, "no difference is resolved")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("arm", "load", "metric", "before", "now", "ratio", "", "verdict"):
        table.add_column(heading, no_wrap=True)
    styles = ["bold red" if one in wrong else "dim" if one.verdict == "invalid" else "" for one in changes]
    for one, style in zip(changes, styles, strict=True):
        figures = (compact(one.before), compact(one.now), _ratio(one), one.conclusion, one.verdict)
        table.add_row(*cells(one.arm, _load(one), one.metric, *figures), style=style)
    unbounded = screen.options.update(width=_UNBOUNDED)  # else it is measured as it would be cut
    if screen.measure(table, options=unbounded).maximum <= screen.width:
        screen.print(table)
        return
    load = ""
    for one, style in zip(changes, styles, strict=True):
        if _load(one) != load:
            load = _load(one)
            say(screen, load, "bold")
        say(screen, f"{one.arm} {one.metric} {_ratio(one)} {one.conclusion}", style)
        say(screen, f"{compact(one.before)} before, {compact(one.now)} now; {one.verdict}", style, indent=4)


def _missing(gone: Sequence[Missing], names: Sequence[str], asked: Iterable[str] = ()) -> list[str]:
    """A line for each arm and way to be missing, however many loads it is missing at. asked: only these metrics."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Missing]] = {}
    for one in gone:
        # Of a case that is gone as a whole its metrics need no telling, but for those that a rule names.
        metrics = tuple(name for name in one.metrics if name in asked or (one.status == "ok" and not asked))
        groups.setdefault((one.arm, one.status, metrics), []).append(one)
    lines = []
    for (arm, status, metrics), members in groups.items():
        reasons = list(dict.fromkeys(one.reason for one in members))
        why = textwrap.shorten(reasons[0], _LONGEST_REASON, placeholder=" ...")
        why += f", and {len(reasons) - 1} other reasons" * (len(reasons) > 1)
        what = f"{', '.join(metrics)} of " * bool(metrics) + arm
        so = "has no such figure" if status == "ok" else "is not measured" if status == "missing" else status
        lines.append(f"{what}, measured in {names[0]}, {so} in {names[1]}, at {_loads(members)}: {why}")
    return lines


def _loads(members: Sequence[Missing]) -> str:
    """Load points, those of one scenario and size together: ``capacity, 1, 16 and 64 connections, 64 bytes``."""
    groups: dict[tuple[str, int], list[int]] = {}
    for one in members:
        groups.setdefault((one.scenario, one.message_bytes), []).append(one.connections)
    texts = []
    for (scenario, message_bytes), counts in groups.items():
        *first, last = sorted(counts)
        name, _, rest = str(LoadPoint.of(scenario, last, message_bytes)).partition(", ")
        texts.append(f"{name}, {', '.join(map(str, first))} and {rest}" if first else f"{name}, {rest}")
    return "; ".join(texts)


def _counts(found: Sequence[Change]) -> str:
    words = sorted({one.conclusion for one in found})
    counts = ", ".join(f"{sum(one.conclusion == word for one in found)} {word}" for word in words)
    line = f"{len(found)} comparisons, unpaired" + f": {counts}" * bool(counts)
    if invalid := sum(one.verdict == "invalid" for one in found):
        line += (
            f"; without a word, as figures are invalid (why, says report.md) or the machine moved too far: {invalid}"
        )
    return line


def _load(one: Change) -> str:
    return str(LoadPoint.of(one.scenario, one.connections, one.message_bytes))


def _ratio(one: Change) -> str:
    return f"{one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON has no word for is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
