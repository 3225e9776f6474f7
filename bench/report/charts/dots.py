"""Dot plots: a row for each model, in it a row for each number of connections; one panel for each transport."""

import math
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.formatting import compact, on_axis
from bench.report.charts.layout import page, panel_title, settle
from bench.report.charts.lines import draw_marker
from bench.report.charts.points import Point, transports
from bench.report.charts.style import GREY, INK, Style, styles
from bench.schema.arms import Arm

ROW_IN, BETWEEN = 0.25, 0.7  # a row; the space between two models, in rows
OWN_SCALE = 2.5  # transports that lie farther apart than this do not share a scale: one would be a heap at its left end


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows are, from top to bottom: of each model and, in it, of each number of connections."""

    of_case: dict[tuple[str, int], float]
    of_model: dict[str, float]
    height: float


def draw_dots(
    found: list[Point],
    title: str,
    subtitle: str,
    notes: list[str],
    unit: str,
    *,
    more_is_better: bool,
    lighter: list[Point] | None = None,
) -> Figure:
    """``lighter`` are second marks on the same axis, such as another way to count the same memory."""
    panels = transports(found)
    rows = _rows(found, panels[0], more_is_better)
    body_in = max(2.4, ROW_IN * rows.height + 0.9)
    figure, axes = page(title, subtitle, notes, len(panels), body_in)
    looks = styles(point.name for point in found)
    second = {(point.arm, point.connections): point.median for point in lighter or [] if point.drawn}
    tops = {name: _top([point for point in found if Arm.parse(point.arm).transport == name], second) for name in panels}
    apart = max(tops.values()) > OWN_SCALE * min(tops.values())
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper() + (" (scale of its own)" if apart else ""))
        for point in found:
            if Arm.parse(point.arm).transport == name:
                _draw_row(ax, point, rows.of_case[point.name, point.connections], looks[point.name], second)
        ax.set_xlim(0, (1.32 if second else 1.2) * (tops[name] if apart else max(tops.values())))
        ax.set_xlabel(unit)
        ax.grid(visible=False, axis="y")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    _name_rows(axes, rows, looks)
    settle(figure)
    return figure


def _top(found: list[Point], second: dict[tuple[str, int], float]) -> float:
    ends = [end for point in found if point.drawn for end in (point.high, point.median) if math.isfinite(end)]
    return max([*ends, *(second.get((point.arm, point.connections), 0.0) for point in found)])


def _rows(found: list[Point], first: str, more_is_better: bool) -> Rows:
    """Best on top, by the numbers of the first transport at the most connections that each model has there."""
    real = [point for point in found if not Arm.parse(point.arm).control]
    values: dict[str, tuple[bool, int, float]] = {}
    for point in real:
        good = -point.median if more_is_better else point.median
        key = (Arm.parse(point.arm).transport != first, -point.connections, good if point.drawn else math.inf)
        if point.drawn:
            values[point.name] = min(values.get(point.name, key), key)
    names = sorted(
        {point.name for point in found}, key=lambda name: (name not in values, values.get(name, (True, 0, 0.0)))
    )
    of_case: dict[tuple[str, int], float] = {}
    of_model: dict[str, float] = {}
    y = 0.0
    for name in names:
        loads = sorted({point.connections for point in found if point.name == name})
        for connections in loads:
            of_case[name, connections] = y
            y += 1
        of_model[name] = y - (len(loads) + 1) / 2
        y += BETWEEN
    return Rows(of_case, of_model, y)


def _draw_row(ax: Axes, point: Point, y: float, look: Style, second: dict[tuple[str, int], float]) -> None:
    if Arm.parse(point.arm).control:
        if point.drawn:
            ax.plot([point.low, point.high], [y + 0.32] * 2, color=GREY, linewidth=0.8, zorder=1)
            ax.plot([point.median], [y + 0.32], "o", color="white", markeredgecolor=GREY, markersize=3.5, zorder=1)
        return
    if not point.drawn:
        text = (
            "lost too much" if point.median == math.inf else point.verdict if point.verdict != "valid" else "no figure"
        )
        ax.text(
            0.012, y, text, transform=ax.get_yaxis_transform(), color=GREY, fontsize=8.5, style="italic", va="center"
        )
        return
    colour = look.colour if point.verdict == "valid" else GREY
    ax.plot([point.low, point.high], [y, y], color=colour, linewidth=2, zorder=3, solid_capstyle="butt")
    draw_marker(ax, point.median, y, point, look)
    right = max(end for end in (point.high, point.median) if math.isfinite(end))
    text = compact(point.median)
    other = second.get((point.arm, point.connections))
    if other is not None and other > 1.1 * point.median:
        ax.plot([point.median, other], [y, y], color=colour, linewidth=0.8, alpha=0.45, zorder=1)
        ax.plot([other], [y], look.marker, color="white", markeredgecolor=colour, markersize=6.5, alpha=0.55, zorder=2)
        right, text = max(right, other), f"{text}, RSS {compact(other)}"
    ax.annotate(text, (right, y), xytext=(8, 0), textcoords="offset points", fontsize=8.5, color=INK, va="center")


def _name_rows(axes: list[Axes], rows: Rows, looks: dict[str, Style]) -> None:
    several = len(rows.of_case) > len(rows.of_model)
    left = axes[0]
    left.set_ylim(rows.height - BETWEEN - 0.35, -0.65)
    left.set_yticks(list(rows.of_model.values()), list(rows.of_model), fontsize=10.5)
    for tick, name in zip(left.get_yticklabels(), rows.of_model, strict=True):
        tick.set_color(looks[name].ink)
    if several:
        left.set_yticks(list(rows.of_case.values()), [f"{case[1]}" for case in rows.of_case], minor=True, fontsize=8.5)
        left.yaxis.remove_overlapping_locs = False  # a row in the middle of a model has the same height as its name
        left.tick_params(axis="y", which="minor", length=0, colors="#595959")
        left.tick_params(axis="y", which="major", length=0, pad=30)
        left.annotate(
            "connections",
            (0, 1),
            xycoords="axes fraction",
            xytext=(-4, 3),
            textcoords="offset points",
            fontsize=8.5,
            color="#595959",
            ha="right",
        )
    for ax in axes[1:]:
        ax.tick_params(axis="y", which="both", left=False, labelleft=False)
