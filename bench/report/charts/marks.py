"""The marks of a chart: which model each one shows, and its figures as text, kept in the SVG.

A page shows the text where the pointer rests on a mark, and can highlight the marks of one model.
"""

import html
import re
from collections.abc import Iterator
from contextlib import contextmanager

from matplotlib.axes import Axes

_SEPARATOR = "\x1f"  # no name of a model and no text contains it: names have no control characters
_GROUP = re.compile(rf"""<g id=(["'])mark{_SEPARATOR}(.*?){_SEPARATOR}(.*?)\1>""")  # quoted as the text allows


def model_class(label: str) -> str:
    """Return the class of a model's marks in an SVG, e.g. ``m-asyncio``."""
    return "m-" + re.sub(r"[^A-Za-z0-9_-]", "-", label)


@contextmanager
def mark(ax: Axes, label: str, text: str = "") -> Iterator[None]:
    """Give everything that is drawn meanwhile to a model. text: its figures, shown as a title."""
    before = set(ax.get_children())
    yield
    for artist in set(ax.get_children()) - before:
        artist.set_gid(f"mark{_SEPARATOR}{label}{_SEPARATOR}{text}")


def titled(svg: str) -> str:
    """Return an SVG whose marks have classes and titles instead of the ids that ``mark`` gave them."""
    return _GROUP.sub(lambda group: _group(html.unescape(group[2]), html.unescape(group[3])), svg)


def _group(label: str, text: str) -> str:
    title = f"<title>{html.escape(text, quote=False)}</title>" if text else ""
    return f'<g class="mark {model_class(label)}">{title}'
