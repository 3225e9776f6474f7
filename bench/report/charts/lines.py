"""A metric against the number of connections: a line for each arm.

TCP and UDP are side by side on one scale.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from bench.report.charts.layout import (
    Label,
    PanelNames,
    Texts,
    body_height_in,
    name_lines,
    number_ticks,
    page,
    panel_title,
    settle,
)
from bench.report.charts.marks import mark
from bench.report.charts.points import Point, of_transport, transports
from bench.report.charts.style import GREY, INK, Style, styles
from bench.translation import N_, gettext

MAX_OCTAVES = 0.6  # width on the x axis of all arms at the same number of connections
MARKER_SIZE = 7.5
MARGIN_OCTAVES, MARGIN_SHARE = 0.3, 0.05  # beside the first and the last number, so that each mark is whole
ZERO_OCTAVES = 1.0  # width on the x axis from no connections to the fewest


def draw_lines(points: list[Point], texts: Texts, unit: str, *, logarithmic: bool = False) -> Figure:
    """Return a chart with one panel per transport, over the number of connections.

    logarithmic: the y axis too.
    """
    panels = transports(points)
    figure, axes = page(texts, len(panels), body_in=body_height_in(4.6, (point.arm for point in points)))
    looks = styles(point.label for point in points)
    heights = [height for point in points if point.drawable for height in (point.high, point.predicted)]
    top = max(height for height in heights if math.isfinite(height))
    names = []
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        drawn = [point for point in of_transport(points, transport) if point.drawable]
        counts = sorted({point.connections for point in drawn})
        names.append(name_arms(ax, draw_arms(ax, drawn, looks), looks, counts[-1]))
        connections_axis(ax, counts)
    if logarithmic:
        axes[0].set_yscale("log")
    else:
        axes[0].set_ylim(0, 1.06 * top)
    axes[0].set_ylabel(unit)
    number_ticks(axes[0].yaxis)
    settle(figure, names)
    return figure


def draw_arms(ax: Axes, drawn: Sequence[Point], looks: Mapping[str, Style]) -> list[tuple[Point, float]]:
    """Draw each arm.

    Return the last point of each arm that is not a control, with its position on the x axis.
    """
    arms = sorted({point.arm for point in drawn})
    labelled = [arm for arm in arms if not arm.control]
    step_octaves = min(0.12, MAX_OCTAVES / max(1, len(labelled) - 1))
    zero_width = _smallest_positive(point.connections for point in drawn)
    ends = []
    for arm in arms:
        of_arm = sorted((point for point in drawn if point.arm == arm), key=lambda point: point.connections)
        if arm.control:
            _draw_control(ax, of_arm)
            continue
        # Equal arms would hide each other, so each arm is moved sideways, by the same step at all connections.
        step = 2 ** (step_octaves * (labelled.index(arm) - (len(labelled) - 1) / 2))
        shift = zero_width * math.log2(step) / ZERO_OCTAVES
        x = [point.connections * step if point.connections else shift for point in of_arm]
        ends.append(_draw_arm(ax, of_arm, x, looks[arm.label]))
    return ends


def _draw_control(ax: Axes, of_arm: Sequence[Point]) -> None:
    x = [float(point.connections) for point in of_arm]
    ax.plot(x, [point.median for point in of_arm], color=GREY, linewidth=0.9, zorder=1)
    for position, point in zip(x, of_arm, strict=True):
        ax.plot([position, position], [point.low, point.high], color=GREY, linewidth=0.7, zorder=1)


def _draw_arm(ax: Axes, of_arm: Sequence[Point], x: Sequence[float], look: Style) -> tuple[Point, float]:
    last = of_arm[-1]
    medians = [point.median for point in of_arm]
    with mark(ax, last.label):
        if last.arm.is_baseline:
            ax.plot(x, medians, color=look.colour, linewidth=1.2, linestyle=(0, (4, 3)), zorder=2)
        else:
            ax.plot(x, medians, color=look.colour, linewidth=2, linestyle=look.dashes, zorder=2)
    for position, point in zip(x, of_arm, strict=True):
        draw_point(ax, position, point, look)
    return last, x[-1]


def draw_point(ax: Axes, x: float, point: Point, look: Style) -> None:
    """Draw an upright interval with its marker.

    A suspect marker is grey, an invalid one hollow and crossed out.
    """
    colour = look.colour if point.verdict == "valid" else GREY
    with mark(ax, point.label, point.description):
        ax.plot([x, x], [point.low, point.high], color=colour, linewidth=1.6, zorder=3, solid_capstyle="butt")
        draw_marker(ax, x, point.median, point, look)
        if point.has_prediction:
            draw_prediction(ax, x, point.predicted, "_", look)


def draw_prediction(ax: Axes, x: float, y: float, tick: str, look: Style) -> None:
    """Draw the tick of a prediction, with an edge that shows it on a marker. tick: ``_``, or ``|`` on a level axis."""
    ax.plot([x], [y], tick, color="white", markersize=17, markeredgewidth=4.2, zorder=6)
    ax.plot([x], [y], tick, color=look.ink, markersize=15, markeredgewidth=2.0, zorder=7)


def draw_marker(ax: Axes, x: float, y: float, point: Point, look: Style) -> None:
    """Draw the marker of a point without its interval. A finding about the server is a ring around it."""
    face = {"valid": look.colour, "suspect": GREY}.get(point.verdict, "white")
    edge = GREY if point.verdict == "invalid" else "white"
    size = MARKER_SIZE * look.marker_scale
    ax.plot([x], [y], look.marker, color=face, markeredgecolor=edge, markeredgewidth=0.8, markersize=size, zorder=4)
    if point.verdict == "invalid":
        ax.plot([x], [y], "x", color=GREY, markersize=11, markeredgewidth=1.8, zorder=5)
    if point.findings:
        ax.plot([x], [y], "o", color="none", markeredgecolor=INK, markeredgewidth=1.0, markersize=13, zorder=5)


def name_arms(ax: Axes, ends: Iterable[tuple[Point, float]], looks: Mapping[str, Style], last_count: int) -> PanelNames:
    """Name the lines of arms at their ends: beside the axes, or inside if a line ends before the last number.

    ends: as ``draw_arms`` returns them.
    """
    beside: list[Label] = []
    inside: list[Label] = []
    for point, x in ends:
        look = looks[point.label]
        label = Label(point.arm.display_label, x, point.median, look.ink, look.marker)
        if point.connections == last_count:
            beside.append(label)
        else:
            inside.append(label)
    return name_lines(ax, beside, inside)


@dataclass(frozen=True, slots=True)
class CountAxis:
    """The quantity on the x axis, and how a number is written beside a tick."""

    label: str
    tick_text: Callable[[float], str] = "{:g}".format


CONNECTIONS = CountAxis(N_("connections"))


def connections_axis(ax: Axes, counts: Sequence[int], counted: CountAxis = CONNECTIONS) -> None:
    """Give the x axis a tick at each number of connections. 0 is one doubling left of the next number."""
    smallest = _smallest_positive(counts)
    octaves = math.log2(max(counts[-1], 1) / smallest) + (0 if counts[0] else ZERO_OCTAVES)
    # A mark is as wide on each axis, so it covers more octaves where there are more of them.
    margin_octaves = max(0.43, MARGIN_OCTAVES + MARGIN_SHARE * octaves)
    right = counts[-1] * 2**margin_octaves
    if counts[0] > 0:
        ax.set_xscale("log", base=2)
        ax.set_xlim(counts[0] / 2**margin_octaves, right)
    else:
        ax.set_xscale("symlog", base=2, linthresh=smallest, linscale=ZERO_OCTAVES)
        ax.set_xlim(-margin_octaves * smallest / ZERO_OCTAVES, right)
    ax.xaxis.set_major_locator(FixedLocator([float(count) for count in counts]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: counted.tick_text(value)))
    ax.set_xlabel(gettext("{label} (log scale)", label=gettext(counted.label)))


def _smallest_positive(counts: Iterable[int]) -> int:
    return min((count for count in counts if count > 0), default=1)
