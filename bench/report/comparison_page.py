"""The page about comparisons of runs: the sentences of the terminal, charts, and the changes one by one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from bench.escaping import all_visible, visible
from bench.report.comparison_pictures import change_pictures
from bench.report.content import Cell, Picture
from bench.report.csv_tables import change_csv
from bench.report.html_pages import html_templates, models_of
from bench.report.terms import select_terms
from bench.schema.arms import Arm
from bench.translation import N_, gettext
from clients.quality_codes import SUSPECT

_TERMS = ("baseline", "block", "interval", "equivalent", "inconclusive", N_("suspect, invalid"))
_COLUMNS = (N_("server"), N_("load"), N_("metric"), N_("change"), "", N_("before"), N_("after"), N_("verdict"))


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """One comparison as the page shows it."""

    title: str
    origin: str  # when and where both runs were measured
    sentences: list[str]
    pictures: list[Picture]  # of metrics with a change from the threshold on; on another machine, all with a baseline
    more_pictures: list[Picture]
    listed: list[list[Cell]]  # rows of changes from the threshold on
    rows: list[list[Cell]]  # of all changes
    details: list[str]
    file_name: str  # of the rows as CSV
    csv: str


def render_comparisons(comparisons: Sequence[RunComparison], threshold: float) -> str:
    """Return an HTML page that needs no other file.

    threshold: size from which on a change is listed, as a share.
    """
    views = [_view(each, threshold, number, len(comparisons)) for number, each in enumerate(comparisons, start=1)]
    pictures = [picture for view in views for picture in (*view.pictures, *view.more_pictures)]
    content = {
        "views": views,
        "columns": [gettext(name) if name else "" for name in _COLUMNS],
        "models": models_of(pictures),
        "threshold": f"{100 * threshold:g}%",
        "terms": select_terms(_TERMS),
    }
    return html_templates().get_template("comparison.html.j2").render(content)


def _view(comparison: RunComparison, threshold: float, number: int, count: int) -> ComparisonView:
    """Return one of several comparisons. number: from 1 on. count: of all comparisons."""
    comparison = replace(comparison, names=[visible(name) for name in comparison.names])
    before, after = comparison.names
    digest = make_digest(comparison.changes, threshold)
    opened = {change.metric for change in digest.large}
    if comparison.is_other_machine:
        opened |= {change.metric for change in comparison.judged if change.relative_to}
    pictures = change_pictures(comparison, threshold, number)
    return ComparisonView(
        title=gettext("{after} compared with {before}", after=after, before=before),
        origin=visible(comparison.origin),
        sentences=all_visible(first_sentences(comparison, digest, threshold)),
        pictures=[picture for picture in pictures if picture.scenario in opened],
        more_pictures=[picture for picture in pictures if picture.scenario not in opened],
        listed=[_cells(change) for change in digest.large],
        rows=[_cells(change) for change in comparison.judged],
        details=all_visible(detail_lines(comparison)),
        file_name="changes.csv" if count == 1 else f"changes-{number}.csv",
        csv=change_csv(comparison),
    )


def _cells(change: Change) -> list[Cell]:
    before, after = describe_values(change)
    texts = [
        Arm.parse(change.arm).display_name,
        str(change.load_point),
        change.metric,
        f"{describe_change(change)}{relative_text(change)}",
    ]
    style = change.verdict if change.verdict == SUSPECT else ""
    quality = [Cell(before, style), Cell(after, style)]
    outcome = Cell(describe_outcome(change), change.conclusion)
    return [*(Cell(text) for text in texts), outcome, *quality, Cell(describe_verdict(change))]
