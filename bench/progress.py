"""What is shown while a run goes on: a bar and a first ranking on a terminal, plain lines elsewhere.

Drawn between slices only: whatever this costs belongs to nobody's figures.
"""

import contextlib
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bench.block import DELAYED, Moment
from bench.metrics import compact, is_twin, load_in_words, transport

_DRAW_EVERY_S = 0.25
_MOST_ROWS = 8
_BARS = "▁▂▃▄▅▆▇█"
_SPARKS = 24  # slices
_T95 = 2.26  # Student's for ten blocks; for fewer it is more, and the interval here is a first look
Case = tuple[str, int, int]


@dataclass(slots=True)
class Standing:
    """What is known so far: rates of each arm, by block, and what was noticed."""

    rates: dict[tuple[Case, str], dict[int, list[float]]] = field(default_factory=dict)
    delayed: int = 0  # slices in which others had the generator's CPU

    def add(self, moment: Moment) -> None:
        """Take one slice."""
        row = moment.row
        rate = row.throughput_rps if row.sessions_per_s is None else row.sessions_per_s
        self.rates.setdefault((case_of(moment), row.arm), {}).setdefault(moment.block, []).append(rate)
        self.delayed += row.run_delay_share > DELAYED

    def ranking(self, case: Case, over: str) -> list[tuple[str, float, float]]:
        """Arm, median over blocks and half-width of its interval (nan for a single block), the most on top."""
        found = []
        for (of_case, arm), blocks in self.rates.items():
            if of_case == case and transport(arm) == over and not is_twin(arm):
                values = [statistics.median(rates) for rates in blocks.values()]
                several = len(values) > 1
                half = _T95 * statistics.stdev(values) / math.sqrt(len(values)) if several else math.nan
                found.append((arm, statistics.median(values), half))
        return sorted(found, key=lambda one: -one[1])

    def sparkline(self, case: Case, arm: str) -> str:
        """The last slices of an arm as little bars from nought to the highest."""
        values = [rate for rates in self.rates.get((case, arm), {}).values() for rate in rates][-_SPARKS:]
        most = max(values, default=0.0)
        return "".join(_BARS[min(7, int(8 * value / most))] for value in values) if most > 0 else ""


def case_of(moment: Moment) -> Case:
    """The load that a slice belongs to."""
    return moment.scenario, moment.connections, moment.row.message_bytes


@contextlib.contextmanager
def shown(console: Console, slices: int, blocks: int) -> Iterator[Callable[[Moment], None]]:
    """Show how far a run is; yields what is to be called after each slice. blocks: 0 if nobody knows how many."""
    if not console.is_terminal:
        yield _plain_lines(console, blocks)
        return
    left = (TextColumn("{task.percentage:>3.0f} %, left"), TimeRemainingColumn(compact=True)) if slices else ()
    words = TextColumn("{task.description}")  # the last: it is the one to be cut where the terminal is narrow
    progress = Progress(BarColumn(bar_width=24), *left, words, console=console, auto_refresh=False)
    task = progress.add_task("starting servers", total=slices or None)
    standing = Standing()
    with Live(progress, console=console, auto_refresh=False, transient=True) as live:
        last_drawn_s = 0.0

        def tell(moment: Moment) -> None:
            nonlocal last_drawn_s
            standing.add(moment)
            progress.update(task, advance=1, description=_in_words(moment, blocks))
            now_s = time.monotonic()
            if now_s - last_drawn_s >= _DRAW_EVERY_S:
                live.update(Group(progress, *_so_far(standing, moment)), refresh=True)
                last_drawn_s = now_s

        live.refresh()
        yield tell


def _so_far(standing: Standing, moment: Moment) -> Iterator[Table | Text]:
    """The first ranking at the load under way, over the transport under way, and what was noticed."""
    case, over = case_of(moment), transport(moment.row.arm)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (f"so far, over {over.upper()}", "a second", ""):
        table.add_column(heading, header_style="dim")
    for arm, median, half in standing.ranking(case, over)[:_MOST_ROWS]:
        spread = "" if math.isnan(half) else f" ±{100 * half / median:.0f}%" if median > 0 else ""
        style = "bold" if arm == moment.row.arm else ""
        table.add_row(arm, compact(median) + spread, standing.sparkline(case, arm), style=style)
    yield table
    if standing.delayed:
        yield Text(f"others had the generator's CPU for a tenth of {standing.delayed} slices", style="yellow")


def _plain_lines(console: Console, blocks: int) -> Callable[[Moment], None]:
    """One line whenever another case begins."""
    told: set[tuple[int, Case]] = set()

    def tell(moment: Moment) -> None:
        case = (moment.block, case_of(moment))
        if case not in told:
            told.add(case)
            console.print(_in_words(moment, blocks, arm=False), highlight=False)

    return tell


def _in_words(moment: Moment, blocks: int, *, arm: bool = True) -> str:
    load = load_in_words(moment.scenario, moment.connections, moment.row.message_bytes)
    words = f"block {moment.block + 1}{f' of {blocks}' if blocks else ''}: {load}"
    return f"{words}, {moment.row.arm}" if arm else words
