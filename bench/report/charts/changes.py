"""Changes of one metric between two runs: a ratio with its interval for each server at each load point."""

import itertools
import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.compare.change_text import (
    describe_change,
    describe_outcome,
    describe_values,
    describe_verdict,
    relative_text,
)
from bench.compare.changes import Change
from bench.compare.wording import better_direction, change_question
from bench.formatting import join_alternatives
from bench.report.charts.layout import Texts, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.ratio_marks import RatioMark, draw_ratio, set_ratio_axis
from bench.report.charts.style import GREY, INK, PALE, Style, styles
from bench.schema.arms import Arm
from bench.schema.conclusions import Conclusion
from bench.schema.load_points import LoadPoint
from bench.translation import gettext, ngettext

ROW_IN = 0.23
_FRAME_IN, _MIN_BODY_IN = 0.9, 1.8  # height of titles and ticks around the axes; of the smallest chart
_Row = tuple[LoadPoint, str]  # of a server's label, or "" for the heading of a load point


def draw_changes(changes: Sequence[Change], names: Sequence[str], threshold: float) -> Figure | None:
    """Return a chart with a panel for each transport and a row for each server at each load point.

    changes: of one metric. names: of both runs. threshold: changes that are smaller are counted, not listed.
    """
    drawn = [change for change in changes if not change.has_invalid_figures and _is_drawable(change)]
    if not drawn:
        return None
    panels = sorted({Arm.parse(change.arm).transport for change in drawn})
    looks = styles(Arm.parse(change.arm).label for change in drawn)
    rows = {row: height for height, row in enumerate(_rows(drawn))}
    texts = _texts(drawn, len(changes) - len(drawn), names, threshold)
    figure, axes = page(texts, len(panels), max(_MIN_BODY_IN, ROW_IN * len(rows) + _FRAME_IN))
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        ax.axvspan(1 - threshold, 1 + threshold, color=PALE, alpha=0.6, zorder=0, linewidth=0)
        ax.axvline(1, color=GREY, linewidth=0.9, zorder=1)
        for change in drawn:
            arm = Arm.parse(change.arm)
            if arm.transport == transport:
                with mark(ax, arm.label, _describe(change)):
                    draw_ratio(ax, _ratio_mark(change), rows[change.load_point, arm.label], looks[arm.label])
        set_ratio_axis(ax, [_ratio_mark(change) for change in drawn], _axis_label(drawn))
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0, labelleft=ax is axes[0])
    _name_rows(axes[0], rows, looks)
    settle(figure)
    return figure


def _is_drawable(change: Change) -> bool:
    return 0 < change.judged_ratio < math.inf


def _rows(changes: Sequence[Change]) -> Iterator[_Row]:
    """Yield the rows from above: the heading of each load point, then its servers."""
    cases = sorted({(change.load_point, Arm.parse(change.arm).label) for change in changes})
    for load_point, of_load in itertools.groupby(cases, key=lambda case: case[0]):
        yield load_point, ""
        yield from of_load


def _ratio_mark(change: Change) -> RatioMark:
    low, high = change.judged_interval
    return RatioMark(change.judged_ratio, low, high, Conclusion(change.conclusion).is_difference)


def _describe(change: Change) -> str:
    before, now = describe_values(change)
    judged = f"{describe_change(change)}{relative_text(change)}, {describe_outcome(change)}"
    return gettext(
        "{arm}, {load_point}: {judged}; {before} before, {now} after; {verdict}",
        arm=change.arm,
        load_point=change.load_point,
        judged=judged,
        before=before,
        now=now,
        verdict=describe_verdict(change),
    )


def _texts(drawn: Sequence[Change], left_out: int, names: Sequence[str], threshold: float) -> Texts:
    before, after = names
    notes = [
        gettext("Full marks: a significant difference. Hollow marks: no significant one. Bars: 95% intervals."),
        gettext("Grey band: changes of less than {threshold:g}%.", threshold=100 * threshold),
    ]
    if any(change.relative_to for change in drawn):
        notes.append(
            gettext("Relative to a server that is the same program in both runs, so the machine's own change cancels.")
        )
    if any(change.is_machine_drift for change in drawn):
        notes.append(gettext("Hollow, too, whatever the interval: the machine drifted too far for a conclusion."))
    if left_out:
        notes.append(
            gettext(
                "Not drawn: {comparisons} of invalid figures.",
                comparisons=ngettext("{count} comparison", "{count} comparisons", left_out),
            )
        )
    return Texts(
        change_question(drawn[0].metric),
        gettext("{after} divided by {before}, for each server at each load", after=after, before=before),
        notes,
    )


def _axis_label(drawn: Sequence[Change]) -> str:
    anchors = sorted({change.relative_to for change in drawn if change.relative_to})
    relative = gettext(", relative to {anchors}", anchors=join_alternatives(anchors)) if anchors else ""
    return gettext(
        "after / before{relative} (log scale; {better_direction} is better)",
        relative=relative,
        better_direction=better_direction(drawn[0].metric),
    )


def _name_rows(ax: Axes, rows: dict[_Row, int], looks: dict[str, Style]) -> None:
    ax.set_ylim(len(rows) - 0.4, -0.8)
    ax.set_yticks([*rows.values()], [label or str(load_point) for load_point, label in rows], fontsize=9.5)
    for tick, (_, label) in zip(ax.get_yticklabels(), rows, strict=True):
        tick.set_color(looks[label].ink if label else INK)
        tick.set_fontweight("normal" if label else "bold")
