"""The questions that a run answers first: one for each condition, at the most connections that were measured. Pure."""

from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import group_by_load_point, text
from bench.formatting import compact, plural
from bench.report.charts.families import Work, others_in_words, work_of_rows
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, ScenarioKind, headline

_ORDER = (ScenarioKind.CAPACITY, ScenarioKind.MIXED, ScenarioKind.SESSIONS, ScenarioKind.LATENCY)


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its load point, its first metric and the condition in words.

    population: that is asked about; empty if all clients are alike. clients: of this population.
    """

    load_point: LoadPoint
    kind: ScenarioKind
    metric: str
    condition: str
    population: str
    clients: int

    @property
    def more_is_better(self) -> bool:
        """True for a rate, of which the highest is best."""
        return METRICS[self.metric].more_is_better

    @property
    def asked(self) -> str:
        """The best figure in words: ``the most requests per second with 64 clients``."""
        if self.kind == ScenarioKind.MIXED:
            return f"the shortest 99th percentile of {self.population.replace('_', ' ')} requests"
        if self.kind == ScenarioKind.LATENCY:
            return "the least CPU time per request"
        unit = "sessions" if self.kind == ScenarioKind.SESSIONS else "requests"
        return f"the most {unit} per second with {plural(self.clients, 'client')}"

    def with_unit(self, value: float) -> str:
        """Return a figure of the metric as text, e.g. ``275k/s``."""
        if self.metric == "latency_p99_us":
            return f"{compact(1e-3 * value)} ms"
        return f"{compact(value)}/s" if self.more_is_better else f"{compact(value)} µs"


def questions(comparisons: pd.DataFrame, trials: pd.DataFrame) -> list[Question]:
    """Return a question for each condition: handlers that reply at once first, then by their work.

    comparisons: about the first population of each scenario.
    """
    found: dict[str, Question] = {}
    keys: dict[str, tuple[int, Work]] = {}
    for load_point, rows in group_by_load_point(comparisons).items():
        kind = ScenarioKind(str(rows["scenario_kind"].iloc[0]))
        of_load = trials[
            (trials["scenario"] == load_point.scenario) & (trials["connections"] == load_point.connections)
        ]
        own = of_load[of_load["population"].map(text) == load_point.population]
        if kind not in _ORDER or load_point.phase or own.empty:
            continue
        work = work_of_rows(own)
        others = of_load[of_load["population"].map(text) != load_point.population]
        condition = _condition(kind, work, others, load_point)
        known = found.get(condition)
        if known is None or load_point.connections > known.load_point.connections:
            counts = own["population_connections"].dropna()
            clients = load_point.connections if counts.empty else int(counts.iloc[0])
            found[condition] = Question(load_point, kind, headline(kind), condition, load_point.population, clients)
            keys[condition] = (_ORDER.index(kind), work)
    return [found[condition] for condition in sorted(found, key=lambda condition: keys[condition])]


def _condition(kind: ScenarioKind, work: Work, others: pd.DataFrame, load_point: LoadPoint) -> str:
    if kind == ScenarioKind.MIXED:
        return f"Beside {others_in_words(others)}"
    if kind == ScenarioKind.SESSIONS:
        return "In short sessions"
    if kind == ScenarioKind.LATENCY:
        rate_rps = load_point.rate_rps
        return "At a given rate" if rate_rps is None else f"At {compact(rate_rps)} requests/s"
    return f"When the handler {work}"
