"""Checks of the texts in a chart."""

import itertools
import math
from collections.abc import Iterator

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def panel_titles(figure: Figure) -> list[Text]:
    """Return the names of the panels."""
    return [text for text in figure.findobj(Text) if text.get_text().partition(" (")[0] in ("TCP", "UDP")]


def find_name_markers(figure: Figure) -> list[Line2D]:
    """Return the markers before the names of lines."""
    return [line for line in figure.artists if isinstance(line, Line2D) and line.get_marker() != "None"]


def visible_texts(figure: Figure) -> Iterator[tuple[str, Bbox]]:
    """Yield every visible text of a chart with its box in pixels."""
    figure.draw_without_rendering()
    seen: list[Text] = [*figure.texts, *panel_titles(figure)]
    for ax in figure.axes:
        seen += [
            *ax.texts,
            ax.xaxis.label,
            ax.yaxis.label,
            ax.title,
        ]
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            seen += [tick.label1 for tick in ticks if tick.label1.get_visible() and low <= tick.get_loc() <= high]
    for text in seen:
        if text.get_text().strip() and text.get_visible():
            box = Text.get_window_extent(text)  # without the arrow of an annotation
            yield text.get_text(), box


def assert_legible(figure: Figure) -> None:
    """Assert that no text leaves the page or covers another text.

    The boxes of two slanted texts overlap although the texts do not: ``assert_slanted_names_have_room`` is for them.
    """
    page = figure.bbox
    slanted = {text.get_text() for text in figure.findobj(Text) if text.get_rotation() % 90}
    texts = list(visible_texts(figure))
    for text, box in texts:
        assert page.x0 <= box.x0, f"{text!r} is cut off"
        assert box.x1 <= page.x1, f"{text!r} is cut off"
        assert page.y0 <= box.y0, f"{text!r} is cut off"
        assert box.y1 <= page.y1, f"{text!r} is cut off"
    for (first, box), (second, other_box) in itertools.combinations(texts, 2):
        if {first, second} <= slanted:
            continue
        shared = Bbox.intersection(box, other_box)
        assert shared is None or min(shared.width, shared.height) < 1.0, f"{first!r} covers {second!r}"


def assert_slanted_names_have_room(figure: Figure) -> None:
    """Assert that the slanted names along each axis are further apart than they are high."""
    for ax in figure.axes:
        names = ax.get_xticklabels()
        xs = ax.transData.transform([(float(tick), 0.0) for tick in ax.get_xticks()])[:, 0]
        for name, left, right in zip(names, xs, xs[1:], strict=False):
            height = 1.2 * float(name.get_fontsize()) * figure.dpi / 72
            distance = (right - left) * math.sin(math.radians(name.get_rotation()))
            assert distance > height, f"{name.get_text()!r} covers the next name"
