"""The answers of a run as sentences. Pure.

They come from the comparisons and from the bounds of the searches.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.cases import group_by_load_point, text
from bench.analysis.comparisons import is_within_noise, noise_floor_at, noise_floor_share
from bench.analysis.rankings import ranks
from bench.formatting import compact, format_percent, format_ratio, join_words
from bench.report.asyncio_reads import asyncio_reads
from bench.report.reference_ratios import Row, by_ratio, is_measured, ratio_sentences, times, with_reference
from bench.report.savings import saved_by_udp, saved_over
from bench.report.udp_price import loss_sentence
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.conclusions import ComparisonKind, Pairing
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, ScenarioKind, headline
from bench.translation import N_, gettext

QUANTITIES = {
    "throughput_rps": N_("requests per second"),
    "sessions_per_s": N_("sessions per second"),
    "cpu_us_per_request": N_("CPU time per request"),
    "latency_p99_us": N_("99th percentile of the latency"),
    "memory_mb": N_("memory"),
}


INSIDE_BLOCKS = N_("These ratios are taken inside blocks: a round has too few requests for a 99th percentile.")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer at one load point."""

    load: str
    best: str  # sentences: who ranks first over each transport
    ratios: tuple[str, ...] = ()  # sentences: how the other arms compare with the reference


def answers(
    comparisons: pd.DataFrame, unranked: Sequence[str] = (), trials: pd.DataFrame | None = None
) -> list[Answer]:
    """Return an answer for each load point.

    The most connections of a scenario come first, sessions last.

    unranked: models that are left out. trials: from which the losses over UDP come.
    """
    if comparisons.empty:
        return []
    sessions = set(comparisons.loc[comparisons["scenario_kind"] == ScenarioKind.SESSIONS, "scenario"])
    scenarios = sorted(dict.fromkeys(comparisons["scenario"]), key=lambda name: name in sessions)
    trials_at = {} if trials is None or trials.empty else group_by_load_point(trials)
    keyed_answers: list[tuple[tuple[int, int], Answer]] = []
    for load_point, rows in group_by_load_point(comparisons).items():
        metric = headline(str(rows["scenario_kind"].iloc[0]))
        noise = noise_floor_at(load_point, metric, comparisons)
        records = [row for row in rows.to_dict("records") if not _models(row) & set(unranked)]
        ranked = [{**row, "noise": noise} for row in records if row["metric"] == metric]
        here = trials_at.get(load_point)
        lost = "" if here is None else loss_sentence(here, unranked)
        if answer := _answer(load_point, metric, ranked, noise, records, lost):
            keyed_answers.append(((scenarios.index(load_point.scenario), -load_point.connections), answer))
    return [answer for _, answer in sorted(keyed_answers, key=lambda pair: pair[0])]


def of_first_populations(rows: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the rows about the first population of each scenario, which the scenario asks about.

    trials: whose populations are in the order of the plan. A scenario that they do not have keeps all its rows.
    """
    if rows.empty or trials.empty:
        return rows
    first = trials.drop_duplicates("scenario").set_index("scenario")["population"].map(text)
    of_scenario = rows["scenario"].map(first)
    return rows[of_scenario.isna() | (rows["population"].map(text) == of_scenario)]


def search_answers(summary: pd.DataFrame, unranked: Sequence[str] = ()) -> list[Answer]:
    """Return the bounds of each search for a max rate.

    They are not intervals, so no arm is called better.
    """
    searches = summary[summary["metric"].eq("max_rate_rps") & summary["low"].notna()]
    searched = []
    for load_point, rows in group_by_load_point(searches).items():
        competing = [row for row in rows.to_dict("records") if Arm.parse(row["arm"]).label not in unranked]
        sentences = [
            gettext(
                "Over {transport}, the highest rate that meets the objective, in requests per second: {bounds}.",
                transport=transport.upper(),
                bounds=bounds,
            )
            for transport in ("tcp", "udp")
            if (bounds := _bounds(row for row in competing if Arm.parse(row["arm"]).transport == transport))
        ]
        if sentences:
            searched.append(Answer(str(load_point), " ".join(sentences)))
    return searched


def noise_floor(comparisons: pd.DataFrame) -> str:
    """Return the noise floor of what each scenario asks for first, as text.

    The text is empty without a valid control.
    """
    if comparisons.empty:
        return ""
    controls = comparisons[comparisons["kind"] == ComparisonKind.CONTROL]
    controls = controls[controls["metric"] == controls["scenario_kind"].map(lambda kind: headline(str(kind)))]
    parts = [
        gettext("{share} in {label}", share=format_percent(share), label=METRICS[str(metric)].label.partition(" (")[0])
        for metric, rows in controls.groupby("metric", sort=False)
        if (share := noise_floor_share(rows)) is not None
    ]
    return join_words(parts) if parts else ""


def _answer(
    load_point: LoadPoint,
    metric: str,
    rows: Sequence[Row],
    noise: float | None,
    every_metric: Sequence[Row],
    lost: str,
) -> Answer | None:
    """Return the answer at a load point. rows: of its first metric. lost: a sentence on UDP."""
    measured = [transport for transport in ("tcp", "udp") if with_reference(rows, transport)]
    if not measured:
        return None
    best = [_first_rank(rows, metric, transport, noise) for transport in measured]
    is_in_blocks = any(row.get("pairing") == Pairing.BLOCKS for row in rows)
    ratios = [gettext(INSIDE_BLOCKS)] if is_in_blocks else []
    for transport in measured:
        ratios += [
            ratio_sentences(rows, transport, gettext(QUANTITIES[metric])),
            saved_over(every_metric, transport),
        ]
    ratios += [_udp_relative_to_tcp(rows), saved_by_udp(every_metric), lost, asyncio_reads(rows, metric)]
    return Answer(str(load_point), " ".join(best), tuple(filter(None, ratios)))


def _first_rank(rows: Sequence[Row], metric: str, transport: str, noise: float | None) -> str:
    """Return a sentence: who ranks first over a transport, or who may."""
    rank_of = {arm: rank for arm, rank in ranks(rows).items() if Arm.parse(arm).transport == transport}
    first = sorted(arm for arm, (best, _) in rank_of.items() if best == 1)
    quantity, labels = QUANTITIES[metric], [Arm.parse(arm).label for arm in first]
    over = gettext("Over {transport}", transport=transport.upper())
    compared = with_reference(rows, transport)
    if not first and len(compared) == 1 and not is_measured(compared[0]):
        only, reference = (Arm.parse(compared[0][side]).label for side in ("arm", "reference"))
        return gettext(
            "{over}, only {only} was measured: without {reference} there is no comparison.",
            over=over,
            only=only,
            reference=reference,
        )
    if not first:
        return gettext(
            "No conclusion over {transport}: the figures are invalid (see caveats).", transport=transport.upper()
        )
    if len(first) > 1:
        return gettext(
            "{over}, {labels} share the first rank in {quantity}: no significant difference.",
            over=over,
            labels=join_words(labels),
            quantity=gettext(quantity),
        )
    lead = _lead_text(metric)
    return gettext(
        "{over}, {labels} has the {lead} {quantity}{remark}.",
        over=over,
        labels=labels[0],
        lead=lead,
        quantity=gettext(quantity),
        remark=_lead_below_noise_floor(rows, rank_of, first[0], noise),
    )


def _lead_text(metric: str) -> str:
    if metric == "latency_p99_us":
        return gettext("lowest")
    return gettext("most") if METRICS[metric].more_is_better else gettext("least")


def _lead_below_noise_floor(
    rows: Sequence[Row], rank_of: Mapping[str, tuple[int, int]], first: str, noise: float | None
) -> str:
    """Return a remark if the lead is smaller than the noise floor."""
    seconds = [arm for arm, (best, _) in rank_of.items() if best == 2]
    for row in rows:
        pair = {row["arm"], row["reference"]}
        if noise is None or first not in pair or not pair & set(seconds):
            continue
        ratio = float(row["ratio"])
        if is_within_noise(ratio, noise):
            (second,) = pair - {first}
            times = ratio if row["arm"] == first else 1 / ratio
            label = Arm.parse(second).label
            return gettext(
                ", but its lead over {label} ({times} times) is within the noise floor",
                label=label,
                times=format_ratio(times),
            )
    return ""


def _udp_relative_to_tcp(rows: Sequence[Row]) -> str:
    different = by_ratio([row for row in rows if row["kind"] == ComparisonKind.TRANSPORTS])
    return (
        gettext("UDP relative to TCP, same model: {different}.", different=join_words(map(times, different)))
        if different
        else ""
    )


def _bounds(rows: Iterable[Row]) -> str:
    """Return the bounds of searches, the highest first.

    An upper bound that was not found is ``or more``.
    """
    parts = []
    for row in sorted(rows, key=lambda row: -float(row["low"])):
        high = gettext("or more") if math.isnan(row["high"]) else gettext("to {high}", high=compact(row["high"]))
        quality = "" if row["verdict"] == "valid" else f" ({in_words(row['verdict'])})"
        parts.append(f"{Arm.parse(row['arm']).label} {compact(row['low'])} {high}{quality}")
    return join_words(parts) if parts else ""


def _models(row: Row) -> set[str]:
    return {Arm.parse(row["arm"]).label, Arm.parse(row["reference"]).label}
