"""A chart for a narrow window: its panels one below the other, and its texts as text that wraps. Pure.

The panels show parts of the chart's only drawing, so that the page hardly grows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.inline_svg import chart_name, inline_svg

_GAP = 4.0  # points between the parts of a panel: the names of the rows, and the axes


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of a chart, in the points of its SVG; y counts from the top."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class NarrowView:
    """Contents of a chart in a narrow window.

    panels: each with its parts, side by side. svg: the drawing that they belong to; empty for that of the wide window.
    """

    subtitle: str
    notes: Sequence[str]
    panels: Sequence[Sequence[Part]]
    svg: bytes = b""


def narrow_panels(view: NarrowView, path: str) -> str:
    """Return the panels as SVG elements. path: of the chart."""
    if view.svg:
        drawing = f"{chart_name(path)}-narrow"
        whole = inline_svg(view.svg, drawing, "").replace("<svg", '<svg class="whole"', 1)
    else:
        drawing, whole = chart_name(path), ""
    panels = (_panel(parts, f"{drawing}-figure_1") for parts in view.panels)
    return whole + "".join(panels)


def _panel(parts: Sequence[Part], drawing: str) -> str:
    """Return an element that shows parts of a drawing side by side. drawing: the id of its group."""
    height = max(part.height for part in parts)
    shown, right = "", 0.0
    for part in parts:
        box = f"{part.x:.1f} {part.y:.1f} {part.width:.1f} {part.height:.1f}"
        place = f'x="{right:.1f}" width="{part.width:.1f}" height="{part.height:.1f}" viewBox="{box}"'
        shown += f'<svg {place}><use href="#{drawing}"/></svg>'
        right += part.width + _GAP
    return f'<svg class="panel" aria-hidden="true" viewBox="0 0 {right - _GAP:.1f} {height:.1f}">{shown}</svg>'
