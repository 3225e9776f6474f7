"""Build the chart of message sizes: MB per second and CPU time of a request, and the line through the latter."""

from dataclasses import replace

from matplotlib.figure import Figure

from bench.analysis.predictions.straight_lines import cost_by_size
from bench.formatting import compact
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.grid import MetricRow, draw_grid
from bench.report.charts.layout import Texts
from bench.report.charts.lines import CountAxis
from bench.report.charts.notes import notes
from bench.report.charts.points import Point, describe_interval, of_transport, select_points, transports
from bench.report.charts.sweeps import Sweep

_UNITS = ((1 << 20, " MiB"), (1 << 10, " KiB"))


def build_sizes_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return MB per second and CPU time per request against the size of messages; None if there are no numbers."""
    rates, costs = [], []
    for sweep in request.sweeps:
        size = sweep.message_bytes
        of_size = select_points(tables.summary, sweep, "throughput_rps")
        most = max((point.connections for point in of_size), default=0)
        rates += [_at_size(point, size, size / 1e6) for point in of_size if point.connections == most]
        of_cost = select_points(tables.summary, sweep, "cpu_us_per_request")
        costs += [_at_size(point, size, 1.0) for point in of_cost if point.connections == most]
    shown = transports(rates)
    if not shown:
        return None
    rows = [
        MetricRow("MB per second\nin each direction", [of_transport(rates, over) for over in shown]),
        MetricRow("server CPU time\nper request (µs)", [of_transport(costs, over) for over in shown]),
    ]
    first = request.sweeps[0]
    subtitle = f"{_clients(first, tables)}, each sends its next message after the echo; {describe_interval(rates)}"
    lines = notes(rates, tables.comparisons, tables.trials, first, "")
    texts = Texts(request.question, subtitle, [*lines, *_fits(costs)])
    return draw_grid(rows, [over.upper() for over in shown], texts, CountAxis("size of a message", in_bytes))


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
    return f"{int(rows['connections'].max())} clients"


def _fits(costs: list[Point]) -> list[str]:
    """Return the line CPU time = a + b x bytes of each competing arm."""
    parts = []
    for arm in sorted({point.arm for point in costs if point.arm.competes}):
        of_arm = [point for point in costs if point.arm == arm and point.drawable]
        if len({point.connections for point in of_arm}) > 1:
            line = cost_by_size([point.connections for point in of_arm], [point.median for point in of_arm])
            cost = f"{compact(line.per_request_us)} µs + {compact(1e3 * line.per_byte_us)} ns per byte"
            parts.append(f"{arm.display_name} {cost} (within {100 * line.largest_error:.0f}%)")
    return [f"CPU time of a request, least relative squares: {'; '.join(parts)}."] if parts else []
