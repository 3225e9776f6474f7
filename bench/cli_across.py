"""The commands that read several runs: ``holabench compare`` and ``holabench history``."""

import json
import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cells import visible
from bench.metrics import METRICS, compact, load_in_words
from bench.plan import PlanError, apply_thresholds
from bench.screen import output
from bench.store import RunFolder, StoreError
from clients.console import Stop

if TYPE_CHECKING:  # a command line begins two seconds sooner without pandas
    from bench.across import Change, Missing, Rule, Run
    from bench.history import Series

across = typer.Typer()
BROKEN = 4  # the exit code of a comparison in which a rule is broken
_LONGEST_REASON = 160
_UNBOUNDED = 10_000  # columns


@across.command()
def compare(
    before: Annotated[Path, typer.Argument(help="The folder of a run.")],
    others: Annotated[list[Path], typer.Argument(help="One or more later ones, each compared with the first.")],
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help='What must not be, as "cpu_us_per_request>5%"; may be given several times. Exit code 4.'),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what did not change, and what is not resolved.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON for each comparison, for scripts.")] = False,
) -> int:
    """Tell what changed between runs: each arm at each load, unpaired, with its interval.

    Examples of use:

      holabench compare results/monday results/tuesday

      holabench compare main branch --fail-if "cpu_us_per_request>5%"

    For --fail-if only differences count that are resolved, and what was measured before and is missing now.
    """
    from bench import across as runs
    from bench.environment import differences

    screen, is_broken = output(), False
    try:
        rules = [runs.rule(text) for text in fail_if or ()]
        first = RunFolder.open(before)
        of_first = _read(first)
        for path in others:
            folder = RunFolder.open(path)
            names = runs.labels([before, path])
            one = _compared(names, of_first, _read(folder), rules)
            is_broken |= bool(one.wrong or one.absent)
            if as_json:
                _as_json(one)
            else:
                _tell(screen, one, differences(first.environment(), folder.environment()), everything=everything)
    except runs.RuleError as error:
        raise Stop(f"--fail-if {error}") from error
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    return BROKEN if is_broken else 0


@across.command()
def history(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs, in any order.")],
    metric: Annotated[str, typer.Option(help=f"One of {', '.join(METRICS)}.")] = "cpu_us_per_request",
    arm: Annotated[str, typer.Option(help="Only this one, as asyncio/tcp.")] = "",
    scenario: Annotated[str, typer.Option(help="Only this one, as capacity.")] = "",
    chart: Annotated[Path | None, typer.Option(help="File for a chart: PNG or SVG.")] = None,
) -> None:
    """Follow a figure over many runs, and mark where it changed: the first run of each new level.

    Examples of use:

      holabench history results/*-standard --metric throughput_rps

      holabench history results/* --arm asyncio/tcp --chart history.png

    Runs stand in the order of their times: that with which a folder's name begins, as 20261122T073100Z-standard, which
    a copy keeps; of a folder with another name, when its plan.toml was written. Invalid figures are shown, and left out
    where a change is looked for.
    """
    if metric not in METRICS:
        raise Stop(f"--metric {metric!r} is not measured; there are: {', '.join(METRICS)}")
    from bench import history as runs

    try:
        found = runs.series(folders, metric, arm, scenario)
    except (StoreError, PlanError) as error:
        raise Stop(str(error)) from error
    if not found:
        raise Stop(f"no run of these has {metric}{f' of {arm}' * bool(arm)}{f' in {scenario}' * bool(scenario)}")
    screen = output()
    for one in found:
        _say(screen, f"{one.arm}, {one.load}: {METRICS[metric].label}", "bold")
        screen.print(_course(one))
        screen.print()
    if invalid := sum(verdict == "invalid" for one in found for verdict in one.verdicts):
        _say(screen, f"invalid figures, in which no change is looked for: {invalid}; why, says report.md of each run")
    fewest = min(len(one.sound) for one in found)
    if fewest < runs.LEAST_RUNS:
        _say(screen, f"where fewer than {runs.LEAST_RUNS} runs have figures to trust, no change is looked for")
    elif fewest < runs.ENOUGH_RUNS:
        _say(
            screen, f"fewer than {runs.ENOUGH_RUNS} runs: only what is very many times their scatter is called a change"
        )
    if chart is not None:
        try:
            runs.save(found, chart)
        except (OSError, ValueError) as error:
            raise Stop(f"--chart {chart}: {error}") from error
        typer.echo(chart)


def _read(folder: RunFolder) -> "Run":
    """What is compared of a run, judged by its plan's own thresholds. Raises StoreError and PlanError."""
    from bench import across as runs

    plan, limits = folder.plan(), folder.limits()
    apply_thresholds(plan)
    trials = folder.measured() if limits is None else folder.trials()
    return runs.measured(trials, folder.finished("slices"), limits, runs.planned(plan))


@dataclass(frozen=True, slots=True)
class _Compared:
    """One run against the first."""

    names: Sequence[str]  # of both
    found: "Sequence[Change]"
    gone: "Sequence[Missing]"
    wrong: "Sequence[Change]"  # of those, what breaks a rule
    absent: "Sequence[Missing]"
    only: tuple[list[str], list[str]]
    objectives: list[str]  # where they differ
    asked: set[str]  # metrics of the rules


def _compared(names: Sequence[str], before: "Run", now: "Run", rules: "Sequence[Rule]") -> _Compared:
    from bench import across as runs

    found, gone = runs.changes(before, now), runs.missing(before, now)
    wrong, absent = runs.broken(found, gone, rules)
    asked = {rule.metric for rule in rules}
    return _Compared(names, found, gone, wrong, absent, runs.only_in_one(before, now), _objectives(before, now), asked)


def _as_json(one: _Compared) -> None:
    lines = [(asdict(change), change in one.wrong) for change in one.found]
    lines += [(asdict(lost), lost in one.absent) for lost in one.gone]
    for values, broken in lines:
        typer.echo(json.dumps({"runs": one.names, **_plain(values), "broken": broken}))


def _tell(screen: Console, one: _Compared, differences: list[str], *, everything: bool) -> None:
    _say(screen, f"{one.names[1]} against {one.names[0]}", "bold")
    for text in [*differences, *one.objectives]:
        _say(screen, f"not the same: {text}", indent=2)
    for side, only in zip(one.names, one.only, strict=True):
        if only:
            _say(screen, f"only in {side}: {'; '.join(only)}")
    _show(screen, [change for change in one.found if everything or change.word in ("faster", "slower")], one.wrong)
    for text in _missing(one.gone, one.names):
        _say(screen, f"missing: {text}")
    _say(screen, _counts(one.found))
    for change in one.wrong:
        _say(screen, f"broken: {change.arm}, {_load(change)}: {change.metric} {_ratio(change)}")
    for text in _missing(one.absent, one.names, one.asked):
        _say(screen, f"broken: {text}")


def _say(screen: Console, line: str, style: str = "", indent: int = 0) -> None:
    """One line that may hold what others wrote: neither a terminal's commands nor rich's are in it, and it is whole."""
    screen.print(Text(" " * indent + visible(line), style), soft_wrap=True)


def _objectives(before: "Run", now: "Run") -> list[str]:
    one, other = before.objectives, now.objectives
    return [f"{'; '.join(one)} before, {'; '.join(other)} now"] if one and other and one != other else []


def _show(screen: Console, changes: "Sequence[Change]", wrong: "Sequence[Change]") -> None:
    """A table if it fits, so that nothing of it is cut; else two lines each."""
    if not changes:
        _say(screen, "no difference is resolved")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("arm", "load", "metric", "before", "now", "ratio", "", "verdict"):
        table.add_column(heading, no_wrap=True)
    styles = ["bold red" if one in wrong else "dim" if one.verdict == "invalid" else "" for one in changes]
    for one, style in zip(changes, styles, strict=True):
        figures = (compact(one.before), compact(one.now), _ratio(one), one.word, one.verdict)
        table.add_row(*_cells(one.arm, _load(one), one.metric, *figures), style=style)
    unbounded = screen.options.update(width=_UNBOUNDED)  # else it is measured as it would be cut
    if screen.measure(table, options=unbounded).maximum <= screen.width:
        screen.print(table)
        return
    load = ""
    for one, style in zip(changes, styles, strict=True):
        if _load(one) != load:
            load = _load(one)
            _say(screen, load, "bold")
        _say(screen, f"{one.arm} {one.metric} {_ratio(one)} {one.word}", style)
        _say(screen, f"{compact(one.before)} before, {compact(one.now)} now; {one.verdict}", style, indent=4)


def _course(one: "Series") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("run", overflow="fold")
    for heading in ("median", "interval", "verdict", ""):
        table.add_column(heading, no_wrap=True)
    changed = one.changes
    rows = zip(one.runs, one.medians, one.lows, one.highs, one.verdicts, strict=True)
    for place, (run, median, low, high, verdict) in enumerate(rows):
        between = "-" if math.isnan(low) else f"{compact(low)} to {compact(high)}"
        mark = "<- changed" if place in changed else ""
        table.add_row(*_cells(run, compact(median), between, verdict, mark), style="dim" * (verdict == "invalid"))
    return table


def _cells(*texts: str) -> list[Text]:
    return [Text(visible(text)) for text in texts]


def _missing(gone: "Sequence[Missing]", names: Sequence[str], asked: Iterable[str] = ()) -> list[str]:
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


def _loads(members: "Sequence[Missing]") -> str:
    """Load points, those of one scenario and size together: ``capacity, 1, 16 and 64 connections, 64 bytes``."""
    groups: dict[tuple[str, int], list[int]] = {}
    for one in members:
        groups.setdefault((one.scenario, one.message_bytes), []).append(one.connections)
    texts = []
    for (scenario, message_bytes), counts in groups.items():
        *first, last = sorted(counts)
        name, _, rest = load_in_words(scenario, last, message_bytes).partition(", ")
        texts.append(f"{name}, {', '.join(map(str, first))} and {rest}" if first else f"{name}, {rest}")
    return "; ".join(texts)


def _counts(found: "Sequence[Change]") -> str:
    words = sorted({one.word for one in found})
    counts = ", ".join(f"{sum(one.word == word for one in found)} {word}" for word in words)
    line = f"{len(found)} comparisons, unpaired" + f": {counts}" * bool(counts)
    if invalid := sum(one.verdict == "invalid" for one in found):
        line += f"; resting on invalid figures, and so without a word: {invalid}; why, says report.md of each run"
    return line


def _load(one: "Change") -> str:
    return load_in_words(one.scenario, one.connections, one.message_bytes)


def _ratio(one: "Change") -> str:
    return f"{one.ratio:.3f} [{one.low:.3f}, {one.high:.3f}]"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """What JSON has no word for is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
