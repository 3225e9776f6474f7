"""The first sentences of a report: which model is best under each condition that was measured. Pure.

Each sentence rests on conclusions of ``comparisons.csv`` and contains one number: the lead over the next server, which
is the median of the ratios inside rounds, as everywhere in a report.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from bench.analysis.cases import rows_at
from bench.analysis.comparisons import is_within_noise, noise_floor_at
from bench.formatting import join_words
from bench.report.headline_phrases import (
    AT_LIMIT,
    AT_LIMIT_SEVERAL,
    AT_LOWER_RATE,
    AT_RATE,
    AT_THE_HIGHEST_RATE,
    AT_THE_LOWEST_RATE,
    AT_THE_RATE,
    DO_NOTHING,
    FLOOR,
    UDP_LEADS,
    WITH_CLIENTS,
    WORDINGS,
    udp_sentence,
)
from bench.report.questions import Question, questions
from bench.report.standings import Standing, standings
from bench.schema.arms import Arm
from bench.schema.conclusions import ComparisonKind
from bench.schema.metrics import ScenarioKind
from bench.translation import gettext
from clients.quality_codes import INVALID, VALID

MAX_SENTENCES = 5
MIN_ADVICE_SHARE = 0.05  # a smaller lead is within what the report calls equivalent, and no reason to choose a server
_FROM_FACTOR = 2.0  # larger leads are printed as a factor
_IN_BRACKETS = re.compile(r" \([^)]*\)")


@dataclass(frozen=True, slots=True)
class _Costs:
    """The standings in CPU time at a rate below the limit, of handlers that do nothing. load: in words."""

    load: str = ""
    standing_of: Mapping[str, Standing] = field(default_factory=dict)


def headlines(
    summary: pd.DataFrame,
    comparisons: pd.DataFrame,
    trials: pd.DataFrame,
    unranked: Sequence[str] = (),
    most: int = MAX_SENTENCES,
) -> list[str]:
    """Return a sentence for each condition, at the most connections that were measured, and one about UDP.

    comparisons: about the first population of each scenario. unranked: models that are left out. most: the number of
    sentences; the last is kept for UDP. A condition is described over TCP, and over UDP if nothing was compared over
    TCP.
    """
    if comparisons.empty or trials.empty:
        return []
    asked = questions(comparisons, trials)
    sentences = []
    rates = _rates_in_words(asked)
    costs = next((each for each in asked if each.kind == ScenarioKind.LATENCY and each.without_work), None)
    cheapest = _Costs() if costs is None else _Costs(_rate(costs), standings(costs, comparisons, unranked))
    for question in asked:
        if question.kind == ScenarioKind.LATENCY and question not in rates:
            continue
        standing_of = standings(question, comparisons, unranked)
        condition = _with_clients(rates[question], question) if question in rates else _condition(question)
        unknown = _transports_without_a_number(summary, question)
        noise = noise_floor_at(question.load_point, question.metric, comparisons)
        over = (
            _over(transport, question, condition, standing_of, noise, cheapest)
            for transport in ("tcp", "udp")
            if transport not in unknown
        )
        sentences.append(next(filter(None, over), ""))
    about_udp = [_udp_relative_to_tcp(comparisons, question, unranked) for question in asked[:1]]
    return [*list(filter(None, sentences))[: max(0, most - 1)], *filter(None, about_udp)][: max(0, most)]


def _rates_in_words(asked: Sequence[Question]) -> dict[Question, str]:
    """Return the conditions of the lowest and the highest given rate, without the rate.

    A sentence has one figure, and that of a rate would be another. The table has the rates, and those between.
    """
    ordered = sorted(
        (question for question in asked if question.kind == ScenarioKind.LATENCY),
        key=lambda question: question.load_point.rate_rps or 0.0,
    )
    if len(ordered) < 2:
        return {question: gettext(AT_THE_RATE) for question in ordered}
    return {ordered[0]: gettext(AT_THE_LOWEST_RATE), ordered[-1]: gettext(AT_THE_HIGHEST_RATE)}


def _transports_without_a_number(summary: pd.DataFrame, question: Question) -> set[str]:
    """Return the transports with a server that was measured without a figure: it might be the best one."""
    rows = rows_at(summary[summary["metric"] == question.metric], question.load_point)
    usable = rows[(rows["status"] == "ok") & (rows["verdict"] != INVALID) & rows["median"].isna()]
    return {arm.transport for arm in map(Arm.parse, usable["arm"]) if arm.competes}


def _over(
    transport: str,
    question: Question,
    condition: str,
    standing_of: Mapping[str, Standing],
    noise: float | None,
    cheapest: _Costs,
) -> str:
    """Return the sentence about one transport; "" if fewer than two servers were ranked.

    cheapest: below the limit.
    """
    places = {arm: each for arm, each in standing_of.items() if Arm.parse(arm).transport == transport}
    if len(places) < 2:
        return ""
    best = [arm for arm, standing in places.items() if standing.is_best]
    behind = sorted((arm for arm in places if arm not in best), key=lambda arm: places[arm].times_behind)
    are_equivalent = all(places[arm].equivalent for arm in best)
    wording = WORDINGS[question.kind]
    names = {
        "condition": condition,
        "transport": transport.upper(),
        "best": _labels(best),
        "population": question.population.replace("_", " "),
    }
    if not behind or not best:
        floor = gettext(FLOOR, percent=_percent(noise)) if noise is not None else ""
        if best and are_equivalent:
            return gettext(wording.same, **names)
        return gettext(wording.equal, **names, floor=floor) if best else ""
    closest = places[behind[0]]
    names["next"] = Arm.parse(behind[0]).label
    lead = _lead(closest.times_behind, wording.leads, names["next"])
    if closest.verdict != VALID:
        sentence = wording.doubtful
    elif len(best) > 1:
        sentence = wording.together
        names["tie"] = gettext(wording.ties[are_equivalent])
    else:
        sentence = wording.alone if closest.times_behind > 1 + MIN_ADVICE_SHARE else wording.small
        cheaper = _cheaper(transport, best[0], cheapest.standing_of) if question.replies_at_once else []
        if sentence == wording.alone and cheaper:
            sentence = AT_LIMIT if len(cheaper) == 1 else AT_LIMIT_SEVERAL
            names |= {"cheaper": _labels(cheaper), "load": cheapest.load}
    return gettext(sentence, **names, lead=lead)


def _cheaper(transport: str, best: str, cheapest: Mapping[str, Standing]) -> list[str]:
    """Return the servers that need the least CPU time below the limit, where that one is behind them by valid figures.

    The ranks of servers can differ between their limit and a lower rate. Advice must not hide that.
    """
    standing = cheapest.get(best)
    if standing is None or standing.is_best or standing.verdict != VALID:
        return []
    return sorted(arm for arm, other in cheapest.items() if other.is_best and Arm.parse(arm).transport == transport)


def _condition(question: Question) -> str:
    """Return the beginning of a sentence; how long heavy requests compute is in the chart."""
    condition = gettext(DO_NOTHING) if question.replies_at_once else _IN_BRACKETS.sub("", question.condition)
    return condition if question.kind == ScenarioKind.MIXED else _with_clients(condition, question)


def _with_clients(condition: str, question: Question) -> str:
    if question.clients < 2:
        return condition
    return gettext(WITH_CLIENTS, condition=condition, clients=question.clients)


def _rate(question: Question) -> str:
    rate_rps = question.load_point.rate_rps
    if rate_rps is None:
        return gettext(AT_LOWER_RATE)
    return gettext(AT_RATE, rate_rps=rate_rps, clients=question.clients)


def _lead(factor: float, leads: tuple[str, str], next_label: str) -> str:
    percent, times = leads
    if factor < _FROM_FACTOR:
        return gettext(percent, percent=_percent(factor - 1), next=next_label)
    return gettext(times, factor=_factor(factor), next=next_label)


def _percent(share: float) -> str:
    """Return a share as whole percent; with one decimal below 1.5%, where rounding would hide half of it."""
    return f"{100 * share:.0f}" if share >= 0.015 else f"{100 * share:.1f}"


def _factor(factor: float) -> str:
    return f"{factor:.1f}" if factor < 10 else f"{factor:.0f}"


def _labels(arms: Sequence[str]) -> str:
    return join_words(Arm.parse(arm).label for arm in arms)


def _udp_relative_to_tcp(comparisons: pd.DataFrame, question: Question, unranked: Sequence[str]) -> str:
    """Return a sentence: how much more or less the same models serve over UDP; "" if no difference was found."""
    if question.kind != ScenarioKind.CAPACITY:
        return ""
    rows = comparisons[(comparisons["metric"] == question.metric) & (comparisons["kind"] == ComparisonKind.TRANSPORTS)]
    rows = rows_at(rows, question.load_point)
    different = rows[rows["conclusion"].isin(("faster", "slower")) & (rows["verdict"] == VALID)]
    noise = noise_floor_at(question.load_point, question.metric, comparisons)
    ratio_of = {
        Arm.parse(str(row["arm"])).label: float(row["ratio"])
        for row in different.sort_values("ratio").to_dict("records")
        if math.isfinite(row["ratio"]) and not is_within_noise(float(row["ratio"]), noise)
    }
    ratio_of = {label: ratio for label, ratio in ratio_of.items() if label not in unranked}
    losers = [label for label, ratio in ratio_of.items() if ratio < 1]
    gainers = [label for label, ratio in ratio_of.items() if ratio > 1]
    names = {"condition": _condition(question)}
    if gainers:
        lead = _lead(ratio_of[gainers[-1]], UDP_LEADS, "")
        names |= {"gainers": join_words(gainers), "most": gainers[-1], "lead": lead}
    if losers:
        names |= {"losers": join_words(losers), "least": losers[0], "percent": _percent(ratio_of[losers[0]])}
    return gettext(udp_sentence(len(gainers), len(losers)), **names)
