"""Each model over UDP and over TCP: two marks and the distance between them."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.formatting import compact
from bench.report.charts.layout import Texts, number_ticks, page, settle
from bench.report.charts.marks import mark
from bench.report.charts.points import Point, row_name
from bench.report.charts.style import GREY, INK, Style, styles
from bench.schema.code_words import in_words
from bench.schema.conclusions import ComparisonKind
from bench.translation import gettext

ROW_IN = 0.42


def draw_dumbbells(points: Sequence[Point], comparisons: pd.DataFrame, texts: Texts, unit: str) -> Figure | None:
    """Return a chart with a row for each model that has a number over both transports.

    points: points at one load point. comparisons: rows of that load point and metric.
    """
    of_label: dict[str, dict[str, Point]] = {}
    for point in points:
        if point.drawable and not point.arm.control:
            of_label.setdefault(point.label, {})[point.arm.transport] = point
    both = {label: (sides["tcp"], sides["udp"]) for label, sides in of_label.items() if len(sides) == 2}
    if not both:
        return None
    labels = sorted(both, key=lambda label: -max(point.median for point in both[label]))
    conclusions = _conclusions(comparisons)
    figure, (ax,) = page(texts, 1, max(2.2, ROW_IN * len(labels) + 0.9))
    looks = styles(labels)
    for y, label in enumerate(labels):
        tcp, udp = both[label]
        conclusion = conclusions.get(udp.arm.name, gettext("not compared"))
        with mark(
            ax,
            label,
            gettext(
                "{description}; {description_2}; UDP relative to TCP: {conclusion}",
                description=tcp.description,
                description_2=udp.description,
                conclusion=conclusion,
            ),
        ):
            _draw_row(ax, y, tcp, udp, looks[label], conclusion)
    ax.set_xlim(0, 1.6 * max(point.median for sides in both.values() for point in sides))
    ax.set_ylim(len(labels) - 0.4, -0.6)
    ax.set_yticks(range(len(labels)), list(map(row_name, labels)), fontsize=10.5)
    for tick, label in zip(ax.get_yticklabels(), labels, strict=True):
        tick.set_color(looks[label].ink)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(unit)
    number_ticks(ax.xaxis)
    settle(figure)
    return figure


def _conclusions(comparisons: pd.DataFrame) -> dict[str, str]:
    """Return the ratio of UDP to TCP by arm, or the conclusion without a difference."""
    return {
        str(row["arm"]): gettext("{ratio:.2f} times", ratio=row["ratio"])
        if row["conclusion"] in ("faster", "slower")
        else in_words(str(row["conclusion"]))
        for row in comparisons[comparisons["kind"] == ComparisonKind.TRANSPORTS].to_dict("records")
        if math.isfinite(row["ratio"])
    }


def _draw_row(ax: Axes, y: float, tcp: Point, udp: Point, look: Style, conclusion: str) -> None:
    ax.plot([tcp.median, udp.median], [y, y], color=look.colour, linewidth=2.5, alpha=0.45, zorder=2)
    for point in (tcp, udp):
        colour = look.colour if point.verdict == "valid" else GREY
        fill = "white" if point is tcp else colour
        ax.plot([point.median], [y], "o", color=fill, markeredgecolor=colour, markersize=9, zorder=3)
        if point.verdict == "invalid":
            ax.plot([point.median], [y], "x", color=GREY, markersize=11, markeredgewidth=1.6, zorder=4)
    text = gettext(
        "TCP {median}, UDP {median_2}: {conclusion}",
        median=compact(tcp.median),
        median_2=compact(udp.median),
        conclusion=conclusion,
    )
    right = (max(tcp.median, udp.median), y)
    ax.annotate(text, right, xytext=(12, 0), textcoords="offset points", fontsize=9, color=INK, va="center")
