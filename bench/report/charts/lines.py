"""A metric against the number of connections: a line for each model, TCP and UDP side by side on one scale."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from bench.formatting import on_axis
from bench.report.charts.layout import Label, label_beside, label_right, page, panel_title, settle, spread_labels
from bench.report.charts.points import Point, transports
from bench.report.charts.style import GREY, Style, styles
from bench.schema.arms import BASELINE_MODEL, Arm

MOST_OCTAVES = 0.6  # that arms at the same number of connections take up on the x axis


def draw_lines(
    found: list[Point], title: str, subtitle: str, notes: list[str], unit: str, *, logarithmic: bool = False
) -> Figure:
    """One panel a transport; the x axis has the measured numbers of connections, at distances by their logarithm.

    logarithmic: the y axis, too.
    """
    panels = transports(found)
    figure, axes = page(title, subtitle, notes, len(panels), body_in=4.6)
    looks = styles(point.name for point in found)
    top = max(point.high for point in found if point.drawn and math.isfinite(point.high))
    right, beside = [], []
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper())
        mine = [point for point in found if Arm.parse(point.arm).transport == name and point.drawn]
        ends = _draw_arms(ax, mine, looks)
        last = max(point.connections for point in mine)
        right.append(label_right(ax, [_label(point, x, looks) for point, x in ends if point.connections == last]))
        beside.append([_label(point, x, looks) for point, x in ends if point.connections != last])
        _connections_axis(ax, sorted({point.connections for point in mine}))
    if logarithmic:
        axes[0].set_yscale("log")
        axes[0].yaxis.set_minor_formatter(NullFormatter())
    else:
        axes[0].set_ylim(0, 1.06 * top)
    axes[0].set_ylabel(unit)
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    settle(figure)
    for ax, outer, inner in zip(axes, right, beside, strict=True):
        spread_labels(ax, outer)
        label_beside(ax, inner)
    return figure


def _draw_arms(ax: Axes, found: list[Point], looks: dict[str, Style]) -> list[tuple[Point, float]]:
    """Draw each arm; gives the last point of each that is no control, with its place on the x axis."""
    arms = sorted({point.arm for point in found})
    real = [arm for arm in arms if not Arm.parse(arm).control]
    apart = min(0.12, MOST_OCTAVES / max(1, len(real) - 1))
    ends = []
    for arm in arms:
        mine = sorted((point for point in found if point.arm == arm), key=lambda point: point.connections)
        if Arm.parse(arm).control:
            x = [float(point.connections) for point in mine]
            ax.plot(x, [point.median for point in mine], color=GREY, linewidth=0.9, zorder=1)
            for place, point in zip(x, mine, strict=True):
                ax.plot([place, place], [point.low, point.high], color=GREY, linewidth=0.7, zorder=1)
            continue
        # Equal arms would hide each other: each has its own small step to the side, the same at all connections.
        step = 2 ** (apart * (real.index(arm) - (len(real) - 1) / 2))
        look = looks[mine[0].name]
        x = [point.connections * step for point in mine]
        line = {"linewidth": 1.2, "linestyle": (0, (4, 3))} if mine[0].name == BASELINE_MODEL else {"linewidth": 2}
        ax.plot(x, [point.median for point in mine], color=look.colour, zorder=2, **line)
        for place, point in zip(x, mine, strict=True):
            draw_point(ax, place, point, look)
        ends.append((mine[-1], x[-1]))
    return ends


def draw_point(ax: Axes, x: float, point: Point, look: Style) -> None:
    """An upright interval with its marker: grey where it is suspect, hollow and crossed where it is invalid."""
    colour = look.colour if point.verdict == "valid" else GREY
    ax.plot([x, x], [point.low, point.high], color=colour, linewidth=1.6, zorder=3, solid_capstyle="butt")
    draw_marker(ax, x, point.median, point, look)


def draw_marker(ax: Axes, x: float, y: float, point: Point, look: Style) -> None:
    """The marker alone."""
    face = {"valid": look.colour, "suspect": GREY}.get(point.verdict, "white")
    edge = GREY if point.verdict == "invalid" else "white"
    ax.plot(
        [x],
        [y],
        look.marker,
        color=face,
        markeredgecolor=edge,
        markeredgewidth=0.8,
        markersize=8.5 if look.marker in "^v" else 7.5,
        zorder=4,
    )
    if point.verdict == "invalid":
        ax.plot([x], [y], "x", color=GREY, markersize=11, markeredgewidth=1.8, zorder=5)


def _label(point: Point, x: float, looks: dict[str, Style]) -> Label:
    name = f"{BASELINE_MODEL}: the machine's limit" if point.name == BASELINE_MODEL else point.name
    return Label(name, x, point.median, looks[point.name].ink)


def _connections_axis(ax: Axes, values: list[int]) -> None:
    ax.set_xscale("log", base=2)
    ax.set_xlim(values[0] / 1.35, values[-1] * 1.35)
    ax.xaxis.set_major_locator(FixedLocator([float(value) for value in values]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.set_xlabel("connections (log scale)")
