"""Build the chart of each topic: select its points, its kind of chart and its texts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from matplotlib.figure import Figure

from bench.analysis.cases import text
from bench.report.baseline import baseline_note
from bench.report.charts.burst import build_burst_chart
from bench.report.charts.catalogue import QUESTIONS, ChartRequest, ChartTables
from bench.report.charts.cost_latency import build_cost_latency_chart
from bench.report.charts.distribution import common_connections, draw_distribution
from bench.report.charts.disturbed import build_disturbed_chart
from bench.report.charts.dots import draw_dots
from bench.report.charts.dumbbell import draw_dumbbells
from bench.report.charts.forest import draw_forest
from bench.report.charts.idle import build_idle_chart
from bench.report.charts.latency_by_rate import LINE_LEGEND, draw_latency_by_rate
from bench.report.charts.latency_over_time import build_latency_over_time_chart
from bench.report.charts.layout import Texts
from bench.report.charts.lines import draw_lines
from bench.report.charts.notes import describe_codes, notes
from bench.report.charts.overload import build_overload_chart
from bench.report.charts.points import Point, describe_interval, select_points, transports, trial_points
from bench.report.charts.sizes import build_sizes_chart
from bench.report.charts.steadiness import draw_rounds
from bench.report.charts.sweeps import Sweep, describe
from bench.report.charts.turns import build_turns_chart
from bench.report.charts.work_charts import build_mixed_chart, build_work_chart
from bench.report.udp_causes import udp_causes
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind
from bench.schema.metrics import METRICS
from bench.translation import N_, gettext

RSS_NOTE = N_(
    "Full marks count pages that the processes of a server share once; light marks (RSS) count them per process."
)
DRIFT_NOTE = N_("Bars include the machine's drift: even where they overlap, ratios within rounds may differ.")


def build_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return the chart of a request, or None if there are no numbers for it."""
    if request.topic in _FAMILY_BUILDERS:
        return _FAMILY_BUILDERS[request.topic](request, tables)
    return _BUILDERS[request.topic](tables, request.sweep)


def _texts(tables: ChartTables, sweep: Sweep, points: list[Point], topic: str, metric: str) -> Texts:
    subtitle = f"{describe(sweep, tables.trials)}; {describe_interval(points)}"
    return Texts(gettext(QUESTIONS[topic]), subtitle, notes(points, tables.comparisons, sweep, metric))


def _throughput(tables: ChartTables, sweep: Sweep) -> Figure | None:
    points = select_points(tables.summary, sweep, "throughput_rps")
    if _connection_counts(points) < 2:
        return _rates(tables, sweep, "throughput", "throughput_rps")
    further_notes = [*baseline_note(sweep.rows(tables.comparisons)), gettext(DRIFT_NOTE)]
    texts = _texts(tables, sweep, points, "throughput", "throughput_rps").with_notes(*further_notes)
    return draw_lines(points, texts, METRICS["throughput_rps"].label)


def _tail(tables: ChartTables, sweep: Sweep) -> Figure | None:
    points = select_points(tables.summary, sweep, "service_p99_us")
    if _connection_counts(points) < 2:
        return None
    texts = _texts(tables, sweep, points, "tail", "service_p99_us")
    return draw_lines(
        points, texts, gettext("{label}, log scale", label=METRICS["service_p99_us"].label), logarithmic=True
    )


def _ratios(tables: ChartTables, sweep: Sweep) -> Figure | None:
    rows = sweep.rows(tables.comparisons)
    rows = rows[rows["metric"] == "throughput_rps"]
    lines = [gettext("Full marks: faster or slower. Hollow marks: equivalent or inconclusive. Crossed out: invalid.")]
    if (rows["kind"] == ComparisonKind.CONTROL).any():
        band = gettext("Grey band: noise floor, the end farthest from 1 of any control's interval.")
        lines.append(gettext("{band} A difference inside it may be noise.", band=band))
    against = rows[rows["kind"] == ComparisonKind.REFERENCE]
    references = sorted({Arm.parse(arm).label for arm in against["reference"]})
    load = describe(sweep, tables.trials)
    subtitle = gettext(
        "{load}; requests per second relative to {references}; bars: 95% interval",
        load=load,
        references=", ".join(references),
    )
    return draw_forest(rows, Texts(gettext(QUESTIONS["ratios"]), subtitle, lines))


def _transports(tables: ChartTables, sweep: Sweep) -> Figure | None:
    every = [point for point in select_points(tables.summary, sweep, "throughput_rps") if not point.arm.control]
    drawable = {(point.label, point.arm.transport, point.connections) for point in every if point.drawable}
    both = [count for label, over, count in drawable if over == "tcp" and (label, "udp", count) in drawable]
    if not both:
        return None
    connections = max(both)
    points = [point for point in every if point.connections == connections]
    rows = sweep.rows(tables.comparisons)
    rows = rows[(rows["metric"] == "throughput_rps") & (rows["connections"] == connections)]
    subtitle = gettext(
        "{sweep}; hollow: TCP, full: UDP; median over blocks", sweep=describe(sweep, tables.trials, connections)
    )
    no_controls = tables.comparisons.iloc[:0]
    lines = notes(points, no_controls, sweep, "throughput_rps")
    of_load = sweep.rows(tables.comparisons)
    of_trials = sweep.rows(tables.trials)
    lines += udp_causes(
        of_load[of_load["connections"] == connections], of_trials[of_trials["connections"] == connections]
    )
    lines.append(gettext("Ratios are taken within rounds, so they are not the quotients of the medians."))
    texts = Texts(gettext(QUESTIONS["transports"]), subtitle, lines)
    return draw_dumbbells(points, rows, texts, METRICS["throughput_rps"].label)


def _steady(tables: ChartTables, sweep: Sweep) -> Figure | None:
    rows = sweep.rows(tables.slices)
    arms = rows.groupby("connections")["arm"].nunique()
    shared = arms[arms > 1]
    if shared.empty:
        return None
    connections = int(str(shared.index.max()))
    load = describe(sweep, tables.trials, connections)
    texts = Texts(
        gettext(QUESTIONS["steady"]), gettext("{load}; median over blocks, bands: middle half of the blocks", load=load)
    )
    rows = rows[rows["connections"] == connections]
    return draw_rounds(rows, "throughput_rps", texts, METRICS["throughput_rps"].label)


def _fairness(tables: ChartTables, sweep: Sweep) -> Figure | None:
    several = tables.trials[tables.trials["connections"] > 1]
    points = trial_points(several, sweep, several["jain"].astype(float))
    if not transports(points):
        return None
    subtitle = gettext(
        "{sweep}; 1: equal shares, 1/n: one of n got all; bars: range of the blocks",
        sweep=describe(sweep, tables.trials),
    )
    texts = Texts(gettext(QUESTIONS["fairness"]), subtitle)
    return draw_dots(points, texts, gettext("Jain's fairness index"), more_is_better=True)


def _loss(tables: ChartTables, sweep: Sweep) -> Figure | None:
    trials = tables.trials
    percent = 100 * trials["lost"].astype(float) / trials["sent"].astype(float).where(trials["sent"] > 0)
    points = [point for point in trial_points(trials, sweep, percent) if point.arm.transport == "udp"]
    if not any(point.median > 0 for point in points):
        return None
    rates = select_points(tables.summary, sweep, "throughput_rps")
    drops = {f"{point.arm.display_name}: {describe_codes(point.codes)}" for point in rates if "DROPS" in point.codes}
    texts = Texts(
        gettext(QUESTIONS["loss"]),
        gettext("{sweep}; bars: range of the blocks", sweep=describe(sweep, tables.trials)),
        sorted(drops),
    )
    return draw_dots(points, texts, gettext("lost, % of those sent"), more_is_better=False)


def _latency(tables: ChartTables, sweep: Sweep) -> Figure | None:
    return _distribution(tables, sweep, "latency")


def _service(tables: ChartTables, sweep: Sweep) -> Figure | None:
    return _distribution(tables, sweep, "service")


def _distribution(tables: ChartTables, sweep: Sweep, quantity: str) -> Figure | None:
    connections = common_connections(tables.histograms, sweep, quantity)
    metric = f"{quantity}_p50_us"
    points = [point for point in select_points(tables.summary, sweep, metric) if point.connections == connections]
    blocks = max((point.blocks for point in points), default=0)
    subtitle = gettext(
        "{sweep}; {blocks} blocks merged, bands: interval over blocks; lines end where 10 replies are left",
        sweep=describe(sweep, tables.trials, connections),
        blocks=blocks,
    )
    looks = (N_("Dotted"), N_("Paler"))
    lines = notes(points, tables.comparisons, sweep, metric, looks)
    texts = Texts(gettext(QUESTIONS[quantity]), subtitle, lines)
    return draw_distribution(points, tables.histograms, tables.trials, sweep, quantity, texts)


def _latency_by_rate(tables: ChartTables, sweep: Sweep) -> Figure | None:
    """Return one chart of all open loops with the most connections.

    sweep: any of them.
    """
    rows = tables.summary[tables.summary["rate_rps"].notna() & (tables.summary["message_bytes"] == sweep.message_bytes)]
    rows = rows[rows["population"].map(text) == ""]
    rows = rows[rows["connections"] == rows["connections"].max()]
    closed = tables.summary[tables.summary["rate_rps"].isna() & (tables.summary["metric"] == "throughput_rps")]
    # At another number of connections an arm reaches another rate.
    closed = closed.merge(rows[["connections", "message_bytes"]].drop_duplicates())
    capacities = {str(row["arm"]): float(row["median"]) for row in closed.to_dict("records")}
    known = {arm: rate for arm, rate in capacities.items() if not math.isnan(rate)}
    subtitle = gettext(
        "open loop; {line_legend}; ticks at the bottom: rate in a closed loop; grey marks: suspect or invalid",
        line_legend=gettext(LINE_LEGEND),
    )
    return draw_latency_by_rate(rows, known, Texts(gettext(QUESTIONS["latency_by_rate"]), subtitle))


def _sessions(tables: ChartTables, sweep: Sweep) -> Figure | None:
    return _rates(tables, sweep, "sessions", "sessions_per_s")


def _max_rate(tables: ChartTables, sweep: Sweep) -> Figure | None:
    points = select_points(tables.summary, sweep, "max_rate_rps")
    if not transports(points):
        return None
    subtitle = gettext(
        "bars: from the highest rate at which most trials met the objective to the next one, at which most did not"
    )
    lines = notes(points, tables.comparisons, sweep, "max_rate_rps")
    texts = Texts(gettext(QUESTIONS["max_rate"]), subtitle, lines)
    return draw_dots(points, texts, METRICS["max_rate_rps"].label, more_is_better=True)


def _cpu(tables: ChartTables, sweep: Sweep) -> Figure | None:
    return _dots(tables, sweep, "cpu", "cpu_us_per_request")


def _memory(tables: ChartTables, sweep: Sweep) -> Figure | None:
    # The baseline is left out: its memory is that of a compiler, ten times that of all other servers.
    is_baseline = tables.summary["arm"].map(lambda name: Arm.parse(name).is_baseline).astype(bool)
    tables = replace(tables, summary=tables.summary[~is_baseline])
    memory, rss = (select_points(tables.summary, sweep, metric) for metric in ("memory_mb", "rss_mb"))
    if not transports(memory):
        return _dots(tables, sweep, "memory", "rss_mb")
    return _dots(tables, sweep, "memory", "memory_mb", lighter=rss, further_notes=[gettext(RSS_NOTE)])


def _rates(tables: ChartTables, sweep: Sweep, topic: str, metric: str) -> Figure | None:
    return _dots(tables, sweep, topic, metric, further_notes=baseline_note(sweep.rows(tables.comparisons)))


def _dots(
    tables: ChartTables,
    sweep: Sweep,
    topic: str,
    metric: str,
    lighter: list[Point] | None = None,
    further_notes: Sequence[str] = (),
) -> Figure | None:
    points = select_points(tables.summary, sweep, metric)
    if not transports(points):
        return None
    texts = _texts(tables, sweep, points, topic, metric).with_notes(*further_notes)
    return draw_dots(
        points, texts, METRICS[metric].label, more_is_better=METRICS[metric].more_is_better, lighter=lighter
    )


def _connection_counts(points: Sequence[Point]) -> int:
    return len({point.connections for point in points if point.drawable})


_FAMILY_BUILDERS: dict[str, Callable[[ChartRequest, ChartTables], Figure | None]] = {
    "waiting": build_work_chart,
    "computing": build_work_chart,
    "mixed": build_mixed_chart,
    "disturbed": build_disturbed_chart,
    "idle": build_idle_chart,
    "sizes": build_sizes_chart,
    "overload": build_overload_chart,
    "latency_over_time": build_latency_over_time_chart,
    "burst": build_burst_chart,
    "cost_latency": build_cost_latency_chart,
    "turns": build_turns_chart,
}
_BUILDERS: dict[str, Callable[[ChartTables, Sweep], Figure | None]] = {
    "throughput": _throughput,
    "ratios": _ratios,
    "transports": _transports,
    "latency": _latency,
    "latency_by_rate": _latency_by_rate,
    "service": _service,
    "tail": _tail,
    "sessions": _sessions,
    "max_rate": _max_rate,
    "cpu": _cpu,
    "memory": _memory,
    "fairness": _fairness,
    "loss": _loss,
    "steady": _steady,
}
