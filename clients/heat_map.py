"""Draw latencies over time as a heat map: a column for each window, a row for each bucket of latencies.

``holabench`` draws its charts with this module too, so it does not import the compiled loop.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.legend import Legend
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from clients.latency_windows import LatencyWindow, lower_ns

# Shares of a window's requests. Eyes distinguish few shades, and neighbours of one shade become one rectangle.
SHARES = (0.0, 0.02, 0.05, 0.15, 0.4)
SHADES = ("#d3e4f3", "#9cc8e3", "#4b9bd0", "#1b67b0", "#08306b")  # of replies
ALARM_SHADES = ("#fdd8b5", "#fdae6b", "#f1752b", "#c4420a", "#7f2704")  # of requests without a reply in time
_GAP, _STRIP, _HEADROOM = 0.03, 0.08, 0.1  # above the scale, in heights of the scale
_NAME_ROOM = 0.1  # for half of the two lines of the strip's name, in heights of the axis
_LEAST_PHASE_SHARE = 0.05  # of the load; a shorter phase has no room for its name
_FEW_DECADES = 3  # an axis with fewer ticks also has some between them
_INK, _GREY = "#262626", "#595959"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of the picture. ``holabench`` replaces them where it draws in another language."""

    never: str = "no reply\nin time"  # name of the strip, in two lines
    legend: str = "share of a moment's requests (orange: no reply in time)"
    up_to: str = "to {share}"
    more: str = "more"


ENGLISH = Words()


@dataclass(frozen=True, slots=True)
class LatencyScale:
    """A logarithmic scale of latencies, and above it a strip for requests without a reply in time.

    Heights are decimal logarithms of microseconds.
    """

    bottom: float
    top: float

    @classmethod
    def of(cls, loads: Iterable[Sequence[LatencyWindow]]) -> "LatencyScale":
        """Return the scale that shows all replies of several loads, at least half a decade."""
        uppers_ns = {upper_ns for load in loads for window in load for upper_ns in window.counts}
        if not uppers_ns:
            return cls(1.0, 4.0)
        bottom, top = _height(lower_ns(min(uppers_ns))), _height(max(uppers_ns) + 1)
        return cls(bottom, max(top, bottom + 0.5))

    @property
    def strip(self) -> tuple[float, float]:
        """The heights at which the strip begins and ends."""
        begin = self.top + _GAP * self._span
        return begin, begin + _STRIP * self._span

    @property
    def ceiling(self) -> float:
        """The upper end of the axis, with room for names of phases."""
        return self.strip[1] + _HEADROOM * self._span

    @property
    def _span(self) -> float:
        return self.top - self.bottom


def _height(latency_ns: float) -> float:
    return math.log10(max(latency_ns, 1.0) / 1e3)


def draw_heat_map(ax: Axes, windows: Sequence[LatencyWindow], scale: LatencyScale) -> None:
    """Draw the cells of one load. All cells of one shade are one shape, so that an SVG stays small."""
    rows = sorted({upper_ns for window in windows for upper_ns in window.counts})
    cells = [
        (_height(lower_ns(upper_ns)), _height(upper_ns + 1), [_share(window, upper_ns) for window in windows])
        for upper_ns in rows
    ]
    _draw_rows(ax, windows, cells, SHADES)
    never = [window.never_answered / window.requests if window.requests else 0.0 for window in windows]
    _draw_rows(ax, windows, [(*scale.strip, never)], ALARM_SHADES)


def _share(window: LatencyWindow, upper_ns: int) -> float:
    return window.counts.get(upper_ns, 0) / window.requests if window.requests else 0.0


def _draw_rows(
    ax: Axes,
    windows: Sequence[LatencyWindow],
    rows: Iterable[tuple[float, float, Sequence[float]]],
    shades: Sequence[str],
) -> None:
    """Draw rows of cells. rows: of each its lower and upper height, and the share of each window."""
    boxes: dict[int, list[list[tuple[float, float]]]] = {}
    for low, high, shares in rows:
        for shade, run in groupby(zip(windows, shares, strict=True), key=lambda pair: shade_of(pair[1])):
            if shade is not None:
                of_run = [window for window, _ in run]
                left, right = of_run[0].start_s, of_run[-1].start_s + of_run[-1].length_s
                corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
                boxes.setdefault(shade, []).append(corners)
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY]
    for shade, of_shade in sorted(boxes.items()):
        corners = [corner for box in of_shade for corner in box]
        shape = Path(corners, codes * len(of_shade))
        # Without antialiasing, because neighbouring cells would show the ground between them.
        ax.add_patch(PathPatch(shape, facecolor=shades[shade], linewidth=0, antialiased=False, zorder=2))


def shade_of(share: float) -> int | None:
    """Return the number of a share's shade; None for a share of 0."""
    if share <= 0:
        return None
    return max(number for number, beyond in enumerate(SHARES) if share > beyond)


def latency_axis(ax: Axes, scale: LatencyScale, label: str = "latency (log scale)", words: Words = ENGLISH) -> None:
    """Set the limits and ticks of the vertical axis."""
    ax.set_ylim(scale.bottom, scale.ceiling)
    decades = range(math.ceil(scale.bottom - 1e-9), math.floor(scale.top + 1e-9) + 1)
    heights = [float(decade) for decade in decades]
    if len(heights) < _FEW_DECADES:
        steps = (math.log10(step) + decade for decade in range(-3, 9) for step in (1, 2, 5))
        heights = [height for height in steps if scale.bottom <= height <= scale.top]
    strip = sum(scale.strip) / 2
    free = strip - _NAME_ROOM * (scale.ceiling - scale.bottom)  # a tick above it would meet the name of the strip
    heights = [height for height in heights if height <= free]
    ax.set_yticks([*heights, strip], [*(format_us(10**height) for height in heights), words.never])
    ax.set_ylabel(label)


def format_us(latency_us: float) -> str:
    """Return a latency with its unit, in two figures: ``100 µs``, ``1.3 ms``, ``20 s``."""
    unit, factor = next(
        (unit, factor) for unit, factor in (("s", 1e6), ("ms", 1e3), ("µs", 0.0)) if latency_us >= 0.9995 * factor
    )
    value = float(f"{latency_us / (factor or 1.0):.2g}")
    return f"{value:g} {unit}"


def draw_phases(ax: Axes, ends_s: Sequence[tuple[str, float]], scale: LatencyScale) -> None:
    """Draw a line between two phases, and the name of each phase at the top. ends_s: in their order."""
    begin_s = 0.0
    height = (scale.strip[1] + scale.ceiling) / 2
    for number, (name, end_s) in enumerate(ends_s):
        if number:
            ends = (scale.bottom, scale.strip[1])
            ax.plot([begin_s, begin_s], ends, color=_INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=4)
        if end_s - begin_s >= _LEAST_PHASE_SHARE * ends_s[-1][1]:
            ax.text((begin_s + end_s) / 2, height, name, ha="center", va="center", fontsize=8.5, color=_GREY, zorder=5)
        begin_s = end_s


def draw_legend(ax: Axes, words: Words = ENGLISH) -> Legend:
    """Explain the shades above the axes, at the right."""
    ends = [*(words.up_to.format(share=f"{end:.0%}") for end in SHARES[1:]), words.more]
    handles = [Patch(facecolor=shade, label=end) for shade, end in zip(SHADES, ends, strict=True)]
    legend = ax.legend(
        handles=handles,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        handlelength=1.4,
        handletextpad=0.4,
        columnspacing=1.0,
    )
    legend.set_title(words.legend, FontProperties(size=8.5))
    return legend
