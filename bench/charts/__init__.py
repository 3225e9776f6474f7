"""The figures of a run: DataFrames in, matplotlib figures out. No file is opened and no global state is touched."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from bench.charts.data import Load, Point, describe, interval_in_words, is_open, loads, notes, points, transports
from bench.charts.dots import draw_dots
from bench.charts.latency import common_connections, draw_latency
from bench.charts.lines import draw_lines
from bench.metrics import METRICS, SEARCH, SESSIONS

QUESTIONS = {
    "throughput": "How many requests per second can each model answer?",
    "latency": "How long does a request take from when it was due, at one rate for all?",
    "service": "How long does a request take when every connection asks without a pause?",
    "sessions": "How many short sessions per second can each model serve?",
    "limit": "What is the highest rate at which each model answers in time?",
    "cpu": "How much CPU time does the server spend on one request?",
    "memory": "How much memory does each server hold under load?",
}


@dataclass(frozen=True, slots=True)
class Tables:
    """What a chart may draw from."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    histograms: pd.DataFrame
    trials: pd.DataFrame


def draw(
    summary: pd.DataFrame, comparisons: pd.DataFrame, histograms: pd.DataFrame, trials: pd.DataFrame
) -> dict[str, Figure]:
    """Name and figure of every chart that the rows allow; none where nothing was measured.

    A name is that of its question; where it has several loads, each adds its own: ``throughput-capacity-64B``.
    """
    if summary.empty:
        return {}
    tables = Tables(summary, comparisons, histograms, trials)
    searched = [load for load in loads(summary) if load.scenario.startswith(SEARCH)]
    in_blocks = [load for load in loads(summary) if load not in searched and not trials.empty]
    opened = [load for load in in_blocks if is_open(trials, load)]
    sessions = [load for load in in_blocks if load.scenario.startswith(SESSIONS) and load not in opened]
    capacity = [load for load in in_blocks if load not in sessions and load not in opened]
    figures: dict[str, Figure] = {}
    for name, chart, of_loads in (
        ("throughput", _throughput, capacity),
        ("latency", _latency, opened),
        ("service", _service, capacity),
        ("sessions", _sessions, sessions),
        ("limit", _limit, searched),
        ("cpu", _cpu, opened or capacity or sessions),
        ("memory", _memory, capacity or sessions),
    ):
        made = [(load, figure) for load in of_loads if (figure := chart(tables, load))]
        figures |= {name if len(made) == 1 else f"{name}-{load.name}": figure for load, figure in made}
    return figures


def question(name: str) -> str:
    """The question that the chart of this name answers."""
    return QUESTIONS.get(name.partition("-")[0], name)


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


def _latency(tables: Tables, load: Load) -> Figure | None:
    return _distribution(tables, load, "latency")


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
    found = points(tables.summary, load, "limit_rps")
    if not transports(found):
        return None
    subtitle = (
        "bars: from the highest rate at which most trials met the objective to the next one, at which most did not"
    )
    lines = notes(found, tables.comparisons, tables.trials, load, "limit_rps")
    return draw_dots(found, QUESTIONS["limit"], subtitle, lines, METRICS["limit_rps"].label, more_is_better=True)


def _cpu(tables: Tables, load: Load) -> Figure | None:
    return _dots(tables, load, "cpu", "cpu_us_per_request")


def _memory(tables: Tables, load: Load) -> Figure | None:
    memory, rss = (points(tables.summary, load, metric) for metric in ("memory_mb", "rss_mb"))
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
