"""The charts that a run allows: one question about one sweep each.

This module does not import matplotlib, which is slow to import.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.report.charts.families import (
    disturbed_family,
    idle_family,
    mixed_family,
    sizes_family,
    work_family,
    work_of,
)
from bench.report.charts.phase_families import burst_family, overload_families, phase_sweeps
from bench.report.charts.sweeps import Sweep, sweeps
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import ScenarioKind
from bench.store import file_names
from bench.translation import N_, gettext

QUESTIONS = {
    "waiting": N_("How many requests per second, if each request waits in the handler?"),
    "computing": N_("How many requests per second, if each request computes in the handler?"),
    "mixed": N_("How long does a request take beside clients of another kind?"),
    "disturbed": N_("How long does a request take beside slow or idle clients, and what memory do they cost?"),
    "idle": N_("What do idle connections cost while nothing happens?"),
    "sizes": N_("How many MB per second can each server echo, and what does a request cost?"),
    "overload": N_("How does a server recover, when it got more requests than it can serve?"),
    "latency_over_time": N_("How long do requests take while the load changes over time?"),
    "burst": N_("When does each of many clients that connect at once have its answer?"),
    "throughput": N_("How many requests per second can each server answer?"),
    "ratios": N_("How much faster or slower than the reference is each server?"),
    "transports": N_("What does UDP gain or lose against TCP, for the same model?"),
    "latency": N_("How long does a request take, counted from when it was due?"),
    "latency_by_rate": N_("How does latency grow with the request rate?"),
    "service": N_("How long does a request take in a closed loop?"),
    "tail": N_("How long do the slowest 1% of the requests take?"),
    "sessions": N_("How many short sessions per second can each server handle?"),
    "max_rate": N_("What is the highest rate at which each server meets the objective?"),
    "cost_latency": N_("Do requests wait longer at a server that spends less CPU time on them?"),
    "cpu": N_("How much CPU time does each server spend on one request?"),
    "memory": N_("How much memory does each server use under load?"),
    "fairness": N_("Did all connections get an equal share of the requests?"),
    "loss": N_("How many datagrams were lost?"),
    "turns": N_("In which order does each server answer its clients?"),
    "steady": N_("Was the rate steady during the measurement?"),
}
_SOURCES = {
    "idle": file_names.TRIALS,
    "overload": file_names.TIMELINE,
    "latency_over_time": file_names.LATENCY_WINDOWS,
    "burst": file_names.HISTOGRAMS,
    "latency": file_names.HISTOGRAMS,
    "service": file_names.HISTOGRAMS,
    "ratios": file_names.COMPARISONS,
    "steady": file_names.SLICES,
    "turns": file_names.REPLAY,
    "fairness": file_names.TRIALS,
    "loss": file_names.TRIALS,
}

# Drawn from the summary and raw rows alone, so their drawing can begin before arms are compared.
TOPICS_WITHOUT_COMPARISONS = frozenset({"idle", "latency_by_rate", "fairness", "loss", "turns", "steady"})
_HISTOGRAM_COLUMNS = ["block", "arm", *LoadPoint.COLUMNS, "quantity", "upper_ns", "count"]


@dataclass(frozen=True, slots=True)
class ChartTables:
    """The tables that charts are drawn from."""

    summary: pd.DataFrame
    comparisons: pd.DataFrame
    histograms: pd.DataFrame  # as ``chart_histograms`` returns them, or all columns
    trials: pd.DataFrame
    slices: pd.DataFrame
    timeline: pd.DataFrame | None = None  # of loads with phases
    recovery: pd.DataFrame | None = None  # how often each arm recovered from each overload
    latency_windows: pd.DataFrame | None = None  # of loads with phases, a row for each bucket
    replay: pd.DataFrame | None = None  # single requests of a short excerpt


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """A question about one sweep, or about several side by side."""

    topic: str  # a key of QUESTIONS
    sweep: Sweep
    beside: tuple[Sweep, ...] = ()  # further sweeps of the same chart

    @property
    def sweeps(self) -> tuple[Sweep, ...]:
        """All sweeps of the chart."""
        return (self.sweep, *self.beside)

    @property
    def question(self) -> str:
        """The question as text: the title of the chart."""
        return gettext(QUESTIONS[self.topic])

    @property
    def source(self) -> str:
        """The file that contains the numbers of the chart."""
        return _SOURCES.get(self.topic, file_names.SUMMARY)


def drawn_histograms(histograms: pd.DataFrame, requests: Sequence[ChartRequest]) -> pd.DataFrame:
    """Return the rows that the requested charts draw. histograms: a row for each histogram, or for each slot.

    A run has histograms of every load, and most charts draw medians of trials or slices.
    """
    rows = histograms.iloc[:0].index
    for sweep in {sweep for request in requests if request.source == file_names.HISTOGRAMS for sweep in request.sweeps}:
        rows = rows.union(sweep.rows(histograms).index)
    return histograms.loc[rows]


def chart_histograms(histograms: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the histograms that charts use, as short as possible.

    Each worker has a copy, which is the largest part of its memory: ten thousand trials have five million slots.
    """
    used = histograms[_HISTOGRAM_COLUMNS]
    counts = pd.to_numeric(used["count"], downcast="integer")
    return used.assign(rate_rps=used["rate_rps"].astype("category"), count=counts)


def chart_requests(summary: pd.DataFrame, trials: pd.DataFrame) -> list[ChartRequest]:
    """Return the charts of a run, in the order of a report.

    Some of them may turn out to have no numbers.
    """
    if summary.empty:
        return []
    searches = [sweep for sweep in sweeps(summary) if sweep.kind == ScenarioKind.MAX_RATE]
    in_blocks = [sweep for sweep in sweeps(summary) if sweep not in searches and not trials.empty]
    families = _families(in_blocks, trials)
    family = families["waiting"] or families["computing"]
    # A scenario asks about its first population, so the others have no charts. Phases have charts of their own.
    asked = [sweep for sweep in in_blocks if not sweep.part or sweep in families["mixed"]]
    open_loops = [sweep for sweep in asked if sweep.is_open_loop(trials)]
    # At a share of its own capacity every arm has a sweep of its own.
    common = [sweep for sweep in open_loops if sweep.competing_arms(summary) > 1]
    sessions = [sweep for sweep in in_blocks if sweep.kind == ScenarioKind.SESSIONS and sweep not in open_loops]
    closed = [sweep for sweep in in_blocks if sweep.kind == ScenarioKind.CAPACITY and sweep not in open_loops]
    if families["mixed"] and not family:  # requests of work that ask for nothing are there for the prediction
        closed = [sweep for sweep in closed if work_of(sweep, trials) is None]
    of_chart = (*family, *families["sizes"])
    capacity = [sweep for sweep in closed if sweep not in of_chart and not sweep.part]
    # The chart of a family shows rate, time and CPU of all its sweeps.
    costs = capacity or sessions or list(family[-1:])
    sweeps_of = {
        "throughput": capacity,
        "ratios": [*capacity, *family],
        "transports": capacity,
        "latency": common,
        "latency_by_rate": [sweep for sweep in open_loops if not sweep.part][:1],
        "service": capacity,
        "tail": capacity,
        "sessions": sessions,
        "max_rate": searches,
        "cost_latency": common,
        "cpu": common or costs,
        "memory": costs,
        "fairness": capacity,
        "latency_over_time": phase_sweeps(in_blocks),
        "loss": [*capacity, *sessions, *common],
        "turns": [*capacity, *family],
        "steady": capacity,
    }
    requests: list[ChartRequest] = []
    for topic in QUESTIONS:
        if topic in families:
            requests += [ChartRequest(topic, of[0], of[1:]) for of in (families[topic],) if of]
        elif topic == "overload":
            requests += [ChartRequest(topic, of[0], of[1:]) for of in overload_families(in_blocks, trials)]
        else:
            requests += [ChartRequest(topic, sweep) for sweep in sweeps_of[topic]]
    return requests


def _scenario(sweep: Sweep) -> str:
    """Return the name of the scenario, by which panels are sorted: blocks measure scenarios in random order."""
    return sweep.scenario


def _families(in_blocks: Sequence[Sweep], trials: pd.DataFrame) -> dict[str, tuple[Sweep, ...]]:
    """Return the sweeps of each chart that shows several of them, by topic."""
    mixed, disturbed = mixed_family(in_blocks), disturbed_family(in_blocks, trials)
    of_work = work_family(in_blocks, trials)
    works = [work_of(sweep, trials) for sweep in of_work]
    computes = any(work is not None and work.compute_units for work in works)
    return {
        "waiting": () if computes else of_work,
        "computing": of_work if computes else (),
        "mixed": tuple(sorted((sweep for sweep in mixed if sweep not in disturbed), key=_scenario)),
        "disturbed": disturbed,
        "idle": idle_family(in_blocks)[:1],
        "sizes": sizes_family(in_blocks, trials),
        "burst": burst_family(in_blocks, trials),
    }


def chart_names(drawn: Sequence[ChartRequest]) -> list[str]:
    """Return a file name for each chart: its topic.

    If a topic has several charts, the name of the sweep follows.
    """
    topics = [request.topic for request in drawn]
    return [
        request.topic if topics.count(request.topic) == 1 else f"{request.topic}-{request.sweep.file_name}"
        for request in drawn
    ]
