"""Each model's UDP against its TCP: two marks and what lies between them."""

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.formatting import compact, on_axis
from bench.report.charts.layout import page, settle
from bench.report.charts.points import Point
from bench.report.charts.style import GREY, INK, styles
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind

ROW_IN = 0.42


def draw_dumbbells(
    found: list[Point], comparisons: pd.DataFrame, title: str, subtitle: str, notes: list[str], unit: str
) -> Figure | None:
    """A row for each model that has a number over both, the largest on top. found: points of one load and size."""
    real = [point for point in found if point.drawn and not Arm.parse(point.arm).control]
    both: dict[str, dict[str, Point]] = {}
    for point in real:
        both.setdefault(point.name, {})[Arm.parse(point.arm).transport] = point
    rows = {name: sides for name, sides in both.items() if len(sides) == 2}
    if not rows:
        return None
    order = sorted(rows, key=lambda name: -max(point.median for point in rows[name].values()))
    words = {
        str(row["arm"]): f"{row['ratio']:.2f} times"
        if row["conclusion"] in ("faster", "slower")
        else str(row["conclusion"])
        for row in comparisons[comparisons["kind"] == ComparisonKind.TRANSPORTS].to_dict("records")
        if math.isfinite(row["ratio"])
    }
    figure, (ax,) = page(title, subtitle, notes, 1, max(2.2, ROW_IN * len(order) + 0.9))
    looks = styles(order)
    for y, name in enumerate(order):
        tcp, udp = rows[name]["tcp"], rows[name]["udp"]
        ax.plot([tcp.median, udp.median], [y, y], color=looks[name].colour, linewidth=2.5, alpha=0.45, zorder=2)
        for point, marker, face in ((tcp, "o", "white"), (udp, "o", looks[name].colour)):
            colour = looks[name].colour if point.verdict == "valid" else GREY
            fill = face if face == "white" or point.verdict == "valid" else GREY
            ax.plot([point.median], [y], marker, color=fill, markeredgecolor=colour, markersize=9, zorder=3)
            if point.verdict == "invalid":
                ax.plot([point.median], [y], "x", color=GREY, markersize=11, markeredgewidth=1.6, zorder=4)
        text = f"TCP {compact(tcp.median)}, UDP {compact(udp.median)}: {words.get(udp.arm, 'not compared')}"
        right = max(tcp.median, udp.median)
        ax.annotate(text, (right, y), xytext=(12, 0), textcoords="offset points", fontsize=9, color=INK, va="center")
    ax.set_xlim(0, 1.6 * max(point.median for sides in rows.values() for point in sides.values()))
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_yticks(range(len(order)), order, fontsize=10.5)
    for tick, name in zip(ax.get_yticklabels(), order, strict=True):
        tick.set_color(looks[name].ink)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(unit)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    settle(figure)
    return figure
