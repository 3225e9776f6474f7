"""CPU time per request against the 99th percentile of the latency at one rate: a mark for each server."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

from bench.formatting import join_words
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.distribution import format_time
from bench.report.charts.layout import Label, Texts, body_height_in, name_lines, page, panel_title, settle
from bench.report.charts.lines import MARKER_SIZE, draw_marker
from bench.report.charts.marks import mark
from bench.report.charts.notes import NOT_MEASURED, notes
from bench.report.charts.points import Point, describe_interval, row_name, select_points, transports
from bench.report.charts.style import GREY, Style, styles
from bench.report.charts.sweeps import describe
from bench.report.charts.ticks import round_numbers
from bench.report.charts.trades import Trade, describe_trade
from bench.translation import N_, gettext

MAX_NAMES_INSIDE = 7  # names beside their marks; those of more servers are a list beside the axes
LOOKS = (N_("Left out"), N_("Hollow"))  # invalid and suspect figures


def build_cost_latency_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return the chart of one rate; None if no server has both figures."""
    trades = _trades(request, tables)
    drawn = [trade for trade in trades if trade.drawable]
    panels = transports(trade.p99 for trade in drawn if not trade.p99.arm.control)
    if not panels:
        return None
    load = describe(request.sweep, tables.trials, trades[0].p99.connections)
    points = [trade.p99 for trade in drawn]
    subtitle = gettext(
        "{load}; {interval}; further left: cheaper; further down: faster", load=load, interval=describe_interval(points)
    )
    texts = Texts(request.question, subtitle, _notes(request, tables, trades))
    figure, axes = page(texts, len(panels), body_height_in(4.6, (trade.cpu.arm for trade in drawn)))
    looks = styles(trade.cpu.label for trade in trades)
    costs_us = _ends(trade.cpu for trade in drawn)
    waits_us = _ends(trade.p99 for trade in drawn)
    names = []
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        of_panel = [trade for trade in drawn if trade.cpu.arm.transport == transport]
        labels = [_draw(ax, trade, looks[trade.cpu.label]) for trade in of_panel]
        shown = [label for label in labels if label.text]
        many = len(shown) > MAX_NAMES_INSIDE
        names.append(name_lines(ax, shown if many else [], [] if many else shown, leaders=False))
        ax.set_xscale("log")
        ax.set_xlim(*_limits(costs_us))
        _tick(ax.xaxis, costs_us, "{:g}".format)
        ax.set_xlabel(gettext("CPU time of the server per request (µs, log scale)"))
    axes[0].set_yscale("log")
    axes[0].set_ylim(*_limits(waits_us))
    _tick(axes[0].yaxis, waits_us, format_time)
    axes[0].set_ylabel(gettext("99th percentile of the latency (log scale)"))
    for ax in axes[1:]:
        ax.tick_params(axis="y", labelleft=False)
    settle(figure, names)
    return figure


def _trades(request: ChartRequest, tables: ChartTables) -> list[Trade]:
    """Return both figures of each arm, at the most connections at which any arm has both."""
    costs = {(point.arm, point.connections): point for point in _points(request, tables, "cpu_us_per_request")}
    trades = [
        Trade(cpu, p99)
        for p99 in _points(request, tables, "latency_p99_us")
        if (cpu := costs.get((p99.arm, p99.connections))) is not None
    ]
    most = max((trade.p99.connections for trade in trades if trade.drawable), default=0)
    return [trade for trade in trades if trade.p99.connections == most]


def _points(request: ChartRequest, tables: ChartTables, metric: str) -> list[Point]:
    return select_points(tables.summary, request.sweep, metric)


def _draw(ax: Axes, trade: Trade, look: Style) -> Label:
    """Draw both intervals and the marker. Return its name; a control has none."""
    x, y = trade.cpu, trade.p99
    if x.arm.control:
        ax.plot([x.low, x.high], [y.median, y.median], color=GREY, linewidth=0.7, zorder=1)
        ax.plot([x.median, x.median], [y.low, y.high], color=GREY, linewidth=0.7, zorder=1)
        ax.plot([x.median], [y.median], "o", color="white", markeredgecolor=GREY, markersize=3.5, zorder=1)
        return Label("", x.median, y.median, GREY)
    with mark(ax, x.label, trade.description):
        for across, up in (([x.low, x.high], [y.median, y.median]), ([x.median, x.median], [y.low, y.high])):
            ax.plot(across, up, color=look.colour, linewidth=1.6, zorder=3, solid_capstyle="butt")
        draw_marker(ax, x.median, y.median, replace(y, verdict="valid"), look)
        if trade.verdict == "suspect":  # grey, as in other charts, would hide which server it is
            _hollow(ax, x.median, y.median, look)
    return Label(row_name(x.arm.display_label), x.median, y.median, look.ink, look.marker)


def _hollow(ax: Axes, x: float, y: float, look: Style) -> None:
    size = MARKER_SIZE * look.marker_scale
    ax.plot([x], [y], look.marker, color="white", markeredgecolor=look.colour, markersize=size, zorder=4)


def _ends(points: Iterable[Point]) -> list[float]:
    """Return the positive ends of intervals, and the medians."""
    ends = [end for point in points for end in (point.low, point.median, point.high)]
    return [end for end in ends if math.isfinite(end) and end > 0]


def _limits(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis, with room for names around the marks."""
    ratio = max(1.2, max(numbers) / min(numbers)) ** 0.12
    return min(numbers) / ratio, max(numbers) * ratio


def _tick(axis: Axis, numbers: Sequence[float], text_of: Callable[[float], str]) -> None:
    """Give a logarithmic axis ticks at round numbers."""
    axis.set_major_locator(FixedLocator(round_numbers(min(numbers), max(numbers))))
    axis.set_major_formatter(FuncFormatter(lambda value, _: text_of(value)))
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def _notes(request: ChartRequest, tables: ChartTables, trades: Sequence[Trade]) -> list[str]:
    """Return what the chart shows, and what it leaves out."""
    drawn = transports(trade.p99 for trade in trades if trade.drawable)
    lines = [describe_trade(trades, transport) for transport in drawn]
    lines.append(gettext("p99: the 99th percentile, i.e. 1% of the requests take longer."))
    missing = [trade for trade in trades if _lacks_a_figure(trade)]
    if missing:
        names = join_words(trade.cpu.arm.display_name for trade in missing)
        lines.append(
            gettext("Left out, because too few requests were measured for both figures: {names}.", names=names)
        )
    points = [
        point
        for trade in trades
        if trade not in missing
        for point in (replace(trade.cpu, findings="", predicted=math.nan), replace(trade.p99, predicted=math.nan))
        if not (point.verdict == "suspect" and trade.verdict == "invalid")  # it is left out, and not hollow
    ]
    return lines + notes(points, tables.comparisons, request.sweep, "latency_p99_us", LOOKS)


def _lacks_a_figure(trade: Trade) -> bool:
    points = (trade.cpu, trade.p99)
    return any(math.isnan(point.median) and point.verdict not in (*NOT_MEASURED, "invalid") for point in points)
