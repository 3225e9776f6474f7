"""Build the heat map of latencies over the time of a load with phases: a panel for each server."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bench.analysis.cases import text
from bench.formatting import format_percent
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.layout import Texts, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.notes import notes as doubt_notes
from bench.report.charts.phase_families import phase_ends_s
from bench.report.charts.points import select_points
from bench.report.charts.style import Style, styles
from bench.report.charts.sweeps import Sweep
from bench.schema.arms import Arm
from bench.translation import N_, gettext, ngettext
from clients.heat_map import (
    ENGLISH,
    LatencyScale,
    Words,
    draw_heat_map,
    draw_legend,
    draw_phases,
    format_us,
    latency_axis,
)
from clients.latency_windows import LatencyWindow, pool

MAX_PANELS, COLUMNS, PANEL_IN = 12, 2, 3.1
MIN_WINDOWS = 10  # with requests: a burst of connects has one or two, and a chart of its own
MIN_REQUESTS_OF_P99 = 1000  # of a window; fewer have ten beyond the percentile
SUBTITLE = N_(
    "{scenario}, {loop} loop; column: {window} of requests by when they were {begun}; "
    "{blocks}; dashed: the next phase begins"
)
OPEN_LOOP_NOTE = N_(
    "Each request belongs to the moment when it was due, whether or not the server was ready "
    "for it: a server that stalls hides no request."
)
CLOSED_LOOP_NOTE = N_(
    "Each request belongs to the moment when it was sent: while the server stalls, a closed loop sends no others."
)
NEVER_NOTE = N_("Without a correct reply in time, of all requests: {shares}.")
ALL_ANSWERED_NOTE = N_("Every request got its correct reply in time.")
TOOLTIP = N_("{server}, from {start:g} s: {requests}, {median}, {tail}, {never} without a reply in time")
FURTHER_NOTE = N_("{servers} left out: the chart has room for {room}.")

Loads = Mapping[Arm, Sequence[LatencyWindow]]


def build_latency_over_time_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return the heat map of one scenario; None if its requests are in too few windows."""
    loads = _loads(request.sweep, tables.latency_windows)
    used = {window.start_s for windows in loads.values() for window in windows if window.requests}
    if len(used) < MIN_WINDOWS:
        return None
    shown = sorted(loads)[:MAX_PANELS]
    scale = LatencyScale.of(loads[arm] for arm in shown)
    columns = min(COLUMNS, len(shown))
    lines = math.ceil(len(shown) / columns)
    figure, axes = page(_texts(request, tables, loads), columns, 0.5 + PANEL_IN * lines, lines)
    looks = styles(arm.label for arm in shown)
    ends_s = phase_ends_s(request.sweep, tables.trials)
    words = Words(*map(gettext, astuple(ENGLISH)))
    for ax, arm in zip(axes, shown, strict=False):
        _draw(ax, arm, loads[arm], looks[arm.label], scale)
        draw_phases(ax, ends_s, scale)
        ax.set_xlim(0, ends_s[-1][1])
    for position, ax in enumerate(axes):
        ax.set_axis_off() if position >= len(shown) else ax.tick_params(labelleft=position % columns == 0)
        if position % columns == 0:
            latency_axis(ax, scale, gettext("latency (log scale)"), words)
        if position >= len(shown) - columns:
            ax.set_xlabel(gettext("time (s)"))
    draw_legend(axes[0], words)
    settle(figure)
    return figure


def _loads(sweep: Sweep, table: pd.DataFrame | None) -> dict[Arm, list[LatencyWindow]]:
    """Return the windows of each competing arm, all blocks together."""
    if table is None or table.empty:
        return {}
    rows = table[(table["scenario"] == sweep.scenario) & (table["population"].map(text) == sweep.population)]
    rows = rows[rows["message_bytes"] == sweep.message_bytes]
    loads = {}
    for name, of_arm in rows.groupby("arm", observed=True):
        arm = Arm.parse(str(name))
        if arm.competes:
            loads[arm] = pool(_windows(of_block) for _, of_block in of_arm.groupby("block"))
    return loads


def _windows(rows: pd.DataFrame) -> list[LatencyWindow]:
    """Return the windows of one arm in one block, from a row for each bucket."""
    windows = []
    for _, of_window in rows.groupby("start_s"):
        start_s, length_s = (float(of_window[name].iloc[0]) for name in ("start_s", "window_s"))
        buckets = list(zip(of_window["upper_ns"].tolist(), of_window["count"].tolist(), strict=True))
        counts = {int(upper_ns): count for upper_ns, count in buckets if math.isfinite(upper_ns)}
        never = sum(count for upper_ns, count in buckets if not math.isfinite(upper_ns))
        windows.append(LatencyWindow(start_s, length_s, counts, never))
    return windows


def _draw(ax: Axes, arm: Arm, windows: Sequence[LatencyWindow], look: Style, scale: LatencyScale) -> None:
    panel_title(ax, arm.display_label)
    ax.title.set_color(look.ink)
    ax.grid(visible=False)
    with mark(ax, arm.label):
        draw_heat_map(ax, windows, scale)
    for window in windows:
        with mark(ax, arm.label, describe_window(arm, window)):
            _draw_pointer_target(ax, window, scale)


def _draw_pointer_target(ax: Axes, window: LatencyWindow, scale: LatencyScale) -> None:
    """Draw a column that nobody sees, over all cells of a window: the pointer rests on it."""
    height = scale.ceiling - scale.bottom
    ax.add_patch(
        Rectangle(
            (window.start_s, scale.bottom),
            window.length_s,
            height,
            facecolor="white",
            alpha=0.01,
            linewidth=0,
            clip_on=False,
            zorder=3,
        )
    )


def describe_window(arm: Arm, window: LatencyWindow) -> str:
    """Return the figures of a window. The ends of buckets are up to a quarter longer than the times themselves."""
    is_enough = window.requests >= MIN_REQUESTS_OF_P99
    tail = f"p99 {_time(window, 0.99)}" if is_enough else gettext("slowest {time}", time=_time(window, 1.0))
    return gettext(
        TOOLTIP,
        server=arm.display_label,
        start=window.start_s,
        requests=ngettext("{count} request", "{count} requests", window.requests),
        median=f"p50 {_time(window, 0.5)}",
        tail=tail,
        never=window.never_answered,
    )


def _time(window: LatencyWindow, quantile: float) -> str:
    latency_ns = window.quantile_ns(quantile)
    return gettext("up to {us}", us=format_us(latency_ns / 1e3)) if math.isfinite(latency_ns) else gettext("never")


def _texts(request: ChartRequest, tables: ChartTables, loads: Loads) -> Texts:
    sweep, windows = request.sweep, next(iter(loads.values()))
    is_open = sweep.is_open_loop(tables.trials)
    window_s = max(window.length_s for window in windows)
    blocks = sweep.blocks(tables.trials)
    subtitle = gettext(
        SUBTITLE,
        scenario=sweep.title,
        loop=gettext("open") if is_open else gettext("closed"),
        window=format_us(1e6 * window_s),
        begun=gettext("due") if is_open else gettext("sent"),
        blocks=gettext("{blocks} together", blocks=ngettext("{count} block", "{count} blocks", blocks))
        if blocks > 1
        else gettext("1 block"),
    )
    notes = [gettext(OPEN_LOOP_NOTE if is_open else CLOSED_LOOP_NOTE), _never_note(loads)]
    if (further := len(loads) - MAX_PANELS) > 0:
        notes.append(
            gettext(FURTHER_NOTE, servers=ngettext("{count} server", "{count} servers", further), room=MAX_PANELS)
        )
    return Texts(request.question, subtitle, notes + _doubts(sweep, tables))


def _doubts(sweep: Sweep, tables: ChartTables) -> list[str]:
    """Return which servers have doubtful figures in any phase, and why. A heat map marks none of its cells."""
    phases = [replace(sweep, phase=name) for name, _ in phase_ends_s(sweep, tables.trials)]
    points = [point for phase in phases for point in select_points(tables.summary, phase, "throughput_rps")]
    return doubt_notes(points, tables.comparisons, sweep, "", looks=None)


def _never_note(loads: Loads) -> str:
    """Return the share of the requests of each server that got no reply in time."""
    shares = {}
    for arm in sorted(loads):
        never = sum(window.never_answered for window in loads[arm])
        shares[arm] = never / max(1, sum(window.requests for window in loads[arm]))
    if not any(shares.values()):
        return gettext(ALL_ANSWERED_NOTE)
    return gettext(
        NEVER_NOTE, shares=", ".join(f"{arm.display_label} {format_percent(share)}" for arm, share in shares.items())
    )
