"""The first sentences of a report: which model is best when the handler replies at once, waits, or computes. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import group_by_load_point, text
from bench.analysis.rankings import Ranks, ranks
from bench.formatting import compact, join_words, plural
from bench.report.charts.families import AT_ONCE, Work, others_in_words, work_of_rows
from bench.schema.arms import Arm
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import ScenarioKind, headline
from clients.quality_codes import INVALID


@dataclass(frozen=True, slots=True)
class _Question:
    """One sentence to come: the load point, its first metric and the condition in words."""

    load_point: LoadPoint
    metric: str
    condition: str
    population: str
    clients: int

    @property
    def is_time(self) -> bool:
        """True if the metric is a time, of which the shortest is best."""
        return self.metric == "latency_p99_us"

    @property
    def asked(self) -> str:
        """The best figure in words: ``the most requests per second with 64 clients``."""
        if self.is_time:
            return f"the shortest 99th percentile of {self.population.replace('_', ' ')} requests"
        return f"the most requests per second with {plural(self.clients, 'client')}"


def headlines(
    summary: pd.DataFrame, comparisons: pd.DataFrame, trials: pd.DataFrame, unranked: Sequence[str] = ()
) -> list[str]:
    """Return a sentence for each kind of handler, at the most connections that were measured.

    Empty if no request of the run waits or computes, and if all clients are alike.

    comparisons: about the first population of each scenario. unranked: models that are left out.
    """
    if comparisons.empty or trials.empty:
        return []
    questions = _questions(comparisons, trials)
    if all(question.condition == _condition(AT_ONCE) for question in questions):
        return []
    rows_of = group_by_load_point(comparisons)
    sentences = []
    for question in questions:
        ranked = ranks(rows_of[question.load_point].to_dict("records"), unranked)
        values = _medians(summary, question)
        parts = [_over(transport, question, ranked, values) for transport in ("tcp", "udp")]
        if found := list(filter(None, parts)):
            sentences.append(f"{question.condition}, {question.asked}: {'; '.join(found)}.")
    return sentences


def _questions(comparisons: pd.DataFrame, trials: pd.DataFrame) -> list[_Question]:
    """Return the question of each condition: handlers that reply at once first, then by their work."""
    questions: dict[str, _Question] = {}
    keys: dict[str, tuple[bool, Work]] = {}
    for load_point, rows in group_by_load_point(comparisons).items():
        kind = str(rows["scenario_kind"].iloc[0])
        of_load = trials[
            (trials["scenario"] == load_point.scenario) & (trials["connections"] == load_point.connections)
        ]
        own = of_load[of_load["population"].map(text) == load_point.population]
        if kind not in (ScenarioKind.CAPACITY, ScenarioKind.MIXED) or load_point.phase or own.empty:
            continue
        work = work_of_rows(own)
        condition = _condition(work)
        if kind == ScenarioKind.MIXED:
            condition = f"Beside {others_in_words(of_load[of_load['population'].map(text) != load_point.population])}"
        known = questions.get(condition)
        if known is None or load_point.connections > known.load_point.connections:
            clients = own["population_connections"].dropna()
            count = load_point.connections if clients.empty else int(clients.iloc[0])
            questions[condition] = _Question(load_point, headline(kind), condition, load_point.population, count)
            keys[condition] = (kind == ScenarioKind.MIXED, work)
    return [questions[condition] for condition in sorted(questions, key=lambda condition: keys[condition])]


def _condition(work: Work) -> str:
    return f"When the handler {work}"


def _medians(summary: pd.DataFrame, question: _Question) -> dict[str, float]:
    rows = group_by_load_point(summary[summary["metric"] == question.metric]).get(question.load_point)
    if rows is None:
        return {}
    usable = rows[(rows["status"] == "ok") & (rows["verdict"] != INVALID)]
    medians = {str(row["arm"]): float(row["median"]) for row in usable.to_dict("records")}
    return {arm: median for arm, median in medians.items() if Arm.parse(arm).competes}


def _over(transport: str, question: _Question, ranked: Ranks, values: Mapping[str, float]) -> str:
    """Return the part of a sentence about one transport; "" if nothing was ranked."""
    of_transport = {arm: value for arm, value in values.items() if Arm.parse(arm).transport == transport}
    if any(math.isnan(value) for value in of_transport.values()):  # an arm without a number might be the best one
        return ""
    arms = [arm for arm in ranked if math.isfinite(of_transport.get(arm, math.nan))]
    first = sorted(arm for arm in arms if ranked[arm][0] == 1)
    if not first:
        return ""
    others = sorted((arm for arm in arms if arm not in first), key=lambda arm: values[arm])
    first.sort(key=lambda arm: values[arm] if question.is_time else -values[arm])
    last = others[-1:] if question.is_time else others[:1]
    tie = " (no significant difference)" if len(first) > 1 else ""
    worst = f", {'longest' if question.is_time else 'fewest'} {_named(last, values, question)}" if last else ""
    return f"over {transport.upper()} {_named(first, values, question)}{tie}{worst}"


def _named(arms: Sequence[str], values: Mapping[str, float], question: _Question) -> str:
    scale, unit = (1e-3, " ms") if question.is_time else (1.0, "/s")
    return join_words(f"{Arm.parse(arm).label} ({compact(scale * values[arm])}{unit})" for arm in arms)
