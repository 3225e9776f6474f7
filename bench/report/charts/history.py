"""A metric over many runs, with the runs at which its level changed."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.compare.series import Series
from bench.report.charts.style import GREY, INK, PALE, Style, styles
from bench.schema.arms import Arm
from bench.schema.metrics import METRICS


def draw_history(series: Sequence[Series]) -> Figure:
    """Return a chart with a panel for each load point, a line for each arm and a rule where its level changed.

    Invalid figures are hollow. TCP is solid and UDP is dashed.
    """
    load_points = list(dict.fromkeys(one.load for one in series))
    figure = Figure(figsize=(11, 3.2 * len(load_points) + 0.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    looks = styles({Arm.parse(one.arm).label for one in series})
    runs = {place: run for one in series for place, run in zip(one.places, one.runs, strict=True)}
    positions = {place: x for x, place in enumerate(sorted(runs))}
    for number, load_point in enumerate(load_points, start=1):
        ax = figure.add_subplot(len(load_points), 1, number)
        ax.set_title(load_point, loc="left", fontsize=11, fontweight="bold", color=INK)
        for one in series:
            if one.load == load_point:
                _draw_series(ax, one, positions, looks[Arm.parse(one.arm).label])
        _style_panel(ax, METRICS[series[0].metric].label)
        names = [runs[place] if number == len(load_points) else "" for place in positions]
        ax.set_xlim(-0.5, len(runs) - 0.5)  # a run has the same position in every panel
        ax.set_xticks(range(len(runs)), names, rotation=30, fontsize=7)
        for tick in ax.get_xticklabels():
            tick.set_horizontalalignment("right")
    return figure


def _draw_series(ax: Axes, one: Series, positions: dict[int, int], look: Style) -> None:
    arm = Arm.parse(one.arm)
    x = [positions[place] for place in one.places]
    line = "-" if arm.transport == "tcp" else "--"
    ax.plot(x, one.medians, line, color=look.colour, marker=look.marker, markersize=5, label=arm.display_name)
    invalid = [index for index, verdict in enumerate(one.verdicts) if verdict == "invalid"]
    hollow = [x[index] for index in invalid], [one.medians[index] for index in invalid]
    ax.plot(*hollow, "", color=look.colour, marker=look.marker, markersize=5, mfc="white", zorder=3)
    ax.vlines(x, one.lows, one.highs, color=look.colour, linewidth=1, alpha=0.6)
    for change in one.changes:
        ax.axvline(x[change] - 0.5, color=look.colour, linewidth=1, linestyle=":")


def _style_panel(ax: Axes, label: str) -> None:
    ax.set_ylim(bottom=0)
    ax.set_ylabel(label, fontsize=9)
    ax.grid(color=PALE, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=GREY)
    ax.legend(fontsize=8, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
