"""Build the charts of scenarios with work, or with several populations: one chart shows several sweeps."""

import math
from collections.abc import Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.dots import draw_dots
from bench.report.charts.families import MAX_PANELS, others_of, work_of
from bench.report.charts.grid import MetricRow, draw_grid
from bench.report.charts.layout import Texts
from bench.report.charts.notes import PREDICTION_NOTE, notes
from bench.report.charts.points import Point, describe_interval, of_transport, select_points, transports, trial_points
from bench.report.charts.spans import Span, draw_spans
from bench.report.charts.sweeps import Sweep, describe
from bench.schema.metrics import METRICS
from bench.translation import N_, gettext

CPU_NOTE = N_("CPU in use: of the servers' CPUs, at most one for each worker. Near 100%, the CPU is the limit.")
SPAN_LEGEND = N_("hollow: median, full: 99th percentile")
_Panel = tuple[Sweep, str]  # a sweep over one transport


def build_work_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return rate, time and CPU of closed loops whose requests wait or compute; None if there are no numbers."""
    rates = {sweep: select_points(tables.summary, sweep, "throughput_rps") for sweep in request.sweeps}
    panels, left_out = _panels(rates)
    if not panels:
        return None
    every = [point for sweep, transport in panels for point in of_transport(rates[sweep], transport)]
    if len({point.connections for point in every if point.drawable}) < 2:
        return _rates_at_one_load(request, tables, rates)
    tails = {sweep: select_points(tables.summary, sweep, "service_p99_us") for sweep in request.sweeps}
    share = 100 * tables.trials["server_cpu_share"].astype(float)
    rows = [
        MetricRow(METRICS["throughput_rps"].label, [of_transport(rates[sweep], over) for sweep, over in panels]),
        MetricRow(
            gettext("99th percentile of the\nservice time (ms)"),
            [[in_milliseconds(point) for point in of_transport(tails[sweep], over)] for sweep, over in panels],
        ),
        MetricRow(
            gettext("CPU in use (%)"),
            [of_transport(trial_points(tables.trials, sweep, share), over) for sweep, over in panels],
            top=100.0,
        ),
    ]
    texts = _texts(request, tables, every).with_notes(gettext(CPU_NOTE), *left_out)
    return draw_grid(rows, _headings(tables, panels), texts)


def build_mixed_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return median and 99th percentile of requests beside other populations; None if there are no numbers."""
    medians = {sweep: select_points(tables.summary, sweep, "latency_p50_us") for sweep in request.sweeps}
    tails = {sweep: select_points(tables.summary, sweep, "latency_p99_us") for sweep in request.sweeps}
    panels, left_out = _panels(medians)
    if not panels:
        return None
    every = [point for sweep, transport in panels for point in of_transport(medians[sweep], transport)]
    if len({point.connections for point in every if point.drawable}) > 1:
        return _over_swept_connections(request, tables, panels, medians, tails, left_out)
    headings = _headings(tables, panels)
    spans = {
        heading: _spans(of_transport(medians[sweep], over), of_transport(tails[sweep], over))
        for heading, (sweep, over) in zip(headings, panels, strict=True)
    }
    ends = [*every, *(point for sweep, transport in panels for point in of_transport(tails[sweep], transport))]
    shown = [point for point in ends if not point.arm.control]
    texts = _texts(request, tables, shown, legend=gettext(SPAN_LEGEND)).with_notes(*left_out)
    predicted = any(point.drawable and point.has_prediction for point in shown)
    if predicted and gettext(PREDICTION_NOTE) not in texts.notes:
        texts = texts.with_notes(gettext(PREDICTION_NOTE))
    return draw_spans(spans, texts, gettext("latency (ms), log scale"))


def in_milliseconds(point: Point) -> Point:
    """Return a point in microseconds with milliseconds instead."""
    return replace(
        point,
        median=point.median / 1e3,
        low=point.low / 1e3,
        high=point.high / 1e3,
        predicted=point.predicted / 1e3,
    )


def _over_swept_connections(
    request: ChartRequest,
    tables: ChartTables,
    panels: Sequence[_Panel],
    medians: dict[Sweep, list[Point]],
    tails: dict[Sweep, list[Point]],
    left_out: Sequence[str],
) -> Figure | None:
    rows = [
        MetricRow(
            label, [[in_milliseconds(point) for point in of_transport(points[sweep], over)] for sweep, over in panels]
        )
        for label, points in (
            (gettext("median latency (ms)"), medians),
            (gettext("99th percentile\nof the latency (ms)"), tails),
        )
    ]
    every = [point for sweep, transport in panels for point in of_transport(medians[sweep], transport)]
    texts = _texts(request, tables, every).with_notes(*left_out)
    return draw_grid(rows, _headings(tables, panels), texts)


def _rates_at_one_load(request: ChartRequest, tables: ChartTables, rates: dict[Sweep, list[Point]]) -> Figure | None:
    """Return the rates of the last sweep, whose requests ask for the most."""
    sweep = request.sweeps[-1]
    points = rates[sweep]
    if not transports(points):
        return None
    lines = notes(points, tables.comparisons, sweep, "throughput_rps")
    texts = Texts(request.question, f"{_load(sweep, tables)}; {describe_interval(points)}", lines)
    return draw_dots(points, texts, METRICS["throughput_rps"].label, more_is_better=True)


def _spans(medians: Sequence[Point], tails: Sequence[Point]) -> list[Span]:
    """Return the spans of all arms. An arm that was not measured has no median in the summary."""
    of_arm = {point.arm: point for point in tails}
    measured = {median.arm for median in medians}
    spans = [Span(median, of_arm.get(median.arm, _without_number(median))) for median in medians]
    spans += [Span(_without_number(tail), tail) for tail in tails if tail.arm not in measured]
    return [Span(in_milliseconds(span.median), in_milliseconds(span.p99)) for span in spans]


def _without_number(point: Point) -> Point:
    return replace(point, median=math.nan, low=math.nan, high=math.nan, predicted=math.nan)


def _panels(points: dict[Sweep, list[Point]]) -> tuple[list[_Panel], list[str]]:
    """Return the panels of a chart, and what it leaves out: all transports, or TCP alone if they are too many."""
    panels = [(sweep, transport) for sweep, of_sweep in points.items() for transport in transports(of_sweep)]
    over_tcp = [(sweep, transport) for sweep, transport in panels if transport == "tcp"]
    left_out: list[str] = []
    if len(panels) > MAX_PANELS and over_tcp:
        left_out = [gettext("Over UDP: see the tables.")] if len(over_tcp) < len(panels) else []
        panels = over_tcp
    if len(panels) > MAX_PANELS:
        names = ", ".join(sweep.scenario for sweep, _ in panels[MAX_PANELS:])
        left_out.append(gettext("Further scenarios, see the tables: {names}.", names=names))
    return panels[:MAX_PANELS], left_out


def _headings(tables: ChartTables, panels: Sequence[_Panel]) -> list[str]:
    """Return the titles of the panels: their work or their scenario, and their transport if it differs."""
    works = [work_of(sweep, tables.trials) if not sweep.population else None for sweep, _ in panels]
    texts = [
        str(work) if work is not None and works.count(work) == 1 else sweep.title
        for (sweep, _), work in zip(panels, works, strict=True)
    ]
    several = len({transport for _, transport in panels}) > 1
    return [f"{text}, {over.upper()}" if several else text for text, (_, over) in zip(texts, panels, strict=True)]


def _texts(request: ChartRequest, tables: ChartTables, points: list[Point], legend: str = "") -> Texts:
    first = request.sweeps[0]
    load = describe(first, tables.trials)
    if first.population and not request.beside:
        load += gettext(", beside {others_of}", others_of=others_of(first, tables.trials))
    subtitle = "; ".join(filter(None, (load, legend, describe_interval(points))))
    return Texts(request.question, subtitle, notes(points, tables.comparisons, first, ""))


def _load(sweep: Sweep, tables: ChartTables) -> str:
    work = work_of(sweep, tables.trials)
    return gettext("each request {work}; {sweep}", work=work, sweep=describe(sweep, tables.trials))
