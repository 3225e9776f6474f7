"""Show the progress of a run: a bar and a first ranking on a terminal, plain lines elsewhere.

The display is drawn between slices only, so its cost is in no figure.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bench.cli.console import print_line
from bench.cli.interim_results import InterimResults, RankedArm, load_point_of, ranking_heading, repeated_rounds
from bench.experiment.observer import CaseFinished, SliceFinished
from bench.formatting import compact
from bench.schema.arms import Arm
from bench.translation import gettext, ngettext, translate_line
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import Thresholds

if TYPE_CHECKING:
    from bench.schema.load_points import LoadPoint

_DRAW_INTERVAL_S = 0.25
_MAX_ROWS = 8


class ProgressDisplay:
    """Print what a run reports (a RunObserver). As a context manager it ends the live display."""

    def __init__(self, console: Console) -> None:
        self._results = InterimResults(DEFAULT_THRESHOLDS)  # the start of the run brings the thresholds of its plan
        self._console = console
        self._blocks: int | None = None
        self._shown_cases: set[tuple[int, LoadPoint]] = set()
        self._live: _LiveDisplay | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        if counts := self._results.counts():
            self.on_message(counts)

    def on_message(self, text: str) -> None:
        """Print one line."""
        print_line(self._console, translate_line(text))

    def on_warning(self, text: str) -> None:
        """Print one line that is marked as a warning. It stays above the live display."""
        print_line(self._console, gettext("warning: {text}", text=translate_line(text)), "yellow")

    def on_run_start(self, slices: int | None, blocks: int | None, thresholds: Thresholds) -> None:
        """Start the display. slices, blocks: how many will be run; None if that is not known."""
        self._results = InterimResults(thresholds)
        self._blocks = blocks
        if self._console.is_terminal:
            self._live = _LiveDisplay(self._console, slices)

    def on_slice(self, event: SliceFinished) -> None:
        """Show a slice that has finished."""
        self._results.add_slice(event)
        if self._live is not None:
            self._live.advance(f"{self._describe(event)}, {_arm_text(event.row.arm)}", self._results, event)
            return
        case = (event.block, load_point_of(event))
        if case not in self._shown_cases:
            self._shown_cases.add(case)
            print_line(self._console, self._describe(event))

    def on_case(self, event: CaseFinished) -> None:
        """Print what is new in a case that has finished."""
        for notice in self._results.add_case(event):
            if notice.is_finding:
                self.on_message(gettext("finding: {text}", text=notice.text))
            else:
                self.on_warning(notice.text)

    def on_folder_change(self, folder: Path) -> None:
        """Do nothing: the run prints its folder at the end."""

    def _describe(self, event: SliceFinished) -> str:
        of_blocks = gettext(" of {blocks}", blocks=self._blocks) if self._blocks else ""
        return gettext(
            "block {block}{of_blocks}: {load_point}",
            block=event.block + 1,
            of_blocks=of_blocks,
            load_point=load_point_of(event),
        )


class _LiveDisplay:
    """A progress bar and the first ranking, redrawn in place."""

    def __init__(self, console: Console, slices: int | None) -> None:
        columns: list[ProgressColumn] = [BarColumn(bar_width=24)]
        if slices:
            columns += [TextColumn("{task.percentage:>3.0f} %, " + gettext("left")), TimeRemainingColumn(compact=True)]
        columns.append(TextColumn("{task.description}"))  # last: a narrow terminal cuts this column
        self._progress = Progress(*columns, console=console, auto_refresh=False)
        self._task: TaskID = self._progress.add_task(gettext("starting servers"), total=slices or None)
        self._live = Live(self._progress, console=console, auto_refresh=False, transient=True)
        self._live.start(refresh=True)
        self._last_drawn_s = 0.0

    def advance(self, description: str, results: InterimResults, event: SliceFinished) -> None:
        """Count one slice, and redraw if the last drawing is some time ago."""
        self._progress.update(self._task, advance=1, description=description)
        now_s = time.monotonic()
        if now_s - self._last_drawn_s >= _DRAW_INTERVAL_S:
            self._live.update(Group(self._progress, *_interim_tables(results, event)), refresh=True)
            self._last_drawn_s = now_s

    def stop(self) -> None:
        """Remove the display."""
        self._live.stop()


def _interim_tables(results: InterimResults, event: SliceFinished) -> Iterator[Table | Text]:
    """Yield the ranking at the current load point over the current transport, and what disturbed the run."""
    load, transport = load_point_of(event), Arm.parse(event.row.arm).transport
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (gettext("so far, over {transport}", transport=transport.upper()), ranking_heading(event.row), ""):
        table.add_column(heading, header_style="dim")
    for ranked in results.ranking(load, transport, lowest_first=event.row.rate_rps is not None)[:_MAX_ROWS]:
        style = "bold" if ranked.arm == event.row.arm else ""
        table.add_row(_arm_text(ranked.arm), _median_cell(ranked), results.sparkline(load, ranked.arm), style=style)
    yield table
    if results.delayed_slices:
        slices = ngettext("{count} slice", "{count} slices", results.delayed_slices)
        yield Text(gettext("generator was preempted for more than 10% of {slices}", slices=slices), style="yellow")
    if results.repeated_rounds:
        yield Text(repeated_rounds(results.repeated_rounds), style="yellow")


def _arm_text(name: str) -> str:
    """Return the name of an arm for people: ``asyncio/tcp (control)``."""
    return Arm.parse(name).display_name


def _median_cell(ranked: RankedArm) -> str:
    if math.isnan(ranked.half_width) or not ranked.median > 0:
        return compact(ranked.median)
    return f"{compact(ranked.median)} ±{100 * ranked.half_width / ranked.median:.0f}%"
