"""What is shown while a run goes on: a bar and a first ranking on a terminal, plain lines elsewhere.

Drawn between slices only: whatever this costs belongs to nobody's figures.
"""

import contextlib
import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bench.cli.console import say
from bench.experiment.block import MAX_RUN_DELAY_SHARE
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.formatting import compact, visible
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.schema.rows import SliceRow, TrialRow
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import format_flags, worst_verdict

_DRAW_EVERY_S = 0.25
_MOST_ROWS = 8
_BARS = "▁▂▃▄▅▆▇█"
_SPARKS = 24  # slices
_LEAST_BLOCKS = 3  # two values bound nothing that one could want to know (Student's quantile is 12.7)
_MOST_LETTERS = 160  # of the reason of a failure
Case = tuple[str, int, int]
Tell = Callable[[SliceFinished | CaseFinished], None]


@dataclass(slots=True)
class Standing:
    """What is known so far: a figure of each arm's slices, by block, and what was noticed.

    The figure is what the arms differ in: requests or sessions a second; in an open loop, where the plan sets these,
    the CPU time of a request.
    """

    figures: dict[tuple[Case, str], dict[int, list[float]]] = field(default_factory=dict)
    delayed: int = 0  # slices in which others had the generator's CPU
    disturbed: int = 0  # rounds that were run again
    warned: set[tuple[object, ...]] = field(default_factory=set)

    def add(self, moment: SliceFinished) -> None:
        """Take one slice."""
        row = moment.row
        self.figures.setdefault((case_of(moment), row.arm), {}).setdefault(moment.block, []).append(_figure(row))
        self.delayed += row.run_delay_share > MAX_RUN_DELAY_SHARE

    def warnings(self, ended: CaseFinished) -> list[str]:
        """What the trials of a case have that no trial before had: of each arm every code once, and each failure."""
        self.disturbed += ended.disturbed
        return [line for trial in ended.trials if (line := self._warning(trial))]

    def _warning(self, trial: TrialRow) -> str:
        case = str(LoadPoint.of(trial.scenario, trial.connections, trial.message_bytes))
        if trial.status == "failed":
            return f"{trial.arm} in {case}: failed, {_short(trial.reason)}" if self._is_new(trial.arm, case) else ""
        flags = DEFAULT_THRESHOLDS.parse(trial.codes)
        doubtful = [(flag, verdict) for flag in flags if (verdict := DEFAULT_THRESHOLDS.verdict(flag)) != "valid"]
        new = [one for one in doubtful if self._is_new(trial.arm, one[0].code.name, one[1])]
        if not new:
            return ""
        verdict = worst_verdict(verdict for _, verdict in new)
        return f"{trial.arm} in {case}: {verdict}, {format_flags(flag for flag, _ in new)}"

    def _is_new(self, *what: object) -> bool:
        known = what in self.warned
        self.warned.add(what)
        return not known

    def ranking(self, case: Case, over: str, *, least_first: bool = False) -> list[tuple[str, float, float]]:
        """Arm, median over blocks and half-width of its interval (nan of few blocks), the best on top, nan last."""
        found = []
        for (of_case, arm), blocks in self.figures.items():
            if of_case == case and Arm.parse(arm).transport == over and not Arm.parse(arm).control:
                values = [statistics.median(of_block) for of_block in blocks.values()]
                found.append((arm, statistics.median(values), _half_width(values)))
        sign = 1 if least_first else -1
        return sorted(found, key=lambda one: (math.isnan(one[1]), sign * one[1]))

    def sparkline(self, case: Case, arm: str) -> str:
        """The last slices of an arm as little bars from nought to the highest."""
        values = [figure for figures in self.figures.get((case, arm), {}).values() for figure in figures][-_SPARKS:]
        most = max((value for value in values if not math.isnan(value)), default=0.0)
        bars = (" " if math.isnan(value) else _BARS[min(7, int(8 * value / most))] for value in values)
        return "".join(bars) if most > 0 else ""


def case_of(moment: SliceFinished) -> Case:
    """The load that a slice belongs to."""
    return moment.scenario, moment.connections, moment.row.message_bytes


def _figure(row: SliceRow) -> float:
    """What a slice says of its arm; nan if nothing."""
    if row.rate_rps is not None:
        return row.server_cpu_us / row.answered if row.answered else math.nan
    return row.throughput_rps if row.sessions_per_s is None else row.sessions_per_s


def _heading(row: SliceRow) -> str:
    """What the arms are ranked by."""
    if row.rate_rps is not None:
        return "CPU µs a request, least first"
    return "requests a second" if row.sessions_per_s is None else "sessions a second"


def _half_width(values: Sequence[float]) -> float:
    """Of the 95 % interval of the mean of some blocks' values: Student's."""
    if len(values) < _LEAST_BLOCKS:
        return math.nan
    return _student(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))


@functools.cache
def _student(freedom: int) -> float:
    """Student's quantile for an interval of 95 %."""
    from scipy import special  # loaded anyway before the first block, but not where a command line only looks

    return float(special.stdtrit(freedom, 0.975))


def _short(reason: str) -> str:
    line = visible(reason)
    return line if len(line) <= _MOST_LETTERS else f"{line[: _MOST_LETTERS - 4]} ..."


class ConsoleObserver:
    """Prints what a run reports. Close it when the run is over."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stack = contextlib.ExitStack()
        self._tell: Tell = lambda _: None

    def on_message(self, text: str) -> None:
        """Print a line."""
        say(self._console, text)

    def on_warning(self, text: str) -> None:
        """Print a warning."""
        _warn(self._console, [text])

    def on_run_start(self, slices: int | None, blocks: int | None) -> None:
        """Start the display."""
        self._tell = self._stack.enter_context(shown(self._console, slices or 0, blocks or 0))

    def on_slice(self, event: SliceFinished) -> None:
        """Show a slice."""
        self._tell(event)

    def on_case(self, event: CaseFinished) -> None:
        """Show the warnings of a case."""
        self._tell(event)

    def close(self) -> None:
        """End the display."""
        self._stack.close()


@contextlib.contextmanager
def shown(console: Console, slices: int, blocks: int) -> Iterator[Tell]:
    """Show how far a run is; yields what is to be called after each slice and each case. blocks: 0 if not known."""
    if not console.is_terminal:
        yield _plain_lines(console, blocks)
        return
    left = (TextColumn("{task.percentage:>3.0f} %, left"), TimeRemainingColumn(compact=True)) if slices else ()
    words = TextColumn("{task.description}")  # the last: it is the one to be cut where the terminal is narrow
    progress = Progress(BarColumn(bar_width=24), *left, words, console=console, auto_refresh=False)
    task = progress.add_task("starting servers", total=slices or None)
    standings = Standing()
    with Live(progress, console=console, auto_refresh=False, transient=True) as live:
        last_drawn_s = 0.0

        def tell(event: SliceFinished | CaseFinished) -> None:
            nonlocal last_drawn_s
            if isinstance(event, CaseFinished):
                _warn(console, standings.warnings(event))  # above what is drawn, where they stay
                return
            standings.add(event)
            progress.update(task, advance=1, description=_in_words(event, blocks))
            now_s = time.monotonic()
            if now_s - last_drawn_s >= _DRAW_EVERY_S:
                live.update(Group(progress, *_so_far(standings, event)), refresh=True)
                last_drawn_s = now_s

        live.refresh()
        yield tell


def _so_far(standings: Standing, moment: SliceFinished) -> Iterator[Table | Text]:
    """The first ranking at the load under way, over the transport under way, and what was noticed."""
    case, over = case_of(moment), Arm.parse(moment.row.arm).transport
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (f"so far, over {over.upper()}", _heading(moment.row), ""):
        table.add_column(heading, header_style="dim")
    ranking = standings.ranking(case, over, least_first=moment.row.rate_rps is not None)
    for arm, median, half in ranking[:_MOST_ROWS]:
        spread = "" if math.isnan(half) else f" ±{100 * half / median:.0f}%" if median > 0 else ""
        style = "bold" if arm == moment.row.arm else ""
        table.add_row(arm, compact(median) + spread, standings.sparkline(case, arm), style=style)
    yield table
    if standings.delayed:
        yield Text(f"others had the generator's CPU for a tenth of {standings.delayed} slices", style="yellow")
    if standings.disturbed:
        yield Text(_run_again(standings.disturbed), style="yellow")


def _run_again(disturbed: int) -> str:
    return f"{disturbed} round{' was' if disturbed == 1 else 's were'} disturbed by others on the machine and run again"


def _warn(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(Text(f"warning: {line}", style="yellow"), soft_wrap=True)


def _plain_lines(console: Console, blocks: int) -> Tell:
    """One line whenever another case begins, and one for each new warning."""
    told: set[tuple[int, Case]] = set()
    standings = Standing()

    def tell(event: SliceFinished | CaseFinished) -> None:
        if isinstance(event, CaseFinished):
            lines = standings.warnings(event)
            _warn(console, [*lines, _run_again(event.disturbed)] if event.disturbed else lines)
            return
        case = (event.block, case_of(event))
        if case not in told:
            told.add(case)
            console.print(_in_words(event, blocks, arm=False), highlight=False)

    return tell


def _in_words(moment: SliceFinished, blocks: int, *, arm: bool = True) -> str:
    load = str(LoadPoint.of(moment.scenario, moment.connections, moment.row.message_bytes))
    words = f"block {moment.block + 1}{f' of {blocks}' if blocks else ''}: {load}"
    return f"{words}, {moment.row.arm}" if arm else words
