"""Each question's figure: which points it takes, how they are drawn, and what is said below."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
from matplotlib.figure import Figure

from bench.report.charts.catalogue import QUESTIONS, Wanted
from bench.report.charts.distribution import common_connections, draw_latency
from bench.report.charts.dots import draw_dots
from bench.report.charts.dumbbell import draw_dumbbells
from bench.report.charts.forest import draw_forest
from bench.report.charts.latency_by_rate import HOW, draw_load
from bench.report.charts.lines import draw_lines
from bench.report.charts.points import (
    Load,
    Point,
    at_load,
    describe,
    interval_in_words,
    notes,
    points,
    points_of_trials,
    transports,
)
from bench.report.charts.steadiness import draw_rounds
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind
from bench.schema.metrics import METRICS


@dataclass(frozen=True, slots=True)
class Tables:
    """What a chart may draw from."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    histograms: pd.DataFrame
    trials: pd.DataFrame
    slices: pd.DataFrame


def figure_of(one: Wanted, tables: Tables) -> Figure | None:
    """The chart that answers a question; None where nothing was measured that could."""
    return _DRAWN[one.topic](tables, one.load)


def _texts(tables: Tables, load: Load, found: list[Point], metric: str) -> tuple[str, list[str]]:
    """Subtitle and notes."""
    subtitle = f"{describe(load, tables.trials)}; {interval_in_words(found)}"
    return subtitle, notes(found, tables.comparisons, tables.trials, load, metric)


def _throughput(tables: Tables, load: Load) -> Figure | None:
    found = points(tables.summary, load, "throughput_rps")
    if len({point.connections for point in found if point.drawn}) < 2:
        return _dots(tables, load, "throughput", "throughput_rps")
    subtitle, lines = _texts(tables, load, found, "throughput_rps")
    lines.append(
        "Bars hold the machine's drift as well: where they overlap, the ratios inside rounds may still differ."
    )
    return draw_lines(found, QUESTIONS["throughput"], subtitle, lines, METRICS["throughput_rps"].label)


def _tail(tables: Tables, load: Load) -> Figure | None:
    found = points(tables.summary, load, "service_p99_us")
    if len({point.connections for point in found if point.drawn}) < 2:
        return None
    subtitle, lines = _texts(tables, load, found, "service_p99_us")
    return draw_lines(
        found, QUESTIONS["tail"], subtitle, lines, METRICS["service_p99_us"].label + ", log scale", logarithmic=True
    )


def _ratios(tables: Tables, load: Load) -> Figure | None:
    rows = at_load(tables.comparisons, load)
    rows = rows[rows["metric"] == "throughput_rps"]
    lines = [
        "Full marks: told faster or slower; hollow: equivalent or inconclusive; crossed out: invalid.",
        "Numbers beside the names are connections.",
    ]
    if (rows["kind"] == ComparisonKind.CONTROL).any():
        lines.append("Grey band: how far an arm seemed to differ from itself.")
    against = sorted({Arm.parse(arm).label for arm in rows.loc[rows["kind"] == ComparisonKind.REFERENCE, "reference"]})
    subtitle = f"{describe(load, tables.trials)}; requests/s against {', '.join(against)}; bars: 95 % interval"
    return draw_forest(rows, QUESTIONS["ratios"], subtitle, lines)


def _transports(tables: Tables, load: Load) -> Figure | None:
    every = points(tables.summary, load, "throughput_rps")
    drawn = {(point.name, Arm.parse(point.arm).transport, point.connections) for point in every if point.drawn}
    both = [count for name, over, count in drawn if over == "tcp" and (name, "udp", count) in drawn]
    if not both:
        return None
    found = [point for point in every if point.connections == max(both)]
    rows = at_load(tables.comparisons, load)
    rows = rows[(rows["metric"] == "throughput_rps") & (rows["connections"] == max(both))]
    subtitle = f"{describe(load, tables.trials, max(both))}; hollow: TCP, full: UDP; median over blocks"
    found = [point for point in found if not Arm.parse(point.arm).control]
    lines = notes(found, tables.comparisons.iloc[:0], tables.trials, load, "throughput_rps")
    unit = METRICS["throughput_rps"].label
    return draw_dumbbells(found, rows, QUESTIONS["transports"], subtitle, lines, unit)


def _steady(tables: Tables, load: Load) -> Figure | None:
    rows = at_load(tables.slices, load)
    most = [count for count, of_count in rows.groupby("connections") if of_count["arm"].nunique() > 1]
    if not most:
        return None
    connections = max(int(str(count)) for count in most)
    subtitle = f"{describe(load, tables.trials, connections)}; median over blocks, bands: half of the blocks"
    rows = rows[rows["connections"] == connections]
    unit = METRICS["throughput_rps"].label
    return draw_rounds(rows, "throughput_rps", QUESTIONS["steady"], subtitle, unit)


def _fairness(tables: Tables, load: Load) -> Figure | None:
    several = tables.trials[tables.trials["connections"] > 1]
    found = points_of_trials(several, load, several["jain"].astype(float))
    if not transports(found):
        return None
    subtitle = f"{describe(load, tables.trials)}; 1: all the same, 1/n: one of n had everything; bars: all blocks"
    return draw_dots(found, QUESTIONS["fairness"], subtitle, [], "Jain's index", more_is_better=True)


def _loss(tables: Tables, load: Load) -> Figure | None:
    trials = tables.trials
    share = 100 * trials["lost"].astype(float) / trials["sent"].astype(float).where(trials["sent"] > 0)
    if not (at_load(trials.assign(share=share), load)["share"] > 0).any():
        return None
    found = [point for point in points_of_trials(trials, load, share) if Arm.parse(point.arm).transport == "udp"]
    if not any(point.median > 0 for point in found):
        return None
    codes = points(tables.summary, load, "throughput_rps")
    where = sorted({f"{point.arm}: {point.codes}" for point in codes if "DROPS" in point.codes})
    subtitle = f"{describe(load, tables.trials)}; bars: all blocks"
    return draw_dots(found, QUESTIONS["loss"], subtitle, where, "lost, % of those sent", more_is_better=False)


def _latency(tables: Tables, load: Load) -> Figure | None:
    return _distribution(tables, load, "latency")


def _load(tables: Tables, load: Load) -> Figure | None:
    """All open loops of the most connections, in one picture. load: one of them."""
    rows = tables.summary[tables.summary["rate_rps"].notna() & (tables.summary["message_bytes"] == load.message_bytes)]
    rows = rows[rows["connections"] == rows["connections"].max()]
    closed = tables.summary[tables.summary["rate_rps"].isna() & (tables.summary["metric"] == "throughput_rps")]
    same = rows[["connections", "message_bytes"]].drop_duplicates()
    closed = closed.merge(same)  # at another number of connections an arm reaches another rate
    capacities = {str(row["arm"]): float(row["median"]) for row in closed.to_dict("records")}
    finite = {arm: rate for arm, rate in capacities.items() if rate == rate}
    subtitle = f"open loop; {HOW}; rules at the foot: what a closed loop reached; grey marks are not valid"
    return draw_load(rows, finite, QUESTIONS["load"], subtitle, [])


def _service(tables: Tables, load: Load) -> Figure | None:
    return _distribution(tables, load, "service")


def _distribution(tables: Tables, load: Load, quantity: str) -> Figure | None:
    connections = common_connections(tables.histograms, load, quantity)
    metric = f"{quantity}_p50_us"
    found = [point for point in points(tables.summary, load, metric) if point.connections == connections]
    blocks = interval_in_words(found).partition(" blocks")[0].removeprefix("median of ")
    subtitle = (
        f"{describe(load, tables.trials, connections)}; {blocks} blocks merged, "
        "bands: interval over blocks; lines end where 10 replies are left"
    )
    looks = ("Dotted, invalid", "Paler, suspect")
    lines = notes(found, tables.comparisons, tables.trials, load, metric, looks)
    title = QUESTIONS[quantity]
    return draw_latency(found, tables.histograms, tables.trials, load, quantity, title, subtitle, lines)


def _sessions(tables: Tables, load: Load) -> Figure | None:
    return _dots(tables, load, "sessions", "sessions_per_s")


def _limit(tables: Tables, load: Load) -> Figure | None:
    found = points(tables.summary, load, "max_rate_rps")
    if not transports(found):
        return None
    subtitle = (
        "bars: from the highest rate at which most trials met the objective to the next one, at which most did not"
    )
    lines = notes(found, tables.comparisons, tables.trials, load, "max_rate_rps")
    return draw_dots(found, QUESTIONS["limit"], subtitle, lines, METRICS["max_rate_rps"].label, more_is_better=True)


def _cpu(tables: Tables, load: Load) -> Figure | None:
    return _dots(tables, load, "cpu", "cpu_us_per_request")


def _memory(tables: Tables, load: Load) -> Figure | None:
    # What shows the limit is left out: its memory is that of a compiler, ten times that of all others.
    summary = tables.summary[tables.summary["arm"].map(lambda name: not Arm.parse(name).is_baseline)]
    tables = replace(tables, summary=summary)
    memory, rss = (points(summary, load, metric) for metric in ("memory_mb", "rss_mb"))
    if not transports(memory):
        return _dots(tables, load, "memory", "rss_mb")
    extra = "Full marks count pages that processes of a server share once; light marks (RSS) count them in each."
    return _dots(tables, load, "memory", "memory_mb", lighter=rss, extra=[extra])


def _dots(
    tables: Tables,
    load: Load,
    name: str,
    metric: str,
    lighter: list[Point] | None = None,
    extra: list[str] | None = None,
) -> Figure | None:
    found = points(tables.summary, load, metric)
    if not transports(found):
        return None
    subtitle, lines = _texts(tables, load, found, metric)
    more_is_better = METRICS[metric].more_is_better
    lines += extra or []
    return draw_dots(
        found, QUESTIONS[name], subtitle, lines, METRICS[metric].label, more_is_better=more_is_better, lighter=lighter
    )


_DRAWN: dict[str, Callable[[Tables, Load], Figure | None]] = {
    "throughput": _throughput,
    "ratios": _ratios,
    "transports": _transports,
    "latency": _latency,
    "load": _load,
    "service": _service,
    "tail": _tail,
    "sessions": _sessions,
    "limit": _limit,
    "cpu": _cpu,
    "memory": _memory,
    "fairness": _fairness,
    "loss": _loss,
    "steady": _steady,
}
