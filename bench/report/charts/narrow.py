"""Find the panels of a chart, which a narrow window shows one below the other."""

import textwrap
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from bench.report.charts.encode import encode_svg
from bench.report.charts.layout import MARGIN_IN, ChartFigure
from bench.report.narrow_view import NarrowView, Part

_NARROW_IN = 6.0  # width of a panel that is drawn again: as of one of two panels
LABEL_CHARACTERS = 60  # per line below such a panel
_PASSES = 3  # texts beside marks move with the axes that make room for them
_POINTS = 72
_MARGIN = 2.0  # points around a panel
_LINE = 1.0  # half of the line at the left of the axes, and a little more
_HALF_LETTER = 6.0  # points of the lowest name of a row that can be below the axes


def narrow_view(figure: Figure) -> NarrowView | None:
    """Return the view of a chart for a narrow window, or None for a figure that ``page`` did not make.

    A chart with one panel in a row is drawn again, with a narrower panel: a part of it would not show all marks.
    Call this after everything else, because the figure is narrower then.
    """
    if not isinstance(figure, ChartFigure):
        return None
    svg = b""
    if len(figure.rows[0]) == 1:
        _make_narrow(figure)
        svg = encode_svg(figure)
    return NarrowView(figure.texts_around.subtitle, list(figure.texts_around.notes), list(_panels(figure)), svg)


def _make_narrow(figure: ChartFigure) -> None:
    for ax in figure.axes:
        ax.set_xlabel(textwrap.fill(ax.get_xlabel(), LABEL_CHARACTERS))
    figure.set_size_inches(_NARROW_IN, figure.get_figheight())
    height_in, left = figure.get_figheight(), MARGIN_IN / _NARROW_IN
    body_in = height_in - figure.header_in - figure.footer_in
    body = (left, figure.footer_in / height_in, 1 - 2 * left, body_in / height_in)
    engine = ConstrainedLayoutEngine(rect=body)
    for _ in range(_PASSES):
        engine.execute(figure)


def _panels(figure: ChartFigure) -> Iterator[list[Part]]:
    """Yield the parts of each panel, row by row."""
    height = _POINTS * figure.get_figheight()
    rows = [[ax for ax in row if ax.axison and ax.get_visible()] for row in figure.rows]
    rows = [row for row in rows if row]
    bottoms = [*(_bottom(row, height) for row in rows[:-1]), height - _POINTS * figure.footer_in + _MARGIN]
    tops = [_POINTS * figure.header_in - _MARGIN, *bottoms[:-1]]
    for row, top, bottom in zip(rows, tops, bottoms, strict=True):
        yield from _panels_of_row(row, figure, top, bottom)


def _bottom(row: Sequence[Axes], height: float) -> float:
    """Return where a row ends, below the texts at its ticks."""
    boxes = (ax.xaxis.get_tightbbox() for ax in row)
    lowest = min(box.y0 / _pixels_per_point(ax) for ax, box in zip(row, boxes, strict=True) if box is not None)
    return height - float(lowest) + _MARGIN


def _panels_of_row(row: Sequence[Axes], figure: ChartFigure, top: float, bottom: float) -> Iterator[list[Part]]:
    width, margin = _POINTS * figure.get_figwidth(), _POINTS * MARGIN_IN
    lefts = [margin - _MARGIN, *(_left(ax, width) for ax in row[1:])]
    rights = [*lefts[1:], width - margin + _MARGIN]
    corner = row[0].get_position()
    # Without the line of the axis, which each panel has, and without the numbers below it.
    names_right = width * corner.x0 - _LINE
    names_bottom = _POINTS * figure.get_figheight() * (1 - corner.y0) + _HALF_LETTER
    row_names = Part(lefts[0], top, names_right - lefts[0], names_bottom - top)
    for ax, left, right in zip(row, lefts, rights, strict=True):
        part = Part(left, top, right - left, bottom - top)
        yield [part] if ax is row[0] or _has_row_names(ax) else [row_names, part]


def _has_row_names(ax: Axes) -> bool:
    return any(label.get_visible() and label.get_text() for label in ax.get_yticklabels())


def _left(ax: Axes, width: float) -> float:
    """Return where an axes begins, with the texts at its ticks."""
    boxes = (axis.get_tightbbox() for axis in (ax.xaxis, ax.yaxis))
    texts = [float(box.x0) / _pixels_per_point(ax) for box in boxes if box is not None and box.width]
    return min([*texts, float(width * ax.get_position().x0)]) - _MARGIN


def _pixels_per_point(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    assert figure is not None, "axes of a page"
    return float(figure.dpi / _POINTS)
