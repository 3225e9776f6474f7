"""The first sentences of a report: which model is best under each condition that was measured. Pure."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from bench.analysis.cases import rows_at
from bench.formatting import format_ratio, join_words
from bench.report.questions import Question, questions
from bench.report.standings import Standing, standings
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind
from bench.schema.metrics import ScenarioKind
from clients.quality_codes import INVALID

MAX_SENTENCES = 5


def headlines(
    summary: pd.DataFrame, comparisons: pd.DataFrame, trials: pd.DataFrame, unranked: Sequence[str] = ()
) -> list[str]:
    """Return a sentence for each condition, at the most connections that were measured, and one about UDP.

    comparisons: about the first population of each scenario. unranked: models that are left out.
    """
    if comparisons.empty or trials.empty:
        return []
    asked = questions(comparisons, trials)
    sentences = []
    for question in asked:
        standing_of = standings(question, comparisons, unranked)
        values = _medians(summary, question)
        parts = [_over(transport, question, standing_of, values) for transport in ("tcp", "udp")]
        if found := list(filter(None, parts)):
            sentences.append(f"{question.condition}, {question.asked}: {'; '.join(found)}.")
    about_udp = [_udp_relative_to_tcp(comparisons, question) for question in asked[:1]]
    return [*sentences[: MAX_SENTENCES - 1], *filter(None, about_udp)]


def _medians(summary: pd.DataFrame, question: Question) -> dict[str, float]:
    rows = rows_at(summary[summary["metric"] == question.metric], question.load_point)
    usable = rows[(rows["status"] == "ok") & (rows["verdict"] != INVALID)]
    medians = {str(row["arm"]): float(row["median"]) for row in usable.to_dict("records")}
    return {arm: median for arm, median in medians.items() if Arm.parse(arm).competes}


def _over(transport: str, question: Question, standing_of: Mapping[str, Standing], values: Mapping[str, float]) -> str:
    """Return the part of a sentence about one transport; "" if nothing was ranked."""
    of_transport = {arm: value for arm, value in values.items() if Arm.parse(arm).transport == transport}
    if any(math.isnan(value) for value in of_transport.values()):  # an arm without a number might be the best one
        return ""
    arms = [arm for arm in standing_of if math.isfinite(of_transport.get(arm, math.nan))]
    arms.sort(key=lambda arm: -values[arm] if question.more_is_better else values[arm])
    first = [arm for arm in arms if standing_of[arm].is_best]
    if not first:
        return ""
    others = [arm for arm in arms if arm not in first]
    tie = " (no significant difference)" if len(first) > 1 else ""
    word = "fewest" if question.more_is_better else "most" if question.kind == ScenarioKind.LATENCY else "longest"
    worst = f", {word} {_named(others[-1:], values, question)}" if others else ""
    return f"over {transport.upper()} {_named(first, values, question)}{tie}{worst}"


def _named(arms: Sequence[str], values: Mapping[str, float], question: Question) -> str:
    return join_words(f"{Arm.parse(arm).label} ({question.with_unit(values[arm])})" for arm in arms)


def _udp_relative_to_tcp(comparisons: pd.DataFrame, question: Question) -> str:
    """Return a sentence: how much more or less the same models serve over UDP; "" if no difference is significant."""
    if question.kind != ScenarioKind.CAPACITY:
        return ""
    rows = comparisons[(comparisons["metric"] == question.metric) & (comparisons["kind"] == ComparisonKind.TRANSPORTS)]
    rows = rows_at(rows, question.load_point)
    different = rows[rows["conclusion"].isin(("faster", "slower")) & (rows["verdict"] != INVALID)]
    if different.empty:
        return ""
    ordered = different.sort_values("ratio", ascending=False)
    numbers = join_words(
        f"{Arm.parse(arm).label} {format_ratio(float(ratio))} times"
        for arm, ratio in zip(ordered["arm"], ordered["ratio"], strict=True)
    )
    clients = f"with {question.clients} clients" if question.clients > 1 else "with 1 client"
    return f"Over UDP, a model's requests per second relative to TCP, {clients}: {numbers}."
