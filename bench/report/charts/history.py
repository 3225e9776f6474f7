"""A metric over many runs, with the runs at which its level changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.compare.series import Point, Series
from bench.compare.series_text import describe_point
from bench.compare.wording import history_question
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
from bench.report.charts.points import row_name
from bench.report.charts.style import Style, styles
from bench.schema.arms import Arm
from bench.schema.metrics import METRICS
from bench.translation import gettext, ngettext
from clients.quality_codes import INVALID

_CROSS_Y = 0.03  # of invalid figures, in heights of the axes
_MAX_NAMES = 10  # of runs along an axis; of more, every second or every third one has its name
_RUN_NAMES_IN = 0.9  # height of the names of the runs


@dataclass(frozen=True, slots=True)
class _Runs:
    """The runs along the x axis, which are the same in every panel."""

    names: list[str]
    positions: dict[int, int]  # on the axis, by the position among all runs that were asked for


def draw_history(all_series: Sequence[Series]) -> Figure:
    """Return a chart with a row for each load point, a panel for each transport, and a line for each arm.

    A vertical rule marks the run at which a level changed.

    Invalid figures are crosses at the bottom.
    """
    load_points = list(dict.fromkeys(series.load_point for series in all_series))
    panels = sorted({Arm.parse(series.arm).transport for series in all_series})
    looks = styles({Arm.parse(series.arm).label for series in all_series})
    runs = _runs(all_series)
    body_in = _RUN_NAMES_IN + body_height_in(3.2, (Arm.parse(series.arm) for series in all_series))
    figure, axes = page(_texts(all_series), len(panels), body_in * len(load_points), len(load_points))
    names = []
    for number, ax in enumerate(axes):
        row, column = divmod(number, len(panels))
        transport, load_point = panels[column], load_points[row]
        title = transport.upper()
        panel_title(ax, title if len(load_points) == 1 else f"{title}: {load_point}")
        of_row = [series for series in all_series if series.load_point == load_point]
        of_panel = [series for series in of_row if Arm.parse(series.arm).transport == transport]
        names.append(_draw_panel(ax, of_panel, runs, looks))
        ax.set_ylim(0, 1.06 * _top(of_row))  # of both transports, which share their axis
        number_ticks(ax.yaxis)
        ax.set_ylabel(METRICS[all_series[0].metric].label if column == 0 else "")
        ax.tick_params(axis="y", labelleft=column == 0)
    settle(figure, names)
    return figure


def _runs(all_series: Sequence[Series]) -> _Runs:
    runs = {point.position: point.run for series in all_series for point in series.points}
    positions = sorted(runs)
    return _Runs([runs[position] for position in positions], {position: x for x, position in enumerate(positions)})


def _texts(all_series: Sequence[Series]) -> Texts:
    load_points = list(dict.fromkeys(str(series.load_point) for series in all_series))
    points = [point for series in all_series for point in series.points]
    runs = ngettext("{count} run", "{count} runs", len({point.position for point in points}))
    load = f"{load_points[0]}; " if len(load_points) == 1 else ""
    notes = []
    if any(series.changes for series in all_series):
        notes.append(gettext("Dotted rule: the next run is the first of a new level, of the server with that colour."))
    if any(point.verdict == INVALID for point in points):
        notes.append(gettext("Cross at the bottom: the figure of this run is invalid and has no height."))
    subtitle = gettext("{load}{runs}, from old to new; point: median of a run, bar: its interval", load=load, runs=runs)
    return Texts(history_question(all_series[0].metric), subtitle, notes)


def _top(all_series: Sequence[Series]) -> float:
    """Return the highest end of an interval; 1 without a valid figure."""
    points = [point for series in all_series for point in series.points if point.verdict != INVALID]
    heights = [height for point in points for height in (point.median, point.high) if math.isfinite(height)]
    return max(heights, default=0.0) or 1.0


def _draw_panel(ax: Axes, of_panel: Sequence[Series], runs: _Runs, looks: dict[str, Style]) -> PanelNames:
    """Draw the series of a panel, and return their names, each at its last figure."""
    labels = []
    for series in of_panel:
        look = looks[Arm.parse(series.arm).label]
        _draw_series(ax, series, runs.positions, look)
        if last := [point for point in series.points if point.verdict != INVALID and math.isfinite(point.median)][-1:]:
            name = row_name(Arm.parse(series.arm).display_label)
            labels.append(Label(name, runs.positions[last[0].position], last[0].median, look.ink, look.marker))
    step = math.ceil(len(runs.names) / _MAX_NAMES)
    ax.set_xlim(-0.5, len(runs.names) - 0.5)
    named = range((len(runs.names) - 1) % step, len(runs.names), step)  # the newest run has its name
    ax.set_xticks(named, [runs.names[x] for x in named], rotation=55, fontsize=8, ha="right", rotation_mode="anchor")
    return name_lines(ax, labels)


def _draw_series(ax: Axes, series: Series, positions: dict[int, int], look: Style) -> None:
    arm = Arm.parse(series.arm)
    shown = [point for point in series.points if point.verdict != INVALID]
    x, medians = [positions[point.position] for point in shown], [point.median for point in shown]
    with mark(ax, arm.label):
        ax.plot(x, medians, color=look.colour, linestyle=look.dashes, marker=look.marker, markersize=5)
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
