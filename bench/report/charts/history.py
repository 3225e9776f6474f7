"""A metric over many runs, with the runs at which its level changed."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.compare.series import Point, Series
from bench.compare.series_text import describe_point
from bench.report.charts.layout import number_ticks
from bench.report.charts.marks import mark
from bench.report.charts.style import INK, PALE, Style, styles
from bench.schema.arms import Arm
from bench.schema.metrics import METRICS
from clients.quality_codes import INVALID

_CROSS_Y = 0.03  # of invalid figures, in heights of the axes


def draw_history(all_series: Sequence[Series]) -> Figure:
    """Return a chart with a panel for each load point and a line for each arm.

    A vertical rule marks the run at which a level changed.

    Invalid figures are crosses at the bottom. TCP is solid and UDP is dashed.
    """
    load_points = list(dict.fromkeys(series.load_point for series in all_series))
    figure = Figure(figsize=(11, 3.2 * len(load_points) + 0.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    looks = styles({Arm.parse(series.arm).label for series in all_series})
    runs = {point.position: point.run for series in all_series for point in series.points}
    positions = {position: x for x, position in enumerate(sorted(runs))}
    for number, load_point in enumerate(load_points, start=1):
        ax = figure.add_subplot(len(load_points), 1, number)
        ax.set_title(str(load_point), loc="left", fontsize=11, fontweight="bold", color=INK)
        for series in all_series:
            if series.load_point == load_point:
                _draw_series(ax, series, positions, looks[Arm.parse(series.arm).label])
        _style_panel(ax, METRICS[all_series[0].metric].label)
        names = [runs[position] if number == len(load_points) else "" for position in positions]
        ax.set_xlim(-0.5, len(runs) - 0.5)  # a run has the same position in every panel
        ax.set_xticks(range(len(runs)), names, rotation=30, fontsize=8)
        for tick in ax.get_xticklabels():
            tick.set_horizontalalignment("right")
    return figure


def _draw_series(ax: Axes, series: Series, positions: dict[int, int], look: Style) -> None:
    arm = Arm.parse(series.arm)
    shown = [point for point in series.points if point.verdict != INVALID]
    x, medians = [positions[point.position] for point in shown], [point.median for point in shown]
    dashes = "-" if arm.transport == "tcp" else "--"
    with mark(ax, arm.label):
        ax.plot(x, medians, dashes, color=look.colour, marker=look.marker, markersize=5, label=arm.display_name)
    for point in series.points:
        with mark(ax, arm.label, describe_point(series, point)):
            _draw_point(ax, point, positions[point.position], look)
    for change in series.changes:
        ax.axvline(positions[change.position] - 0.5, color=look.colour, linewidth=1, linestyle=":")


def _draw_point(ax: Axes, point: Point, x: int, look: Style) -> None:
    """Draw a point with its interval; a cross at the bottom for an invalid figure, which has no height."""
    if point.verdict == INVALID:
        ax.plot([x], [_CROSS_Y], "x", color=look.colour, markersize=6, transform=ax.get_xaxis_transform())
        return
    ax.plot([x], [point.median], color=look.colour, marker=look.marker, markersize=5)
    ax.vlines([x], [point.low], [point.high], color=look.colour, linewidth=1, alpha=0.6)


def _style_panel(ax: Axes, label: str) -> None:
    ax.set_ylim(bottom=0)
    number_ticks(ax.yaxis)
    ax.set_ylabel(label, fontsize=9)
    ax.grid(color=PALE, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK)
    ax.legend(fontsize=8, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
