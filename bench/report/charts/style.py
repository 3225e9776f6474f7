"""How a model looks: one colour and one marker, the same in every chart of every run."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.colors import to_hex, to_rgb

from bench.schema.arms import BASELINE_MODEL

GREY, PALE, INK = "#8c8c8c", "#d9d9d9", "#262626"

# In an SVG letters as text, not as outlines: half the size, and a reader can search and copy them; and the same run has
# the same ids. In a PNG they are not hinted: at this many dots nobody sees it, and it takes a quarter of their time.
# And what stands between two dollars is no formula: it may be part of a wrong reply that is shown below a chart.
_LOOK: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "holabench",
    "text.hinting": "none",
    "text.parse_math": False,
}

# Okabe and Ito's palette, which readers with any of the common colour deficiencies can tell apart. The markers differ
# too, for print in grey.
FIXED = {
    "asyncio": ("#0072B2", "o"),
    "select": ("#009E73", "s"),
    "thread_per_client": ("#D55E00", "^"),
    "multiprocessing": ("#CC79A7", "D"),
    "iterative": ("#E69F00", "v"),
    BASELINE_MODEL: (INK, "*"),
}
# For models that are not in the table: what is left of that palette, and Tol's "muted" where it is far from all above.
FREE_COLOURS = ("#56B4E9", "#332288", "#882255", "#000000", "#999933")
FREE_MARKERS = ("P", "X", "p", "h", "<", ">", "d")


@dataclass(frozen=True, slots=True)
class Style:
    """Colour and marker of a model, and the darker shade of the colour in which its name is legible on white."""

    colour: str
    marker: str
    ink: str


def look() -> AbstractContextManager[None]:
    """Settings while a chart is made and saved: its texts take theirs when they are made."""
    return rc_context(_LOOK)


def styles(names: Iterable[str]) -> dict[str, Style]:
    """The style of each name. The five have theirs; others take the free ones in the order of the alphabet."""
    names = sorted(set(names))
    found = {name: FIXED[name] for name in names if name in FIXED}
    for place, name in enumerate(name for name in names if name not in FIXED):
        colour = FREE_COLOURS[place % len(FREE_COLOURS)]
        found[name] = colour, FREE_MARKERS[place % len(FREE_MARKERS)]
    return {name: Style(colour, marker, darker(colour)) for name, (colour, marker) in found.items()}


def darker(colour: str) -> str:
    """The colour with less light, until it has WCAG's contrast of 4.5 to white (relative luminance of 0.18 or so)."""
    rgb = to_rgb(colour)
    while _luminance(rgb) > 0.183:
        rgb = (0.95 * rgb[0], 0.95 * rgb[1], 0.95 * rgb[2])
    return to_hex(rgb)


def _luminance(rgb: tuple[float, float, float]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
