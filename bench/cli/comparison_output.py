"""Print a comparison of two runs: what matters first, then the changes one by one, then the details."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.cli.console import print_line, text_cells
from bench.compare.change_text import (
    describe_change,
    describe_outcome,
    describe_values,
    describe_verdict,
    relative_text,
)
from bench.compare.changes import Change
from bench.compare.comparison_sentences import detail_lines, first_sentences
from bench.compare.digest import make_digest
from bench.compare.run_comparison import RunComparison
from bench.translation import N_, gettext
from clients.quality_codes import INVALID

_UNBOUNDED_WIDTH = 10_000  # columns
_CHANGE = N_("change")
_HEADINGS = (N_("server"), N_("load"), N_("metric"), _CHANGE, "", N_("before"), N_("after"), N_("verdict"))


def print_comparison(console: Console, comparison: RunComparison, *, threshold: float, show_all: bool) -> None:
    """Print lines and a table.

    threshold: size from which on a change is listed, as a share. show_all: list all changes.
    """
    before, after = comparison.names
    digest = make_digest(comparison.changes, threshold)
    print_line(console, gettext("{after} compared with {before}", after=after, before=before), "bold")
    for text in first_sentences(comparison, digest, threshold):
        print_line(console, text)
    shown = comparison.judged if show_all else digest.listed
    if shown:
        broken = [change for gate in comparison.gates for change in gate.broken]
        _print_table(console, shown, broken)
    for text in detail_lines(comparison):
        print_line(console, text)


def _print_table(console: Console, shown: Sequence[Change], broken: Sequence[Change]) -> None:
    """Print a table if it fits, so that nothing is cut; otherwise two lines per change."""
    anchors = {relative_text(change) for change in shown if not change.has_invalid_figures}
    table = Table(box=None, pad_edge=False)
    for heading in _HEADINGS:
        is_change = heading == _CHANGE and len(anchors) == 1
        anchor = next(iter(anchors)) if is_change else ""
        table.add_column(f"{gettext(heading) if heading else ''}{anchor}", no_wrap=True)
    styles = [_style(change, broken) for change in shown]
    for change, style in zip(shown, styles, strict=True):
        text = describe_change(change) + (relative_text(change) if len(anchors) > 1 else "")
        values = (text, describe_outcome(change), *describe_values(change), describe_verdict(change))
        table.add_row(*text_cells(change.arm, str(change.load_point), change.metric, *values), style=style)
    unbounded = console.options.update(width=_UNBOUNDED_WIDTH)  # or else the width after cutting is measured
    if console.measure(table, options=unbounded).maximum <= console.width:
        console.print(table)
        return
    load = ""
    for change, style in zip(shown, styles, strict=True):
        if str(change.load_point) != load:
            load = str(change.load_point)
            print_line(console, load, "bold")
        print_line(console, f"{change.arm} {change.metric} {describe_change(change)} {describe_outcome(change)}", style)
        values_line = _values_line(change)
        print_line(console, f"{values_line}{relative_text(change).replace(' ', '; ', 1)}", style, indent=4)


def _values_line(change: Change) -> str:
    before, after = describe_values(change)
    return gettext(
        "{before} before, {after} after; {verdict}", before=before, after=after, verdict=describe_verdict(change)
    )


def _style(change: Change, broken: Sequence[Change]) -> str:
    if change in broken:
        return "bold red"
    return "dim" if change.verdict == INVALID else ""
