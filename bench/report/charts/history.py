"""A figure over many runs, with the places where its level changed."""

from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from bench.compare.series import Series
from bench.report.charts.style import GREY, INK, PALE, styles
from bench.schema.arms import Arm
from bench.schema.metrics import METRICS


def course(found: Sequence[Series]) -> Figure:
    """A panel for each load, a line for each arm, a rule where a level changed; invalid figures are hollow."""
    loads = list(dict.fromkeys(str(one.load_point) for one in found))
    figure = Figure(figsize=(11, 3.2 * len(loads) + 0.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    looks = styles({Arm.parse(one.arm).label for one in found})
    runs = dict(sorted({point.position: point.run for one in found for point in one.points}.items()))
    at = {place: x for x, place in enumerate(runs)}
    for number, load in enumerate(loads):
        ax = figure.add_subplot(len(loads), 1, number + 1)
        ax.set_title(load, loc="left", fontsize=11, fontweight="bold", color=INK)
        for one in (each for each in found if str(each.load_point) == load):
            its = looks[Arm.parse(one.arm).label]
            x = [at[point.position] for point in one.points]
            style = "-" if "/tcp" in one.arm else "--"
            medians = [point.median for point in one.points]
            ax.plot(x, medians, style, color=its.colour, marker=its.marker, markersize=5, label=one.arm)
            hollow = [k for k, point in enumerate(one.points) if point.verdict == "invalid"]
            of_hollow = [x[k] for k in hollow], [medians[k] for k in hollow]
            ax.plot(*of_hollow, "", color=its.colour, marker=its.marker, markersize=5, mfc="white", zorder=3)
            ax.vlines(
                x,
                [point.low for point in one.points],
                [point.high for point in one.points],
                color=its.colour,
                linewidth=1,
                alpha=0.6,
            )
            for change in one.changes:
                ax.axvline(at[change.position] - 0.5, color=its.colour, linewidth=1, linestyle=":")
        ax.set_xlim(-0.5, len(runs) - 0.5)  # a run stands at the same place in every panel
        ax.set_ylim(bottom=0)
        ax.set_ylabel(METRICS[found[0].metric].label, fontsize=9)
        ax.grid(color=PALE, linewidth=0.6)
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(colors=GREY)
        names = list(runs.values()) if number == len(loads) - 1 else [""] * len(runs)
        ax.set_xticks(range(len(runs)), names, rotation=30, fontsize=7)
        for tick in ax.get_xticklabels():
            tick.set_horizontalalignment("right")
        ax.legend(fontsize=8, frameon=False, bbox_to_anchor=(1, 1), loc="upper left")
    return figure
