"""The questions that a run answers first: one for each condition, at the most connections that were measured. Pure."""

from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import group_by_load_point, text
from bench.formatting import compact
from bench.report.charts.families import AT_ONCE, Work, others_in_words, work_of_rows
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, ScenarioKind, headline
from bench.translation import gettext

_ORDER = (ScenarioKind.CAPACITY, ScenarioKind.MIXED, ScenarioKind.SESSIONS, ScenarioKind.LATENCY)


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its load point, its first metric and the condition in words.

    population: that is asked about; empty if all clients are alike. clients: of this population. wait_ms: of its
    handler.
    """

    load_point: LoadPoint
    kind: ScenarioKind
    metric: str
    condition: str
    population: str
    clients: int
    wait_ms: float = 0.0
    without_work: bool = False  # the handler neither waits nor computes, whatever the condition is called

    @property
    def waits(self) -> bool:
        """True if the handler waits."""
        return self.wait_ms > 0

    @property
    def replies_at_once(self) -> bool:
        """True if the handler neither waits nor computes."""
        return self.condition == at_once_condition()

    @property
    def more_is_better(self) -> bool:
        """True for a rate, of which the highest is best."""
        return METRICS[self.metric].more_is_better


def questions(comparisons: pd.DataFrame, trials: pd.DataFrame) -> list[Question]:
    """Return a question for each condition: handlers that reply at once first, then by their work.

    comparisons: about the first population of each scenario.
    """
    found: dict[str, Question] = {}
    keys: dict[str, tuple[int, Work]] = {}
    trials_of = dict(list(trials.groupby(["scenario", "connections"])))
    for load_point, rows in group_by_load_point(comparisons).items():
        kind = ScenarioKind(str(rows["scenario_kind"].iloc[0]))
        of_load = trials_of.get((load_point.scenario, load_point.connections), trials.iloc[:0])
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
            found[condition] = Question(
                load_point,
                kind,
                headline(kind),
                condition,
                load_point.population,
                clients,
                work.wait_us / 1e3,
                work == AT_ONCE,
            )
            keys[condition] = (_ORDER.index(kind), work)
    return [found[condition] for condition in sorted(found, key=lambda condition: keys[condition])]


def at_once_condition() -> str:
    """Return the condition of a handler that neither waits nor computes."""
    return _of_handler(AT_ONCE)


def _of_handler(work: Work) -> str:
    return gettext("When the handler {work}", work=work)


def _condition(kind: ScenarioKind, work: Work, others: pd.DataFrame, load_point: LoadPoint) -> str:
    if kind == ScenarioKind.MIXED:
        return gettext("Beside {others}", others=others_in_words(others))
    if kind == ScenarioKind.SESSIONS:
        return gettext("In short sessions")
    if kind == ScenarioKind.LATENCY:
        rate_rps = load_point.rate_rps
        return (
            gettext("At a given rate")
            if rate_rps is None
            else gettext("At {rate_rps} requests/s", rate_rps=compact(rate_rps))
        )
    return _of_handler(work)
