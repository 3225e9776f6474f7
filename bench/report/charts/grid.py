"""Several metrics against the number of connections: a row of panels for each metric, a column for each scenario."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.charts.layout import PanelNames, Texts, body_height_in, number_ticks, page, panel_title, settle
from bench.report.charts.lines import CONNECTIONS, CountAxis, connections_axis, draw_arms, name_arms
from bench.report.charts.points import Point
from bench.report.charts.style import Style, styles

ROW_IN = 2.9  # height of a row of panels
ABOVE_TOP = 1.06  # of a linear axis, so that a mark at the top is whole


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A row of panels with a common scale: the points of each column, and the label of the axis.

    top: the end of a linear axis; None for a logarithmic one.
    """

    label: str
    columns: Sequence[Sequence[Point]]
    top: float | None = None

    @property
    def drawn(self) -> list[list[Point]]:
        """The points of each column that have a finite number."""
        return [[point for point in column if point.drawable] for column in self.columns]


def draw_grid(
    rows: Sequence[MetricRow], headings: Sequence[str], texts: Texts, counted: CountAxis = CONNECTIONS
) -> Figure | None:
    """Return a chart of the rows that have a number, or None if none has.

    headings: of the columns. counted: what the x axis counts.
    """
    rows = [row for row in rows if any(row.drawn)]
    points = [point for row in rows for column in row.drawn for point in column]
    if not points:
        return None
    height_in = len(rows) * body_height_in(ROW_IN, {point.arm for point in points})
    figure, axes = page(texts, len(headings), height_in, len(rows))
    looks = styles(point.label for point in points)
    counts = sorted({point.connections for point in points})
    names = []
    for position, row in enumerate(rows):
        of_row = axes[position * len(headings) : (position + 1) * len(headings)]
        names.append(_draw_row(of_row, row, looks, counts, counted))
        if position < len(rows) - 1:
            for ax in of_row:
                ax.set_xlabel("")
    for ax, heading in zip(axes, headings, strict=False):
        panel_title(ax, heading)
    settle(figure, names)
    return figure


def _draw_row(
    axes: Sequence[Axes], row: MetricRow, looks: Mapping[str, Style], counts: Sequence[int], counted: CountAxis
) -> PanelNames:
    """Draw a row of panels. Return the names of the lines in the last one."""
    left = axes[0]
    if row.top is None:
        left.set_yscale("log")
    else:
        left.set_ylim(0, ABOVE_TOP * row.top)
    left.set_ylabel(row.label)
    number_ticks(left.yaxis)
    ends: list[tuple[Point, float]] = []
    for ax, column in zip(axes, row.drawn, strict=True):
        ends = draw_arms(ax, column, looks)
        connections_axis(ax, counts, counted)
        if ax is not left:
            ax.tick_params(axis="y", labelleft=False)
    return name_arms(axes[-1], ends, looks, counts[-1])
