"""Build the chart of a server that holds connections while nothing happens: memory, CPU time and wake-ups."""

from matplotlib.figure import Figure

from bench.analysis.connection_memory import connection_memory
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.grid import MetricRow, draw_grid
from bench.report.charts.layout import Texts
from bench.report.charts.lines import CountAxis
from bench.report.charts.points import Point, of_transport, transports, trial_points
from bench.report.disturbed_servers import memory_in_words
from bench.translation import N_, gettext, ngettext

NOTE = N_(
    "Kernel: growth for threads and epoll while the connections were opened; from the "
    "figures of the whole machine, and drawn as 0 if negative. Sockets: the server's ends of "
    "the connections."
)


def build_idle_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return memory, CPU time and context switches against the number of idle connections; None without numbers."""
    trials = tables.trials
    rows_of = {
        gettext("memory of the\nprocesses (MB)"): trials["memory_mb"],
        gettext("memory of the\nkernel (MB)"): trials["opening_kernel_mb"]
        .astype(float)
        .clip(lower=0.0),  # it may shrink
        gettext("memory of the\nsockets (MB)"): trials["socket_mb"],
        gettext("CPU time of the server\n(ms per second)"): 1e3 * trials["server_cpu_share"].astype(float),
        gettext("context switches\nper second"): trials["switches_per_s"],
    }
    points = {
        label: _competing(trial_points(trials, request.sweep, values.astype(float)))
        for label, values in rows_of.items()
    }
    shown = transports([point for of_row in points.values() for point in of_row])
    if not shown:
        return None
    rows = [
        MetricRow(label, [of_transport(of_row, over) for over in shown], top=_top(of_row))
        for label, of_row in points.items()
    ]
    blocks = request.sweep.blocks(trials)
    subtitle = gettext(
        "clients connect and send nothing; median of {blocks}, bars: range of the blocks",
        blocks=ngettext("{count} block", "{count} blocks", blocks),
    )
    memory = memory_in_words(connection_memory(request.sweep.rows(trials)))
    texts = Texts(
        request.question,
        subtitle,
        [gettext(NOTE), *(gettext("For each connection {text}.", text=text) for text in memory)],
    )
    return draw_grid(rows, [over.upper() for over in shown], texts, CountAxis(N_("idle connections")))


def _competing(points: list[Point]) -> list[Point]:
    return [point for point in points if point.arm.competes]


def _top(points: list[Point]) -> float:
    """Return the end of a linear axis: the largest number, which may be 0."""
    return max([point.high for point in points if point.drawable], default=0.0) or 1.0
