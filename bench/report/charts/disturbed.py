"""Build the chart of requests beside slow or idle clients: latency and memory over the number of these clients."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from bench.analysis.disturbance import disturbances
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.families import MAX_PANELS
from bench.report.charts.grid import MetricRow, draw_grid
from bench.report.charts.layout import Texts
from bench.report.charts.lines import CountAxis
from bench.report.charts.notes import PREDICTION_NOTE, notes
from bench.report.charts.points import Point, all_points, describe_interval, select_points
from bench.report.charts.sweeps import Sweep, describe
from bench.report.charts.work_charts import in_milliseconds
from bench.report.disturbed_servers import effects_in_words
from bench.schema.metrics import METRICS
from bench.translation import N_, gettext


def build_disturbed_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return latency and memory against the number of slow or idle clients; None if there are no numbers."""
    sweeps = _widest_last(request.sweeps, tables)
    medians = {sweep: _over_tcp(all_points(tables.summary, sweep, "latency_p50_us")) for sweep in sweeps}
    latencies = {sweep: _over_tcp(all_points(tables.summary, sweep, "latency_p99_us")) for sweep in sweeps}
    sweeps = [sweep for sweep in sweeps if any(point.drawable for point in medians[sweep])][:MAX_PANELS]
    if not sweeps:
        return None
    rows = [
        MetricRow(
            gettext("median latency (ms)"), [[in_milliseconds(point) for point in medians[sweep]] for sweep in sweeps]
        ),
        MetricRow(
            gettext("99th percentile\nof the latency (ms)"),
            [[in_milliseconds(point) for point in latencies[sweep]] for sweep in sweeps],
        ),
        MetricRow(
            METRICS["memory_mb"].label,
            [_without_baseline(_over_tcp(select_points(tables.summary, sweep, "memory_mb"))) for sweep in sweeps],
        ),
    ]
    has_tail = any(point.drawable for sweep in sweeps for point in latencies[sweep])
    every = [point for sweep in sweeps for point in (latencies if has_tail else medians)[sweep]]  # of the drawn rows
    subtitle = f"{describe(sweeps[-1], tables.trials)}; {describe_interval(every)}"
    texts = Texts(request.question, subtitle, notes(every, tables.comparisons, sweeps[-1], ""))
    if any(point.has_prediction for row in rows for column in row.drawn for point in column):
        texts = texts.with_notes(gettext(PREDICTION_NOTE))
    texts = texts.with_notes(*filter(None, (_effects(sweep, tables) for sweep in sweeps)))
    headings = [sweep.title for sweep in sweeps]
    return draw_grid(rows, headings, texts, CountAxis(N_("other clients")))


def _effects(sweep: Sweep, tables: ChartTables) -> str:
    """Return one line on the servers that are immune, degrade or break; "" if nothing is known."""
    rows = sweep.all_rows(tables.summary)
    found = disturbances(rows[rows["metric"] == "latency_p99_us"])
    effects = effects_in_words(found)
    return f"{sweep.title.capitalize()}: {effects}." if effects else ""


def _widest_last(sweeps: Sequence[Sweep], tables: ChartTables) -> list[Sweep]:
    """Return the sweeps, the one with the most clients last: the names of the lines are beside the last panel."""
    return sorted(sweeps, key=lambda sweep: int(sweep.rows(tables.summary)["connections"].max()))


def _over_tcp(points: Sequence[Point]) -> list[Point]:
    return [point for point in points if point.arm.transport == "tcp"]


def _without_baseline(points: Sequence[Point]) -> list[Point]:
    """Return the points without the baseline, whose memory is that of a compiler."""
    return [point for point in points if not point.arm.is_baseline]
