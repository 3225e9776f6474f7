"""Build the chart of message sizes: MB per second and CPU time of a request, and the line through the latter."""

from dataclasses import replace

from matplotlib.figure import Figure

from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.grid import MetricRow, draw_grid
from bench.report.charts.layout import Texts
from bench.report.charts.lines import CountAxis
from bench.report.charts.notes import notes
from bench.report.charts.points import Point, describe_interval, of_transport, select_points, transports
from bench.report.charts.sweeps import Sweep
from bench.report.phase_sentences import byte_costs, cost_points
from bench.translation import N_, gettext

_UNITS = ((1 << 20, " MiB"), (1 << 10, " KiB"))


def build_sizes_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return MB per second and CPU time per request against the size of messages; None if there are no numbers."""
    rates, costs, measured = [], [], []
    for sweep in request.sweeps:
        size = sweep.message_bytes
        of_size = select_points(tables.summary, sweep, "throughput_rps")
        most = max((point.connections for point in of_size), default=0)
        measured += [point for point in of_size if point.connections == most]
        rates += [_at_size(point, size, size / 1e6) for point in of_size if point.connections == most]
        of_cost = select_points(tables.summary, sweep, "cpu_us_per_request")
        costs += [_at_size(point, size, 1.0) for point in of_cost if point.connections == most]
    shown = transports(rates)
    if not shown:
        return None
    rows = [
        MetricRow(gettext("MB per second\nin each direction"), [of_transport(rates, over) for over in shown]),
        MetricRow(gettext("server CPU time\nper request (µs)"), [of_transport(costs, over) for over in shown]),
    ]
    first = request.sweeps[0]
    subtitle = gettext(
        "{clients}, each sends its next message after the echo; {interval}",
        clients=_clients(first, tables),
        interval=describe_interval(rates),
    )
    lines = notes(measured, tables.comparisons, first, "")
    fits = byte_costs(cost_points(request.sweeps, tables.summary))
    if fits:
        lines.append(gettext("CPU time of a request, least relative squares: {fits}.", fits="; ".join(fits)))
    texts = Texts(request.question, subtitle, lines)
    return draw_grid(rows, [over.upper() for over in shown], texts, CountAxis(N_("size of a message"), in_bytes))


def in_bytes(value: float) -> str:
    """Return a size as ``16``, ``64 KiB`` or ``16 MiB``."""
    for unit, name in _UNITS:
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g} B"


def _at_size(point: Point, size: int, factor: float) -> Point:
    """Return a point whose position on the x axis is a size."""
    return replace(
        point, connections=size, median=factor * point.median, low=factor * point.low, high=factor * point.high
    )


def _clients(sweep: Sweep, tables: ChartTables) -> str:
    rows = sweep.rows(tables.trials)
    return gettext("{clients} clients", clients=int(rows["connections"].max()))
