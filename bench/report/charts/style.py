"""The look of a model: one colour, one marker and one kind of line, in every chart of every run."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.colors import to_hex, to_rgb

from bench.schema.arms import BASELINE_MODEL

GREY, PALE, INK = "#8c8c8c", "#d9d9d9", "#262626"

# SVG: letters stay text, which halves the size and lets readers search and copy; a fixed salt gives the same ids again.
# PNG: no hinting, which is invisible at this resolution and takes a quarter of the time of the letters.
# Text between dollar signs is not a formula: a note may quote a wrong reply.
_LOOK: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "holabench",
    "text.hinting": "none",
    "text.parse_math": False,
}

# The palette of Okabe and Ito, which is distinct with all common colour deficiencies. Markers differ too, for print in
# grey.
FIXED = {
    "asyncio": ("#0072B2", "o"),
    "select": ("#009E73", "s"),
    "thread_per_client": ("#D55E00", "^"),
    "multiprocessing": ("#CC79A7", "D"),
    "iterative": ("#E69F00", "v"),
    BASELINE_MODEL: (INK, "*"),
}
# For all other models: the rest of that palette, and colours of Tol's "muted" that are far from those above.
FREE_COLOURS = ("#56B4E9", "#332288", "#882255", "#000000", "#999933")
FREE_MARKERS = ("P", "X", "p", "h", "<", ">", "d")
# The second model of a colour is dashed, the third dash-dotted, and so on. None looks dotted, which means invalid.
Dashes = tuple[int, tuple[float, ...]]
SOLID: Dashes = (0, ())
DASHES: tuple[Dashes, ...] = (
    SOLID,
    (0, (5, 1.5)),
    (0, (8, 1.5, 2, 1.5)),
    (0, (2.5, 1.5)),
    (0, (8, 1.5, 2, 1.5, 2, 1.5)),
)


@dataclass(frozen=True, slots=True)
class Style:
    """Colour, marker and line of a model.

    ink: a darker shade of the colour, for legible text on white.
    """

    colour: str
    marker: str
    ink: str
    dashes: Dashes = SOLID

    @property
    def marker_scale(self) -> float:
        """The factor that makes a marker look as large as a square."""
        return {"*": 1.7, "^": 1.13, "v": 1.13}.get(self.marker, 1.0)


def look() -> AbstractContextManager[None]:
    """Return the settings to build and save a chart with.

    Texts read them when they are created.
    """
    return rc_context(_LOOK)


def styles(names: Iterable[str]) -> dict[str, Style]:
    """Return the style of each name.

    Models without a fixed style get the free ones in alphabetical order.
    """
    names = sorted(set(names))
    looks = {name: Style(*FIXED[name], darker(FIXED[name][0])) for name in names if name in FIXED}
    for position, name in enumerate(name for name in names if name not in FIXED):
        colour = FREE_COLOURS[position % len(FREE_COLOURS)]
        marker = FREE_MARKERS[position % len(FREE_MARKERS)]
        dashes = DASHES[position // len(FREE_COLOURS) % len(DASHES)]
        looks[name] = Style(colour, marker, darker(colour), dashes)
    return looks


def markers_along(number: int) -> tuple[float, float]:
    """Return where markers are along a line: the first one, and the distance of the others, in widths of the axes.

    number: of the line in its chart. Lines close to each other have them at other places.
    """
    return 0.02 + number % 5 * 0.03, 0.16


def darker(colour: str) -> str:
    """Return a darker shade with the WCAG contrast of 4.5 to white.

    That is a relative luminance of about 0.18.
    """
    rgb = to_rgb(colour)
    while _luminance(rgb) > 0.183:
        rgb = (0.95 * rgb[0], 0.95 * rgb[1], 0.95 * rgb[2])
    return to_hex(rgb)


def _luminance(rgb: tuple[float, float, float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
