"""Dot plots: a row for each case, and a panel for each transport."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.formatting import compact
from bench.report.charts.layout import TEXT_GREY, Texts, number_ticks, page, panel_title, settle
from bench.report.charts.lines import draw_marker, draw_prediction
from bench.report.charts.marks import mark
from bench.report.charts.points import Point, of_transport, row_name, transports
from bench.report.charts.style import GREY, INK, Style, styles
from bench.schema.code_words import in_words
from bench.translation import gettext

ROW_IN, GAP_ROWS = 0.25, 0.7  # height of a row; gap between two servers, in rows
MAX_SHARED_SCALE = 2.5  # if transports differ by more, a shared scale would squeeze one of them to the left
MIN_RSS_RATIO = 1.1  # a second mark nearer than this would cover the first
CONTROL_OFFSET = 0.32  # of the control's mark below its row
SMALL = 8.5
SecondMarks = dict[tuple[str, int], float]  # by arm name and connections


@dataclass(frozen=True, slots=True)
class Rows:
    """The heights of the rows, from top to bottom."""

    of_case: dict[tuple[str, int], float]  # by label and connections
    of_label: dict[str, float]
    height: float


def draw_dots(
    points: list[Point], texts: Texts, unit: str, *, more_is_better: bool, lighter: Sequence[Point] | None = None
) -> Figure:
    """Return a chart of points.

    lighter: second marks on the same axis, e.g. memory counted in another way.
    """
    panels = transports(points)
    rows = _rows(points, panels[0], more_is_better=more_is_better)
    body_in = max(2.4, ROW_IN * rows.height + 0.9)
    figure, axes = page(texts, len(panels), body_in)
    looks = styles(point.label for point in points)
    second = {(point.arm.name, point.connections): point.median for point in lighter or [] if point.drawable}
    tops = {transport: _top(of_transport(points, transport), second) for transport in panels}
    own_scales = max(tops.values()) > MAX_SHARED_SCALE * min(tops.values())
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper() + (gettext(" (different scale)") if own_scales else ""))
        for point in of_transport(points, transport):
            with mark(ax, point.label, point.description):
                _draw_row(ax, point, rows.of_case[point.label, point.connections], looks[point.label], second)
        ax.set_xlim(0, (1.32 if second else 1.2) * (tops[transport] if own_scales else max(tops.values())))
        ax.set_xlabel(unit)
        ax.grid(visible=False, axis="y")
        number_ticks(ax.xaxis)
    _name_rows(axes, rows, looks)
    settle(figure)
    return figure


def _top(points: Sequence[Point], second: SecondMarks) -> float:
    ends = [end for point in points if point.drawable for end in (point.high, point.median, point.predicted)]
    finite = [end for end in ends if math.isfinite(end)]
    return max([*finite, *(second.get((point.arm.name, point.connections), 0.0) for point in points)])


def _rows(points: Sequence[Point], first: str, *, more_is_better: bool) -> Rows:
    """Return the rows, with the best server on top.

    Servers are ordered by the first transport, at the most connections that they have there.
    """
    keys: dict[str, tuple[bool, int, float]] = {}
    for point in points:
        if point.drawable and not point.arm.control:
            value = -point.median if more_is_better else point.median
            key = (point.arm.transport != first, -point.connections, value)
            keys[point.label] = min(keys.get(point.label, key), key)
    labels = sorted(
        {point.label for point in points}, key=lambda label: (label not in keys, keys.get(label, (True, 0, 0.0)))
    )
    of_case: dict[tuple[str, int], float] = {}
    of_label: dict[str, float] = {}
    y = 0.0
    for label in labels:
        counts = sorted({point.connections for point in points if point.label == label})
        for connections in counts:
            of_case[label, connections] = y
            y += 1
        of_label[label] = y - (len(counts) + 1) / 2
        y += GAP_ROWS
    return Rows(of_case, of_label, y)


def _draw_row(ax: Axes, point: Point, y: float, look: Style, second: SecondMarks) -> None:
    if point.arm.control:
        _draw_control(ax, point, y + CONTROL_OFFSET)
        return
    if not point.drawable:
        place = ax.get_yaxis_transform()
        ax.text(
            0.012, y, _why_not_drawn(point), transform=place, color=GREY, fontsize=SMALL, style="italic", va="center"
        )
        return
    colour = look.colour if point.verdict == "valid" else GREY
    ax.plot([point.low, point.high], [y, y], color=colour, linewidth=2, zorder=3, solid_capstyle="butt")
    draw_marker(ax, point.median, y, point, look)
    if point.has_prediction:
        draw_prediction(ax, point.predicted, y, "|", look)
    right = max(end for end in (point.high, point.median, point.predicted) if math.isfinite(end))
    text = compact(point.median)
    rss = second.get((point.arm.name, point.connections))
    if rss is not None and rss > MIN_RSS_RATIO * point.median:
        ax.plot([point.median, rss], [y, y], color=colour, linewidth=0.8, alpha=0.45, zorder=1)
        ax.plot([rss], [y], look.marker, color="white", markeredgecolor=colour, markersize=6.5, alpha=0.55, zorder=2)
        right, text = max(right, rss), f"{text}, RSS {compact(rss)}"
    ax.annotate(text, (right, y), xytext=(8, 0), textcoords="offset points", fontsize=SMALL, color=INK, va="center")


def _draw_control(ax: Axes, point: Point, y: float) -> None:
    if point.drawable:
        ax.plot([point.low, point.high], [y, y], color=GREY, linewidth=0.8, zorder=1)
        ax.plot([point.median], [y], "o", color="white", markeredgecolor=GREY, markersize=3.5, zorder=1)


def _why_not_drawn(point: Point) -> str:
    if point.median == math.inf:
        return gettext("too many lost")
    return gettext("no figure") if point.verdict == "valid" else in_words(point.verdict)


def _name_rows(axes: Sequence[Axes], rows: Rows, looks: dict[str, Style]) -> None:
    left = axes[0]
    left.set_ylim(rows.height - GAP_ROWS - 0.35, -0.65)
    left.set_yticks(list(rows.of_label.values()), list(map(row_name, rows.of_label)), fontsize=10.5)
    for tick, label in zip(left.get_yticklabels(), rows.of_label, strict=True):
        tick.set_color(looks[label].ink)
    if len(rows.of_case) > len(rows.of_label):
        counts = [str(connections) for _, connections in rows.of_case]
        left.set_yticks(list(rows.of_case.values()), counts, minor=True, fontsize=SMALL)
        left.yaxis.remove_overlapping_locs = False  # the middle row of a server is at the same height as its name
        left.tick_params(axis="y", which="minor", length=0, colors=TEXT_GREY)
        left.tick_params(axis="y", which="major", length=0, pad=30)
        head_rows(left, gettext("connections"))
    for ax in axes[1:]:
        ax.tick_params(axis="y", which="both", left=False, labelleft=False)


def head_rows(ax: Axes, text: str) -> None:
    """Write a heading above the names of the rows."""
    ax.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(-4, 3),
        textcoords="offset points",
        fontsize=SMALL,
        color=TEXT_GREY,
        ha="right",
    )
