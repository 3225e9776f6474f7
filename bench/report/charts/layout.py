"""The page of a chart: question on top, load below it, panels, notes at the foot; and labels that do not overlap.

Only matplotlib's object interface is used: pyplot keeps figures and settings that belong to the whole process.
"""

import itertools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from bench.report.charts.style import GREY, INK, PALE

WIDTH_IN, DPI = 12.0, 150
MARGIN_IN, HEADER_IN, LINE_IN = 0.3, 0.85, 0.17
NOTE_SIZE, LABEL_SIZE = 8.5, 10.5
_BESIDE_POINT, _BESIDE_NAME = 10.0, 5.0  # pixels that a line keeps away
CHARACTERS_A_LINE, CHARACTERS_OF_SUBTITLE = 165, 130  # across the page


@dataclass(frozen=True, slots=True)
class Label:
    """A name that belongs beside a point (in data coordinates)."""

    text: str
    x: float
    y: float
    ink: str


def page(title: str, subtitle: str, notes: Sequence[str], panels: int, body_in: float) -> tuple[Figure, list[Axes]]:
    """A figure with its texts and ``panels`` axes side by side that share their y axis."""
    lines = [line for note in notes for line in _wrapped(note, CHARACTERS_A_LINE, indent="    ")]
    below_title = _wrapped(subtitle, CHARACTERS_OF_SUBTITLE)
    header_in = HEADER_IN + 0.2 * (len(below_title) - 1)
    footer_in = MARGIN_IN + LINE_IN * len(lines)
    height_in = header_in + body_in + footer_in
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    left = MARGIN_IN / WIDTH_IN
    figure.text(left, 1 - 0.2 / height_in, title, fontsize=16, fontweight="bold", color=INK, va="top")
    figure.text(left, 1 - 0.55 / height_in, "\n".join(below_title), fontsize=10.5, color="#595959", va="top")
    for number, line in enumerate(reversed(lines)):
        bottom = (0.14 + LINE_IN * number) / height_in
        figure.text(left, bottom, line, fontsize=NOTE_SIZE, color="#595959", va="bottom")
    space = (left, footer_in / height_in, 1 - 2 * left, body_in / height_in)
    figure.set_layout_engine("constrained", rect=space, wspace=0.04)
    axes = [figure.add_subplot(1, panels, 1)]
    axes += [figure.add_subplot(1, panels, number + 1, sharey=axes[0]) for number in range(1, panels)]
    for ax in axes:
        _plain(ax)
    return figure, axes


def _wrapped(text: str, characters: int, indent: str = "") -> list[str]:
    """The lines of a text; a number stays with its per cent."""
    kept = text.replace(" %", "\u00a0%")
    return [line.replace("\u00a0", " ") for line in textwrap.wrap(kept, characters, subsequent_indent=indent)]


def _plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=10)
    ax.grid(color=PALE, linewidth=0.6)
    ax.set_axisbelow(True)


def panel_title(ax: Axes, text: str) -> None:
    """The name of a panel, at its upper left."""
    ax.set_title(text, loc="left", fontsize=12, fontweight="bold", color=INK, pad=10)


def settle(figure: Figure) -> None:
    """Fix the places of the axes, so that labels can be set by pixels from here on.

    The engine alone, not ``draw_without_rendering``: the same pixels, in three quarters of the time that charts take.
    """
    engine = figure.get_layout_engine()
    assert engine is not None, "page sets one"
    engine.execute(figure)
    figure.set_layout_engine(None)  # not "none", which stands in for an engine, so that saving lays out once more


def label_right(ax: Axes, labels: Sequence[Label]) -> list[tuple[Label, Text]]:
    """Write names to the right of the axes.

    To be called before ``settle``, so that the layout makes room for them; ``spread_labels`` then gives each its place.
    """
    return [
        (
            one,
            ax.text(1.03, 0.5, one.text, transform=ax.transAxes, color=one.ink, fontsize=LABEL_SIZE, va="center"),
        )
        for one in labels
    ]


def spread_labels(ax: Axes, names: Sequence[tuple[Label, Text]]) -> None:
    """Move names up and down, each as near to the height of its point as the others allow, with a line to the point.

    The lines are our own: arrows of annotations look the same and took a tenth of all the time that charts take.
    """
    if not names:
        return
    figure, box = ax.get_figure(root=True), ax.get_window_extent()
    assert figure is not None, "axes of a page"
    gap = 1.3 * LABEL_SIZE * figure.dpi / 72 / box.height
    points = ax.transAxes.inverted().transform(ax.transData.transform([(label.x, label.y) for label, _ in names]))
    places = spread([float(y) for _, y in points], gap)
    for (label, text), (x, y), place in zip(names, points, places, strict=True):
        text.set_y(place)
        line = np.array([(x, y), (1.03, place)])
        along = np.diff(line, axis=0)[0] * (box.width, box.height)
        length = float(np.hypot(*along))
        if length < 2 * (_BESIDE_POINT + _BESIDE_NAME):  # the name is where one looks for it
            continue
        shrunk = np.array([[_BESIDE_POINT], [-_BESIDE_NAME]]) * along / length / (box.width, box.height)
        across, up = (line + shrunk).T
        leader = Line2D(across, up, color=label.ink, linewidth=0.7, alpha=0.5, clip_on=False)
        leader.set_transform(ax.transAxes)
        figure.add_artist(leader)  # among the lines of the axes it would pass for something measured


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Places at least ``gap`` apart, in the order of the wanted ones and with the least sum of squared moves.

    With the gaps taken off this is regression under an order, solved by pooling neighbours that violate it.
    Source: Barlow et al., Statistical Inference under Order Restrictions (1972).
    """
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    pools: list[tuple[float, int]] = []  # (mean, size)
    for rank, index in enumerate(order):
        mean, size = wanted[index] - rank * gap, 1
        while pools and pools[-1][0] > mean:
            other, count = pools.pop()
            mean, size = (mean * size + other * count) / (size + count), size + count
        pools.append((mean, size))
    shifted = [mean for mean, size in pools for _ in range(size)]
    placed = [0.0] * len(wanted)
    for rank, index in enumerate(order):
        placed[index] = shifted[rank] + rank * gap
    return placed


def label_beside(ax: Axes, labels: Sequence[Label]) -> list[Annotation]:
    """Write names inside the axes next to their points, where they cover least of what is drawn. After ``settle``."""
    figure = ax.get_figure(root=True)
    renderer = figure.canvas.get_renderer()  # type: ignore[union-attr]
    taken = _drawn_pixels(ax)
    frame = ax.get_window_extent()
    made: list[Annotation] = []
    for one in labels:
        note = ax.annotate(one.text, (one.x, one.y), xytext=(0, 0), textcoords="offset points", color=one.ink)
        note.set(fontsize=LABEL_SIZE, va="center")
        others = [other.get_window_extent(renderer) for other in made]
        choices = []
        for distance in (12, 22, 34, 46):
            for side, down in (("left", 0), ("left", -1), ("left", 1), ("center", -1), ("center", 1), ("right", 0)):
                across = {"left": 0 if down else 1, "center": 0, "right": -1}[side]
                note.set(ha=side, position=(distance * across, distance * down))
                box = note.get_window_extent(renderer).padded(3)
                covered = int(np.count_nonzero(_inside(taken, box)))
                clashes = sum(box.overlaps(other) for other in others)
                external = not (frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1)
                choices.append(
                    (1000 * (clashes + external) + covered, distance, side, (distance * across, distance * down))
                )
        _, _, side, position = min(choices)
        note.set(ha=side, position=position)
        made.append(note)
    return made


def _drawn_pixels(ax: Axes) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Points along every line of the axes, in pixels, shape (n, 2)."""
    pieces = [np.empty((0, 2))]
    for line in ax.get_lines():
        corners = line.get_transform().transform(np.column_stack(line.get_data()).astype(float))
        for start, end in itertools.pairwise(corners):
            pieces.append(start + (end - start) * np.linspace(0, 1, 60)[:, None])
        pieces.append(corners)
    found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = np.concatenate(pieces)
    return found


def _inside(
    pixels: "np.ndarray[tuple[int, int], np.dtype[np.float64]]", box: Bbox
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    x, y = pixels[:, 0], pixels[:, 1]
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = (box.x0 <= x) & (x <= box.x1) & (box.y0 <= y) & (y <= box.y1)
    return inside
