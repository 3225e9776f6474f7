"""What is shown while a run goes on: a bar on a terminal, plain lines elsewhere. Drawn between slices only."""

import contextlib
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bench.block import Moment
from bench.metrics import load_in_words

_DRAW_EVERY_S = 0.25  # a drawing takes some milliseconds, between slices, and belongs to nobody's figures


@contextlib.contextmanager
def shown(console: Console, slices: int, blocks: int) -> Iterator[Callable[[Moment], None]]:
    """Show how far a run is; yields what is to be called after each slice. blocks: 0 if nobody knows how many."""
    if not console.is_terminal:
        yield _plain_lines(console, blocks)
        return
    left = (TextColumn("{task.percentage:>3.0f} %, left"), TimeRemainingColumn(compact=True)) if slices else ()
    words = TextColumn("{task.description}")  # the last: it is the one to be cut where the terminal is narrow
    columns = (BarColumn(bar_width=24), *left, words)
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("starting servers", total=slices or None)
        last_drawn_s = 0.0

        def tell(moment: Moment) -> None:
            nonlocal last_drawn_s
            progress.update(task, advance=1, description=_in_words(moment, blocks))
            now_s = time.monotonic()
            if now_s - last_drawn_s >= _DRAW_EVERY_S:
                progress.refresh()
                last_drawn_s = now_s

        progress.refresh()
        yield tell


def _plain_lines(console: Console, blocks: int) -> Callable[[Moment], None]:
    """One line whenever another case begins."""
    told: set[tuple[int, str, int, int]] = set()

    def tell(moment: Moment) -> None:
        case = (moment.block, moment.scenario, moment.connections, moment.row.message_bytes)
        if case not in told:
            told.add(case)
            console.print(_in_words(moment, blocks, arm=False), highlight=False)

    return tell


def _in_words(moment: Moment, blocks: int, *, arm: bool = True) -> str:
    load = load_in_words(moment.scenario, moment.connections, moment.row.message_bytes)
    words = f"block {moment.block + 1}{f' of {blocks}' if blocks else ''}: {load}"
    return f"{words}, {moment.row.arm}" if arm else words
