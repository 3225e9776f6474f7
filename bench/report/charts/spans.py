"""From the median to the 99th percentile: a row for each server, a panel for each scenario."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.formatting import compact
from bench.report.charts.layout import Texts, number_ticks, page, panel_title, settle
from bench.report.charts.lines import draw_marker, draw_prediction
from bench.report.charts.marks import mark
from bench.report.charts.points import Point, row_name
from bench.report.charts.style import GREY, INK, Style, styles
from bench.schema.code_words import in_words
from bench.translation import gettext

ROW_IN, FRAME_IN = 0.42, 0.9
SMALL = 8.5
ROOM_SHARE = 0.13  # of a single panel, for the numbers at the right


@dataclass(frozen=True, slots=True)
class Span:
    """The median and the 99th percentile of one arm. A percentile without a number was seen too rarely."""

    median: Point
    p99: Point

    @property
    def key(self) -> str:
        """The name of its row."""
        return self.median.arm.display_label

    @property
    def drawable(self) -> bool:
        """True if it has a median to draw."""
        return self.median.drawable and self.median.median > 0


def draw_spans(panels: Mapping[str, Sequence[Span]], texts: Texts, unit: str) -> Figure | None:
    """Return a chart, or None if there is no number. panels: spans by heading, on a common logarithmic scale."""
    spans = [span for of_panel in panels.values() for span in of_panel if not span.median.arm.control]
    drawn = [span for span in spans if span.drawable]
    if not drawn:
        return None
    order = _order(next(iter(panels.values())), spans)
    figure, axes = page(texts, len(panels), ROW_IN * len(order) + FRAME_IN)
    looks = styles(span.median.label for span in spans)
    numbers = [value for span in drawn for value in _numbers(span)]
    for ax, (heading, of_panel) in zip(axes, panels.items(), strict=True):
        panel_title(ax, heading)
        ax.set_xscale("log")
        ax.set_xlim(*_limits(numbers, len(panels)))
        ax.set_xlabel(unit)
        ax.grid(visible=False, axis="y")
        number_ticks(ax.xaxis)
        for span in of_panel:
            if not span.median.arm.control:
                with mark(ax, span.median.label, f"p50 {span.median.description}; p99 {span.p99.description}"):
                    _draw_span(ax, span, order.index(span.key), looks[span.median.label])
    left = axes[0]
    left.set_ylim(len(order) - 0.4, -0.6)
    left.set_yticks(range(len(order)), list(map(row_name, order)), fontsize=10.5)
    inks = {span.key: looks[span.median.label].ink for span in spans}
    for tick, key in zip(left.get_yticklabels(), order, strict=True):
        tick.set_color(inks[key])
    for ax in axes[1:]:
        ax.tick_params(axis="y", left=False, labelleft=False)
    settle(figure)
    return figure


def _order(first: Sequence[Span], spans: Sequence[Span]) -> list[str]:
    """Return the names of all rows, from the shortest 99th percentile of the first panel to the longest."""

    def longest(span: Span) -> float:
        value = span.p99.median if span.p99.drawable else span.median.median
        return math.inf if math.isnan(value) else value

    ordered = sorted((span for span in first if not span.median.arm.control), key=longest)
    return list(dict.fromkeys(span.key for span in [*ordered, *spans]))


def _limits(numbers: Sequence[float], panels: int) -> tuple[float, float]:
    """Return the ends of a logarithmic axis with room for the numbers at its right."""
    low, high = math.log10(min(numbers)) - 0.15, math.log10(max(numbers))
    room = min(0.6, ROOM_SHARE * panels)
    return 10**low, 10 ** (high + (high - low) * room / (1 - room))


def _numbers(span: Span) -> list[float]:
    ends = [end for point in (span.median, span.p99) for end in (point.low, point.median, point.high, point.predicted)]
    return [end for end in ends if math.isfinite(end) and end > 0]


def _draw_span(ax: Axes, span: Span, y: float, look: Style) -> None:
    if not span.drawable:
        words = gettext("too many lost") if span.median.median == math.inf else in_words(span.median.verdict)
        place = ax.get_yaxis_transform()
        ax.text(0.012, y, words, transform=place, color=GREY, fontsize=SMALL, style="italic", va="center")
        return
    points = [point for point in (span.median, span.p99) if point.drawable]
    colour = look.colour if span.median.verdict == "valid" else GREY
    ax.plot([points[0].median, points[-1].median], [y, y], color=colour, linewidth=1.2, alpha=0.6, zorder=2)
    for point in points:
        shade = look.colour if point.verdict == "valid" else GREY
        ax.plot([point.low, point.high], [y, y], color=shade, linewidth=3.2, zorder=3, solid_capstyle="butt")
        if point.has_prediction:
            draw_prediction(ax, point.predicted, y, "|", look)
    ax.plot([span.median.median], [y], "o", color="white", markeredgecolor=colour, markersize=6.0, zorder=4)
    if span.p99.drawable:
        draw_marker(ax, span.p99.median, y, span.p99, look)
    right = max(_numbers(span))
    words = gettext(" to ").join(compact(point.median) for point in points)
    ax.annotate(words, (right, y), xytext=(9, 0), textcoords="offset points", fontsize=SMALL, color=INK, va="center")
