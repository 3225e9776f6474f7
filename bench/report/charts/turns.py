"""Single requests over time: a panel for each server, and in it a row for each connection."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.formatting import compact, format_percent, join_words, three_figures
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.layout import Texts, number_ticks, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.style import INK, PALE, Style, styles
from bench.report.charts.sweeps import describe
from bench.schema.arms import Arm
from bench.translation import N_, gettext, ngettext

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
MAX_PANELS, COLUMNS = 12, 2
PANEL_IN, ROW_NUMBER_SIZE = 2.1, 5.5
WINDOWS_MS = (20.0, 10.0, 5.0, 2.0, 1.0, 0.5)
MAX_REPLIES = 300  # of the fastest server in its window: more would be narrower than a pixel
LEGEND = N_(
    "Grey: a request waits for its reply. Colour: from the previous reply on any connection "
    "to its own, so the colour shows whose turn it is."
)
ORDER = N_(
    "Rows: the connections by number, as each thread of the generator opened them; an arrow "
    "marks the most served one, if it got more than {limit:g} times an even share."
)
MOST_SERVED = N_(
    "{server}: connection {number} got {share} of the replies in the recording, {times} times an even share."
)
UNEVEN = 1.5  # times an even share; beyond, the most served connection is named
MAX_ROW_NUMBERS = 16  # of a panel; of more connections every second one has its number, and so on
BAR_SHARE = 0.75  # of the height of a row


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The requests of one server, by time of arrival.

    rows: of each request its connection's position. numbers: of the connections, by position. began_ms: when its colour
    begins.
    """

    rows: Numbers
    numbers: tuple[int, ...]
    sent_ms: Numbers
    began_ms: Numbers
    received_ms: Numbers

    def window(self, length_ms: float) -> tuple[float, int]:
        """Return the start of the window of this length with the most replies, and their number."""
        ends = np.searchsorted(self.received_ms, self.received_ms + length_ms)
        counts = ends - np.arange(len(ends))
        densest = int(np.argmax(counts))
        return float(self.received_ms[densest]), int(counts[densest])


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns of a server's connections: replies to others between two on one connection."""

    median: float
    low: float  # the middle 90% lie between low and high
    high: float
    longest_wait_ms: float

    def __str__(self) -> str:
        """Return the numbers in words."""
        return gettext(
            "{median:.0f} (middle 90%: {low:.0f} to {high:.0f}), longest wait {longest_wait_ms} ms",
            median=self.median,
            low=self.low,
            high=self.high,
            longest_wait_ms=compact(self.longest_wait_ms),
        )


def build_turns_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return the chart of the excerpt that the run recorded at this load; None if it recorded none."""
    replay = tables.replay
    if replay is None or replay.empty:
        return None
    sweep = request.sweep
    rows = replay[(replay["scenario"] == sweep.scenario) & (replay["message_bytes"] == sweep.message_bytes)]
    excerpts = {Arm.parse(str(name)): excerpt_of(of_arm) for name, of_arm in rows.groupby("arm") if len(of_arm) > 1}
    if not excerpts:
        return None
    shown = sorted(excerpts)[:MAX_PANELS]
    connections = int(rows["connections"].iloc[0])
    length_ms = window_ms([excerpts[arm] for arm in shown])
    load = describe(sweep, tables.trials, connections)
    subtitle = gettext(
        "{load}; over TCP; of each server the {length_ms:g} ms with the most replies, from one short recording",
        load=load,
        length_ms=length_ms,
    )
    texts = Texts(request.question, subtitle, _notes(request, tables, excerpts, connections))
    columns = min(COLUMNS, len(shown))
    lines = math.ceil(len(shown) / columns)
    figure, axes = page(texts, columns, 0.4 + PANEL_IN * lines, lines)
    looks = styles(arm.label for arm in shown)
    for ax, arm in zip(axes, shown, strict=False):
        _draw(ax, arm, excerpts[arm], looks[arm.label], length_ms, connections)
    for ax in axes[len(shown) :]:
        ax.set_axis_off()
    for ax in axes[max(0, len(shown) - columns) : len(shown)]:
        ax.set_xlabel(gettext("time (ms)"))
    settle(figure)
    return figure


def excerpt_of(rows: pd.DataFrame) -> Excerpt:
    """Return the requests of one server. rows: of replay.csv.gz."""
    rows = rows.sort_values("received_ns", kind="stable")
    sent, received = (rows[name].to_numpy(float) / 1e6 for name in ("sent_ns", "received_ns"))
    previous = np.concatenate([[-np.inf], received[:-1]])
    numbers, positions = np.unique(rows["connection"].to_numpy(), return_inverse=True)
    return Excerpt(positions.astype(float), tuple(numbers.tolist()), sent, np.maximum(sent, previous), received)


def window_ms(excerpts: Sequence[Excerpt]) -> float:
    """Return the longest window in which no server has more than MAX_REPLIES replies; at least the shortest one."""
    for length_ms in WINDOWS_MS:
        if max(excerpt.window(length_ms)[1] for excerpt in excerpts) <= MAX_REPLIES:
            return length_ms
    return WINDOWS_MS[-1]


def turns_of(excerpt: Excerpt) -> Turns | None:
    """Return how evenly connections take turns; None if no connection has two replies."""
    positions = pd.Series(np.arange(len(excerpt.rows)))
    others = (positions.groupby(excerpt.rows).diff().dropna() - 1).to_numpy()
    if not len(others):
        return None
    low, median, high = np.percentile(others, (5, 50, 95))
    return Turns(float(median), float(low), float(high), float((excerpt.received_ms - excerpt.sent_ms).max()))


@dataclass(frozen=True, slots=True)
class MostServed:
    """The connection with the most replies in the whole recording. times: its share in even shares."""

    position: int
    number: int
    share: float
    times: float


def most_served(excerpt: Excerpt, connections: int) -> MostServed | None:
    """Return the most served connection; None if it got at most UNEVEN times an even share.

    connections: of the load. Some may have no reply at all.
    """
    replies = np.bincount(excerpt.rows.astype(np.int64))
    position = int(np.argmax(replies))
    share = float(replies[position]) / len(excerpt.rows)
    times = share * connections
    return MostServed(position, excerpt.numbers[position], share, times) if times > UNEVEN else None


def _draw(ax: Axes, arm: Arm, excerpt: Excerpt, look: Style, length_ms: float, connections: int) -> None:
    panel_title(ax, arm.display_label)
    ax.title.set_color(look.ink)
    start_ms, _ = excerpt.window(length_ms)
    inside = (excerpt.received_ms >= start_ms) & (excerpt.sent_ms <= start_ms + length_ms)
    rows = excerpt.rows[inside]
    sent, began, received = (
        np.clip(times[inside] - start_ms, 0.0, length_ms)
        for times in (excerpt.sent_ms, excerpt.began_ms, excerpt.received_ms)
    )
    ax.set_xlim(0, length_ms)
    ax.set_ylim(connections - 0.4, -0.6)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    step = -(-connections // MAX_ROW_NUMBERS)
    rows_shown = range(0, len(excerpt.numbers), step)
    ax.set_yticks(list(rows_shown), [str(excerpt.numbers[row]) for row in rows_shown], fontsize=ROW_NUMBER_SIZE)
    ax.tick_params(axis="y", length=0, pad=2)
    ax.set_ylabel(gettext("connection number"))
    if (most := most_served(excerpt, connections)) is not None:
        ax.annotate(
            "\u25c0", (1.0, most.position), xycoords=("axes fraction", "data"), color=INK, va="center", fontsize=8
        )
    number_ticks(ax.xaxis)
    width = BAR_SHARE * 72 * (PANEL_IN - 0.6) / connections
    turns = turns_of(excerpt)
    text = f"{arm.display_label}: {turns}" if turns else arm.display_label
    with mark(ax, arm.label, text):
        _bars(ax, rows, sent, began, PALE, width)
        _bars(ax, rows, began, received, look.colour, width)


def _bars(ax: Axes, rows: Numbers, begin: Numbers, end: Numbers, colour: str, width: float) -> None:
    """Draw level bars as one line with gaps: an SVG of it is a tenth as large as one of many lines."""
    gaps = np.full(len(rows), np.nan)
    x, y = np.column_stack([begin, end, gaps]).ravel(), np.column_stack([rows, rows, gaps]).ravel()
    ax.plot(x, y, color=colour, linewidth=width, solid_capstyle="butt", zorder=2)


def _notes(request: ChartRequest, tables: ChartTables, excerpts: Mapping[Arm, Excerpt], connections: int) -> list[str]:
    whole = gettext(
        "Replies to other connections between two replies on one, in the whole recording with all its pauses"
    )
    lines = [gettext(LEGEND), gettext(ORDER, limit=UNEVEN)]
    lines += [
        gettext(
            MOST_SERVED,
            server=arm.display_label,
            number=most.number,
            share=format_percent(most.share),
            times=three_figures(most.times),
        )
        for arm in sorted(excerpts)
        if (most := most_served(excerpts[arm], connections)) is not None
    ]
    lines += [gettext("{whole}; in strict turns {connections}:", whole=whole, connections=connections - 1)]
    known = {arm: turns for arm in sorted(excerpts) if (turns := turns_of(excerpts[arm]))}
    lines += [f"    {arm.display_label}: {turns}" for arm, turns in known.items()]
    arms = {Arm.parse(str(name)) for name in request.sweep.rows(tables.trials)["arm"].unique()}
    expected = {arm for arm in arms if arm.competes and arm.transport == "tcp"}
    if missing := sorted(arm.display_label for arm in expected - set(excerpts)):
        reason = gettext("because it serves fewer clients or did not answer")
        lines.append(gettext("Not recorded, {reason}: {missing}.", reason=reason, missing=join_words(missing)))
    if (rest := len(excerpts) - MAX_PANELS) > 0:
        lines.append(
            gettext(
                "{further_servers} only in the list above: the chart has room for {max_panels}.",
                further_servers=ngettext("{count} further server", "{count} further servers", rest),
                max_panels=MAX_PANELS,
            )
        )
    return lines
