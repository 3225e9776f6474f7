"""The layout of a chart: texts, panels, and labels that do not overlap.

Only matplotlib's object interface is used, because pyplot keeps figures and settings for the whole process.
"""

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, NullFormatter
from matplotlib.transforms import Bbox, ScaledTranslation, Transform

from bench.formatting import on_axis
from bench.report.charts.style import GREY, INK, PALE
from bench.report.charts.ticks import DecadeLocator
from bench.schema.arms import Arm

WIDTH_IN, DPI = 12.0, 150
MARGIN_IN, HEADER_IN, LINE_IN = 0.3, 0.85, 0.17
NOTE_SIZE, LABEL_SIZE = 8.5, 10.5
TEXT_GREY = "#595959"
_POINT_GAP, _NAME_GAP = 10.0, 5.0  # pixels between a leader line and its ends
NOTE_CHARACTERS, SUBTITLE_CHARACTERS = 165, 130  # per line
_LABEL_X = 1.03  # of names beside the axes, in widths of the axes
_MARKER_IN = 0.16  # width of a marker with its gap, before a name
_LABEL_PAD = 3.0  # pixels around a name inside the axes
_LEFT_OF_POINT = {"left": 0.0, "center": 0.5, "right": 1.0}  # the share of a text, by its horizontal alignment
_NAME_IN, _FRAME_IN = 0.2, 1.4  # height of a name beside the axes, and of titles and ticks around them
Pixels = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts around a chart."""

    title: str
    subtitle: str
    notes: Sequence[str] = ()

    def with_notes(self, *notes: str) -> "Texts":
        """Return the same texts with further notes."""
        return replace(self, notes=[*self.notes, *notes])


@dataclass(frozen=True, slots=True)
class Label:
    """A name that belongs beside a point (in data coordinates).

    marker: of the line, drawn before the name; of many lines some have the same colour.
    """

    text: str
    x: float
    y: float
    ink: str
    marker: str = ""


@dataclass(frozen=True, slots=True)
class PanelNames:
    """The names of the lines in a panel: beside the axes, each with its text, and inside the axes.

    leaders: whether a line connects a name beside the axes with its point.
    """

    ax: Axes
    beside: list[tuple[Label, Text]]
    inside: Sequence[Label]
    leaders: bool = True


class ChartFigure(Figure):
    """A figure with what surrounds its axes, so that a narrow window can show its panels alone."""

    texts_around: Texts
    rows: list[list[Axes]]
    header_in: float
    footer_in: float


def page(texts: Texts, panels: int, body_in: float, rows: int = 1) -> tuple[ChartFigure, list[Axes]]:
    """Return a figure with its texts, and axes: row by row, each row with ``panels`` axes that share their y axis.

    body_in: height of all rows together.
    """
    note_lines = [line for note in texts.notes for line in _wrap(note, NOTE_CHARACTERS, indent="    ")]
    subtitle_lines = _wrap(texts.subtitle, SUBTITLE_CHARACTERS)
    header_in = HEADER_IN + 0.2 * (len(subtitle_lines) - 1)
    footer_in = MARGIN_IN + LINE_IN * len(note_lines)
    height_in = header_in + body_in + footer_in
    figure = ChartFigure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor="white")
    figure.texts_around, figure.header_in, figure.footer_in = texts, header_in, footer_in
    FigureCanvasAgg(figure)
    left = MARGIN_IN / WIDTH_IN
    figure.text(left, 1 - 0.2 / height_in, texts.title, fontsize=16, fontweight="bold", color=INK, va="top")
    subtitle = "\n".join(subtitle_lines)
    figure.text(left, 1 - 0.55 / height_in, subtitle, fontsize=10.5, color=TEXT_GREY, va="top")
    for position, line in enumerate(reversed(note_lines)):
        bottom = (0.14 + LINE_IN * position) / height_in
        figure.text(left, bottom, line, fontsize=NOTE_SIZE, color=TEXT_GREY, va="bottom")
    body = (left, footer_in / height_in, 1 - 2 * left, body_in / height_in)
    figure.set_layout_engine("constrained", rect=body, wspace=0.04)
    axes: list[Axes] = []
    for row in range(rows):
        left_axes = figure.add_subplot(rows, panels, row * panels + 1)
        beside = (
            figure.add_subplot(rows, panels, row * panels + panel + 1, sharey=left_axes) for panel in range(1, panels)
        )
        axes += [left_axes, *beside]
    for ax in axes:
        _style_axes(ax)
    figure.rows = [axes[start : start + panels] for start in range(0, len(axes), panels)]
    return figure, axes


def body_height_in(usual_in: float, arms: Iterable[Arm]) -> float:
    """Return the height of axes whose lines have a name each, so that the names of many arms have room."""
    names = Counter(arm.transport for arm in set(arms) if not arm.control)
    return max(usual_in, _NAME_IN * max(names.values(), default=0) + _FRAME_IN)


def _wrap(text: str, characters: int, indent: str = "") -> list[str]:
    """Return the lines of a text. A number stays with the noun of an interval."""
    kept = text.replace("% interval", "%\u00a0interval")
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(kept, characters, subsequent_indent=indent)]


def _style_axes(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=10)
    ax.grid(color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)


def panel_title(ax: Axes, text: str) -> None:
    """Write the name of a panel at its upper left."""
    ax.set_title(text, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10, y=1.0)


def number_ticks(axis: Axis) -> None:
    """Write short numbers at the ticks of an axis. Call it once the scale is set: a new scale formats them itself."""
    if axis.get_scale() == "log":
        axis.set_major_locator(DecadeLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    axis.set_minor_formatter(NullFormatter())


def settle(figure: Figure, names: Iterable[PanelNames] = ()) -> None:
    """Fix the positions of the axes, then place the names of lines by pixels.

    Running only the layout engine gives the same pixels as ``draw_without_rendering``, and charts take three quarters
    of the time.
    """
    engine = figure.get_layout_engine()
    assert engine is not None, "page sets one"
    engine.execute(figure)
    figure.set_layout_engine(None)  # "none" would leave a placeholder, and saving would lay out again
    for of_panel in names:
        _spread_labels(of_panel.ax, of_panel.beside, leaders=of_panel.leaders)
        _label_inside(of_panel.ax, of_panel.inside)


def name_lines(ax: Axes, beside: Sequence[Label], inside: Sequence[Label] = (), *, leaders: bool = True) -> PanelNames:
    """Name the lines of a panel: to the right of the axes, or inside next to their points.

    The layout makes room for the names on the right; ``settle`` moves each to its height. leaders: see ``PanelNames``.
    """
    names = []
    for label in beside:
        place = _beside_marker(ax, _MARKER_IN if label.marker else 0.0)
        text = ax.text(_LABEL_X, 0.5, label.text, transform=place, color=label.ink, fontsize=LABEL_SIZE, va="center")
        names.append((label, text))
    return PanelNames(ax, names, inside, leaders)


def _beside_marker(ax: Axes, right_in: float) -> Transform:
    """Return axes coordinates, moved to the right."""
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a page"
    return ax.transAxes + ScaledTranslation(right_in, 0.0, figure.dpi_scale_trans)


def _spread_labels(ax: Axes, names: Sequence[tuple[Label, Text]], *, leaders: bool) -> None:
    """Move names up or down, as near to their points as the other names allow.

    A leader line connects a name with its point. Drawing these lines ourselves looks the same as arrows of annotations,
    which took a tenth of the time of all charts.
    """
    if not names:
        return
    figure, box = ax.get_figure(root=True), ax.get_window_extent()
    assert figure is not None, "axes of a page"
    gap = 1.3 * LABEL_SIZE * figure.dpi / 72 / box.height
    ends = ax.transAxes.inverted().transform(ax.transData.transform([(label.x, label.y) for label, _ in names]))
    heights = spread([float(y) for _, y in ends], gap, top=1.0)
    for (label, text), (x, y), height in zip(names, ends, heights, strict=True):
        text.set_y(height)
        if label.marker:
            key = Line2D([_LABEL_X], [height], marker=label.marker, color=label.ink, markersize=5, clip_on=False)
            key.set_transform(_beside_marker(ax, _MARKER_IN / 2))
            figure.add_artist(key)
        if leaders and (leader := _leader_line(ax, (x, y), (_LABEL_X, height), label.ink)):
            figure.add_artist(leader)  # among the lines of the axes it would look like a measurement


def _leader_line(ax: Axes, point: tuple[float, float], name: tuple[float, float], ink: str) -> Line2D | None:
    """Return a line from a point to its name, in axes coordinates.

    A name close to its point needs none.
    """
    box = ax.get_window_extent()
    size = np.array([box.width, box.height])
    ends = np.array([point, name])
    direction = (ends[1] - ends[0]) * size
    length = float(np.hypot(*direction))
    if length < 2 * (_POINT_GAP + _NAME_GAP):
        return None
    shrunk = ends + np.array([[_POINT_GAP], [-_NAME_GAP]]) * direction / length / size
    across, up = shrunk.T
    line = Line2D(across, up, color=ink, linewidth=0.7, alpha=0.5, clip_on=False)
    line.set_transform(ax.transAxes)
    return line


def spread(targets: Sequence[float], gap: float, top: float = math.inf) -> list[float]:
    """Return positions at least ``gap`` apart, as near to the targets as possible.

    The order is that of the targets, and the sum of squared moves is the least.

    With the gaps subtracted this is isotonic regression, solved by pooling neighbours that violate the order. Positions
    from 0 to ``top`` follow by clipping, if there is room for all.

    Source: Barlow et al., Statistical Inference under Order Restrictions (1972).
    """
    order = sorted(range(len(targets)), key=lambda index: targets[index])
    pools: list[tuple[float, int]] = []  # (mean, size)
    for rank, index in enumerate(order):
        mean, size = targets[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            previous_mean, previous_size = pools.pop()
            mean = (mean * size + previous_mean * previous_size) / (size + previous_size)
            size += previous_size
        pools.append((mean, size))
    shifted = [mean for mean, size in pools for _ in range(size)]
    highest = top - (len(targets) - 1) * gap
    if math.isfinite(highest) and highest >= 0:
        shifted = [min(max(value, 0.0), highest) for value in shifted]
    positions = [0.0] * len(targets)
    for rank, index in enumerate(order):
        positions[index] = shifted[rank] + rank * gap
    return positions


def _label_inside(ax: Axes, labels: Sequence[Label]) -> None:
    """Write names inside the axes next to their points, each where it covers least of the drawing."""
    drawn = _drawn_pixels(ax.get_lines())
    annotations: list[Annotation] = []
    for label in labels:
        name = ax.annotate(label.text, (label.x, label.y), xytext=(0, 0), textcoords="offset points", color=label.ink)
        name.set(fontsize=LABEL_SIZE, va="center")
        _place_beside(ax, name, drawn, annotations)
        annotations.append(name)


def _place_beside(ax: Axes, name: Annotation, drawn: Pixels, others: Sequence[Annotation]) -> None:
    """Move a name to the side of its point where it covers least.

    Leaving the axes or covering another name is worst. The text is measured once and its box is moved, which gives the
    same places as measuring it at each of them, in a quarter of the time.
    """
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a page"
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]  # a page has the canvas of Agg
    frame = ax.get_window_extent()
    taken = [other.get_window_extent(renderer) for other in others]
    name.set(ha="left", position=(0, 0))
    at_point, pixels_per_point = name.get_window_extent(renderer), figure.dpi / 72
    choices = []
    for distance in (12, 22, 34, 46):
        for side, down in (("left", 0), ("left", -1), ("left", 1), ("center", -1), ("center", 1), ("right", 0)):
            across = {"left": 0 if down else 1, "center": 0, "right": -1}[side]
            position = (distance * across, distance * down)
            across_px = pixels_per_point * position[0] - _LEFT_OF_POINT[side] * at_point.width
            box = at_point.translated(across_px, pixels_per_point * position[1]).padded(_LABEL_PAD)
            faults = sum(box.overlaps(other) for other in taken) + (not _contains(frame, box))
            cost = 1000 * faults + int(np.count_nonzero(_inside(drawn, box)))
            choices.append((cost, distance, side, position))
    _, _, side, position = min(choices)
    name.set(ha=side, position=position)


def _contains(frame: Bbox, box: Bbox) -> bool:
    return bool(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1)


def _drawn_pixels(lines: Iterable[Line2D]) -> Pixels:
    """Return points along lines, in pixels, shape (n, 2)."""
    pieces = [np.empty((0, 2))]
    along = np.linspace(0, 1, 60)[:, None]
    for line in lines:
        corners = line.get_transform().transform(np.column_stack(line.get_data()).astype(float))
        between = corners[:-1, None] + np.diff(corners, axis=0)[:, None] * along
        pieces += [between.reshape(-1, 2), corners]
    pixels: Pixels = np.concatenate(pieces)
    return pixels


def _inside(pixels: Pixels, box: Bbox) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    x, y = pixels[:, 0], pixels[:, 1]
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = (box.x0 <= x) & (x <= box.x1) & (box.y0 <= y) & (y <= box.y1)
    return inside
