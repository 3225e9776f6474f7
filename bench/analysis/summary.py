"""From raw rows to answers: a median with its interval for each case, and ratios taken inside the rounds.

Pure: DataFrames in, DataFrames out. The rows are those of ``bench.schema.rows`` as pandas reads them from CSV.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd

from bench.analysis import statistics
from bench.analysis.case_quality import CaseQuality, case_quality
from bench.schema.arms import Arm
from bench.schema.metrics import METRICS, Metric, ScenarioKind, headline
from bench.schema.rows import DISTURBED
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import MIN_SAMPLES_BEYOND, QualityFlag, Thresholds, format_flags, worst_verdict

LOAD = ["scenario", "connections", "message_bytes", "rate_rps"]
SUMMARY_COLUMNS = ["arm", "model", "transport", "protocol", "python", "scenario_kind", *LOAD]
SUMMARY_COLUMNS += ["metric", "unit", "blocks", "median", "low", "high", "verdict", "codes"]
COMPARISON_COLUMNS = [
    *LOAD,
    "scenario_kind",
    "metric",
    "arm",
    "reference",
    "ratio",
    "low",
    "high",
    "p_holm",
    "blocks",
    "conclusion",
    "verdict",
    "codes",
    "kind",
]

FROM_SLICES = ["throughput_rps", "sessions_per_s", "service_p50_us", "latency_p50_us", "cpu_us_per_request"]
FROM_TRIALS = ["service_p99_us", "service_p99_9_us", "latency_p99_us", "latency_p99_9_us", "connect_p50_us"]
FROM_TRIALS += ["rss_mb", "memory_mb"]
COMPARED = ["throughput_rps", "sessions_per_s", "cpu_us_per_request", "service_p50_us", "latency_p50_us"]
ONLY_WHERE_PRESENT = {
    "max_rate_rps",
    "sessions_per_s",
    "connect_p50_us",
    "latency_p50_us",
    "latency_p99_us",
    "latency_p99_9_us",
}
QUANTILES = {"service_p99_us": 0.99, "service_p99_9_us": 0.999, "latency_p99_us": 0.99, "latency_p99_9_us": 0.999}

EQUIVALENT = (0.95, 1 / 0.95)  # the same factor to both sides
CHANCE = 0.05  # the error rate of one question
LEAST_BLOCKS_TO_COMPARE = 3  # Student's interval of two values is wider than anything that one could want to know
INCONCLUSIVE, EQUIVALENT_WORD = "inconclusive", "equivalent"
CONTROLS, ACROSS = "control", "udp-vs-tcp"  # kinds of comparisons, beside ...
AGAINST, PAIR = "reference", "pair"  # ... an arm against the reference, and two others of the same transport


@dataclass(frozen=True, slots=True)
class Comparison:
    """One arm against its reference at one load: a row of comparisons.csv before its word is known."""

    scenario: str
    connections: int
    message_bytes: int
    rate_rps: float
    metric: str
    arm: str
    reference: str
    blocks: int
    verdict: str
    flags: list[QualityFlag]
    kind: str
    group: str  # with metric and load the family: comparisons that answer one question and share one error rate
    logs: list[float]  # one value for each block
    arms: int  # in the family


def summarise(trials: pd.DataFrame, slices: pd.DataFrame, thresholds: Thresholds = DEFAULT_THRESHOLDS) -> pd.DataFrame:
    """One row for each case and metric: the median over its blocks. A case without a finished trial has empty ones."""
    if trials.empty:
        return pd.DataFrame(columns=SUMMARY_COLUMNS)
    rounds = finished_rounds(slices, trials)
    keys = ["arm", *LOAD]
    of_slices = {key_of(key): group for key, group in rounds.groupby(keys, dropna=False)}
    rows: list[dict[str, object]] = []
    for key, group in trials.groupby(keys, dropna=False, sort=False):
        rows += _summary_of_case(group, of_slices.get(key_of(key)), thresholds)
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def compare(
    slices: pd.DataFrame, trials: pd.DataFrame, reference: dict[str, str], thresholds: Thresholds = DEFAULT_THRESHOLDS
) -> pd.DataFrame:
    """Every pair of arms of one transport, each model's UDP against its TCP, each control against its base.

    The machine's speed drifts by much more than the differences of interest, but hardly inside a round: so the ratio is
    taken there. Its median over a block's rounds is the block's one value, and the blocks give the interval.
    """
    rounds = finished_rounds(slices, trials)
    if rounds.empty:
        return pd.DataFrame(columns=COMPARISON_COLUMNS)
    quality = {
        key_of(key): case_quality(group, thresholds) for key, group in trials.groupby(["arm", *LOAD], dropna=False)
    }
    kinds = dict(zip(trials["scenario"], trials["scenario_kind"], strict=True))
    found: list[Comparison] = []
    for load, group in rounds.groupby(LOAD, dropna=False):
        for metric in COMPARED:
            planned = metric == "throughput_rps" and kinds[str(load[0])] == ScenarioKind.LATENCY
            if group[metric].notna().any() and not planned:
                found += _compare_at_load(group, metric, load, reference, quality, thresholds)
    return pd.DataFrame(_in_words(found, thresholds, kinds), columns=COMPARISON_COLUMNS)


def noise_share(controls: pd.DataFrame) -> float | None:
    """How far the arms of these rows of comparisons seemed to differ from themselves at most; None if nothing tells.

    controls: rows of controls. The larger end of an interval counts, to either side.
    """
    ends = [abs(math.log(float(end))) for end in [*controls["low"], *controls["high"]] if 0 < float(end) < math.inf]
    return math.expm1(max(ends)) if ends else None


def short_of_cores(trials: pd.DataFrame) -> list[str]:
    """Models with several processes that had a single CPU: their figures are shown, but they are not ranked by them."""
    if trials.empty:
        return []
    single = trials["server_cpus"].fillna("").astype(str).str.removesuffix(".0").str.isdigit()
    return sorted(trials[single & (trials["workers"] > 1)]["model"].unique())


def case_of(row: object) -> tuple[object, ...]:
    """The case that a row (of ``itertuples``) belongs to, usable as a key."""
    return key_of(getattr(row, column) for column in ["arm", *LOAD])


def key_of(values: Iterable[object]) -> tuple[object, ...]:
    """The values as a key in which an empty cell equals an empty cell, as nan does not."""
    return tuple(None if value is None or value != value else value for value in values)


def finished_rounds(slices: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The slices of trials that ended well, with the CPU time of a request.

    A run that was cut off may hold slices of a block that never ended: those have no trial and are left out.
    """
    if slices.empty or trials.empty:
        return pd.DataFrame(columns=[*slices.columns, *COMPARED])
    keys = ["block", "arm", *LOAD]
    good = trials.loc[trials["status"] == "ok", keys].drop_duplicates()
    kept = slices[slices["codes"] != DISTURBED].merge(good, on=keys)
    answered = kept["answered"].astype(float)
    return kept.assign(cpu_us_per_request=kept["server_cpu_us"] / answered.where(answered > 0))


def _summary_of_case(
    trials: pd.DataFrame, slices: pd.DataFrame | None, thresholds: Thresholds
) -> Iterator[dict[str, object]]:
    first = trials.iloc[0]
    common = {column: first[column] for column in SUMMARY_COLUMNS[:10]}
    good = trials[trials["status"] == "ok"]
    if good.empty or slices is None:
        for name, metric in METRICS.items():
            if name not in ONLY_WHERE_PRESENT or name == headline(str(first["scenario_kind"])):
                yield {**common, **_missing(trials, metric)}
        return
    values, quality, replies = (
        block_values(good, slices),
        case_quality(trials, thresholds),
        float(good["replies"].median()),
    )
    for name, metric in METRICS.items():
        of_metric = [float(value) for value in values[name].dropna()] if name in values else []
        if of_metric or name not in ONLY_WHERE_PRESENT:
            yield {**common, **_summary_of_metric(metric, of_metric, quality, replies, thresholds)}


def block_values(trials: pd.DataFrame, slices: pd.DataFrame) -> pd.DataFrame:
    """The values of one case, a row a block, a column a metric: the median of its rounds; of its trial without them."""
    sources = ((slices, FROM_SLICES), (trials, FROM_TRIALS))
    there = [(source, [name for name in names if name in source]) for source, names in sources]
    return pd.concat([source.groupby("block")[names].median() for source, names in there], axis=1)


def _missing(trials: pd.DataFrame, metric: Metric) -> dict[str, object]:
    """The row of a case without numbers: failed, if it ever failed, else skipped; its codes are the reason."""
    failed = trials[trials["status"] == "failed"]
    reasons = (failed if len(failed) else trials)["reason"].fillna("").astype(str)
    text = next((reason for reason in reasons if reason), "no reason given")
    empty = {"median": math.nan, "low": math.nan, "high": math.nan, "blocks": 0}
    return {
        "metric": metric.name,
        "unit": metric.unit,
        **empty,
        "verdict": "failed" if len(failed) else "skipped",
        "codes": text,
    }


def _summary_of_metric(
    metric: Metric, values: list[float], quality: CaseQuality, replies: float, thresholds: Thresholds
) -> dict[str, object]:
    """replies: in a block, by which it is known how far out a percentile can be told."""
    of_metric = quality.for_metric(metric.name)
    verdict, flags = of_metric.verdict, of_metric.flags
    interval = statistics.median_interval(values)
    raised: list[QualityFlag] = []
    if len(values) < statistics.LEAST_BLOCKS_FOR_95:
        raised.append(thresholds.flag("FEW_BLOCKS", len(values)))
    if metric.name in QUANTILES:
        beyond = (1 - QUANTILES[metric.name]) * replies
        if not beyond >= thresholds.codes["FEW_SAMPLES"].suspect:
            raised.append(thresholds.flag("FEW_SAMPLES", 0.0 if math.isnan(beyond) else beyond))
        if not beyond >= MIN_SAMPLES_BEYOND:  # it would be the slowest reply or so under another name
            interval = replace(interval, estimate=math.nan, low=math.nan, high=math.nan)
    if raised:
        verdict = worst_verdict([verdict, "suspect"])
    codes = format_flags(thresholds.merge([*flags, *raised]))
    numbers = {"blocks": len(values), "median": interval.estimate, "low": interval.low, "high": interval.high}
    return {"metric": metric.name, "unit": metric.unit, **numbers, "verdict": verdict, "codes": codes}


def _pairs(arms: list[str], reference: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    """(arm, reference, kind, group): what is compared with what, and which comparisons belong together.

    What shows the machine's limit competes with nobody. Of a pair without the reference the first by name is compared.
    """
    competing = [arm for arm in arms if Arm.parse(arm).competes]
    for arm in arms:
        if Arm.parse(arm).control:
            yield arm, Arm.parse(arm).base.name, CONTROLS, CONTROLS
    for over in sorted({Arm.parse(arm).transport for arm in competing}):
        mine = sorted(arm for arm in competing if Arm.parse(arm).transport == over)
        of_transport = reference.get(over, "")
        yield from ((arm, of_transport, AGAINST, over) for arm in mine if of_transport and arm != of_transport)
        rest = [arm for arm in mine if arm != of_transport]
        yield from ((arm, other, PAIR, over) for arm, other in itertools.combinations(rest, 2))
    for arm in competing:
        if Arm.parse(arm).transport == "udp":
            yield from (
                (arm, other, ACROSS, ACROSS)
                for other in competing
                if Arm.parse(other).transport == "tcp" and Arm.parse(other).label == Arm.parse(arm).label
            )


def _compare_at_load(
    rounds: pd.DataFrame,
    metric: str,
    load: tuple[object, ...],
    reference: dict[str, str],
    quality: dict[tuple[object, ...], CaseQuality],
    thresholds: Thresholds,
) -> Iterator[Comparison]:
    wide = rounds.pivot_table(index=["block", "round"], columns="arm", values=metric, aggfunc="first")
    scenario, connections, message_bytes, rate = load
    arms = [str(column) for column in wide.columns]
    pairs = list(_pairs(arms, reference))
    of_pairs = block_log_ratios(wide, [(arm, against) for arm, against, _, _ in pairs if against in wide])
    for arm, against, kind, group in pairs:
        logs = of_pairs.get((arm, against), [])
        both = [quality.get(key_of((name, *load)), CaseQuality()).for_metric(metric) for name in (arm, against)]
        yield Comparison(
            scenario=str(scenario),
            connections=int(connections),  # type: ignore[call-overload]
            message_bytes=int(message_bytes),  # type: ignore[call-overload]
            rate_rps=float(rate),  # type: ignore[arg-type]
            metric=metric,
            arm=arm,
            reference=against,
            blocks=len(logs),
            verdict=worst_verdict(one.verdict for one in both),
            flags=thresholds.merge(flag for one in both for flag in one.flags),
            kind=kind,
            group=group,
            logs=logs,
            arms=sum(Arm.parse(one).competes and Arm.parse(one).transport == group for one in arms),
        )


def block_log_ratios(wide: pd.DataFrame, pairs: list[tuple[str, str]]) -> dict[tuple[str, str], list[float]]:
    """One value for each block and pair of columns: the median over its rounds of the logarithm of the ratio.

    wide: a row a round, indexed by block and round. Nothing served in a round is an infinite ratio, which the median
    bears; where both gave nothing they are equal in that round, and where as many rounds say infinitely more as say
    infinitely less they are in the block. A round that one of them has not does not count.
    """
    numbers = wide.to_numpy(dtype=float)
    place = {name: number for number, name in enumerate(wide.columns)}
    first, second = ([place[pair[side]] for pair in pairs] for side in (0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(numbers)
        ratios = logs[:, first] - logs[:, second]
    there = ~np.isnan(numbers)
    ratios[np.isnan(ratios)] = 0.0
    ratios[~(there[:, first] & there[:, second])] = np.nan
    blocks = pd.DataFrame(ratios, index=wide.index).groupby(level="block")
    medians = blocks.median().to_numpy(copy=True)
    medians[np.isnan(medians) & (blocks.count().to_numpy() > 0)] = 0.0
    return {pair: column[~np.isnan(column)].tolist() for pair, column in zip(pairs, medians.T, strict=True)}


def _in_words(found: list[Comparison], thresholds: Thresholds, kinds: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """The rows of comparisons.csv: intervals that hold together for a whole family, Holm's p in it, then the word."""
    families: dict[tuple[object, ...], list[Comparison]] = {}
    for one in found:
        load = key_of((one.scenario, one.connections, one.message_bytes, one.rate_rps)) if one.group != CONTROLS else ()
        families.setdefault((*load, one.metric, one.group), []).append(one)
    for members in families.values():
        if members[0].group == CONTROLS:  # each interval is the resolution at its load; the words are one question
            ratios = [statistics.log_ratios([one.logs])[0] for one in members]
        else:
            independent = len(members) if members[0].group == ACROSS else members[0].arms - 1
            ratios = statistics.log_ratios([one.logs for one in members], independent)
        known = [k for k, ratio in enumerate(ratios) if not math.isnan(ratio.p)]
        p_holm = dict(zip(known, statistics.holm([ratios[k].p for k in known]), strict=True))
        for k, (one, ratio) in enumerate(zip(members, ratios, strict=True)):
            row: dict[str, object] = {field.name: getattr(one, field.name) for field in fields(one)}
            row["codes"] = format_flags(one.flags)
            row["scenario_kind"] = kinds[one.scenario]
            row |= {"ratio": ratio.ratio, "low": ratio.low, "high": ratio.high, "p_holm": p_holm.get(k, math.nan)}
            if one.blocks < LEAST_BLOCKS_TO_COMPARE:
                row["verdict"] = worst_verdict([one.verdict, "suspect"])
                row["codes"] = format_flags(thresholds.merge([*one.flags, thresholds.flag("FEW_BLOCKS", one.blocks)]))
            row["conclusion"] = _conclusion(one, ratio, p_holm.get(k, math.nan))
            yield {column: row[column] for column in COMPARISON_COLUMNS}


def _conclusion(one: Comparison, found: statistics.LogRatio, p_holm: float) -> str:
    """What may be said: what the interval says, and nothing of numbers that are invalid.

    A control's interval is not widened for the number of loads, so Holm's p decides whether it differs from itself.
    """
    if one.verdict == "invalid" or one.blocks < LEAST_BLOCKS_TO_COMPARE:
        return INCONCLUSIVE
    if found.low > 1 or found.high < 1:
        if one.group == CONTROLS and p_holm >= CHANCE:
            return INCONCLUSIVE
        return METRICS[one.metric].conclusion(found.ratio)
    if EQUIVALENT[0] <= found.low90 and found.high90 <= EQUIVALENT[1]:
        return EQUIVALENT_WORD
    return INCONCLUSIVE
