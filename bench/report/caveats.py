"""The caveats and the findings of a run, by scenario. Pure.

Caveats are the doubts about its figures, and the cases that were not measured. Findings are about the servers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import CaseKey
from bench.report.deciding_values import BlockFlags, badness, deciding_value, flags_of_blocks, limits
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, headline
from bench.schema.quality_words import advice_text, meaning_text
from bench.translation import N_, gettext, ngettext, translate_line
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from clients.quality_codes import QUANTILES, SUSPECT, QualityFlag, Thresholds

MAX_PLACES, MAX_METRICS = 3, 2  # that are listed one by one
OF_ONE_FIGURE = ("FEW_BLOCKS",)  # has a value of its own for each figure, like a code of a percentile
_LONGER = N_(
    "run longer (--seconds): there are {count} blocks, but not all of them have enough replies for this figure"
)
_OWN_CPUS = {  # instead of a CPU of its own, where the generator has one
    "LATE_SENDS": N_("the generator had CPUs of its own: give it more, or close other programs that run on them"),
    "LATENESS_IN_LATENCY": N_(
        "the generator had CPUs of its own: give it more, or close other programs on them; the server is faster than "
        "this percentile"
    ),
}


@dataclass(frozen=True, slots=True)
class Caveat:
    """A quality code that figures of a scenario carry: a doubt about them, or a finding about servers."""

    code: str
    meaning: str
    cases: str  # how many of how many, and which figures unless the code concerns the headline metric
    limits: str  # the thresholds that the value passed
    places: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A case that failed or was skipped."""

    case: str
    reason: str
    blocks: str


@dataclass(frozen=True, slots=True)
class ScenarioCaveats:
    """The caveats of one scenario."""

    caveats: tuple[Caveat, ...] = ()
    gaps: tuple[Gap, ...] = ()
    findings: tuple[Caveat, ...] = ()


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """A code on one metric of one case."""

    case: str
    key: CaseKey
    metric: str
    flag: QualityFlag


def collect_caveats(
    summary: pd.DataFrame,
    trials: pd.DataFrame,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    *,
    own_cpus: bool = False,
) -> dict[str, ScenarioCaveats]:
    """Return the caveats of each scenario.

    They contain every code of a figure, and every case without figures.

    own_cpus: True if the generator had CPUs without servers.
    """
    kinds = _kinds(summary) | _kinds(trials)
    gaps = _gaps(trials)
    measured: dict[str, set[str]] = {}
    for row in summary.to_dict("records"):
        if row["status"] == "ok":
            measured.setdefault(str(row["scenario"]), set()).add(_case(row))
    doubtful = summary[summary["verdict"].isin(["suspect", "invalid"])]
    occurrences = {
        "codes": _occurrences(doubtful, "codes", thresholds),
        "findings": _occurrences(summary, "findings", thresholds),
    }

    blocks = flags_of_blocks(trials, thresholds)

    def of_kind(kind: str, scenario: str) -> tuple[Caveat, ...]:
        codes = _by_code(occurrences[kind].get(scenario, []), thresholds)
        return tuple(
            _caveat(code, headline(kinds[scenario]), len(measured.get(scenario, ())), blocks, own_cpus=own_cpus)
            for code in codes
        )

    return {
        scenario: ScenarioCaveats(
            of_kind("codes", scenario), tuple(gaps.get(scenario, ())), of_kind("findings", scenario)
        )
        for scenario in dict.fromkeys([*measured, *occurrences["codes"], *gaps])
    }


def advice(caveats: Iterable[ScenarioCaveats], thresholds: Thresholds = DEFAULT_THRESHOLDS) -> list[tuple[str, str]]:
    """Return (code, what to do about it) for every doubt that any scenario has."""
    texts: dict[str, dict[str, None]] = {}
    for caveat in (caveat for of_scenario in caveats for caveat in of_scenario.caveats):
        texts.setdefault(caveat.code, {})[caveat.advice] = None
    return [(name, "; ".join(texts[name])) for name in _in_order(texts.keys(), thresholds)]


def _kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {} if frame.empty else dict(zip(frame["scenario"], frame["scenario_kind"], strict=True))


def _case(row: Mapping[Any, Any]) -> str:
    """Return a case without its scenario: ``select/tcp at 64 connections, 64 bytes``."""
    load_point = LoadPoint.from_row(row).planned
    place = str(load_point).removeprefix(f"{load_point.scenario}, ")
    return gettext("{display_name} at {place}", display_name=Arm.parse(row["arm"]).display_name, place=place)


def _occurrences(rows: pd.DataFrame, column: str, thresholds: Thresholds) -> dict[str, list[_Occurrence]]:
    """Return every code of every figure, by scenario. rows: of the summary. column: ``codes`` or ``findings``."""
    occurrences: dict[str, list[_Occurrence]] = {}
    for row in rows[rows[column].notna()].to_dict("records"):
        for flag in thresholds.parse(str(row[column])):
            occurrence = _Occurrence(_case(row), CaseKey.from_row(row).planned, str(row["metric"]), flag)
            occurrences.setdefault(str(row["scenario"]), []).append(occurrence)
    return occurrences


def _by_code(occurrences: Sequence[_Occurrence], thresholds: Thresholds) -> list[list[_Occurrence]]:
    """Return the occurrences of each code, in the order of the catalogue."""
    of_code: dict[str, list[_Occurrence]] = {}
    for occurrence in occurrences:
        of_code.setdefault(occurrence.flag.code.name, []).append(occurrence)
    return [of_code[name] for name in _in_order(of_code.keys(), thresholds)]


def _caveat(
    occurrences: Sequence[_Occurrence], first: str, measured: int, blocks: BlockFlags, *, own_cpus: bool
) -> Caveat:
    """Return the caveat of one code.

    first: the scenario's headline metric. measured: number of its cases. blocks: the flags of each block of the cases.
    """
    of_case: dict[str, list[_Occurrence]] = {}
    for occurrence in occurrences:
        of_case.setdefault(occurrence.case, []).append(occurrence)
    worst = {case: max(found, key=lambda each: _badness(each, blocks)) for case, found in of_case.items()}
    metrics = {occurrence.metric for occurrence in occurrences}
    code = occurrences[0].flag.code
    return Caveat(
        code=code.name,
        meaning=meaning_text(code),
        cases=_cases(occurrences, first, measured),
        limits=limits(code, {METRICS[name].figure.percentile for name in metrics if name in METRICS}),
        places=_places(worst, blocks),
        advice=_advice(occurrences, blocks, own_cpus=own_cpus),
    )


def _cases(occurrences: Sequence[_Occurrence], first: str, measured: int) -> str:
    """Return how many cases have a code, and in which figures; for each figure if each has a value of its own."""
    cases = ngettext("{count} case", "{count} cases", measured)
    if not _is_of_one_figure(occurrences[0].flag):
        return gettext(
            "{worst} of {cases}{remark}",
            worst=len({occurrence.case for occurrence in occurrences}),
            cases=cases,
            remark=_metrics_concerned({occurrence.metric for occurrence in occurrences}, first),
        )
    cases_of: dict[str, set[str]] = {}
    for occurrence in occurrences:
        cases_of.setdefault(_figure(occurrence), set()).add(occurrence.case)
    return "; ".join(
        gettext("{figure}: {worst} of {cases}", figure=figure, worst=len(cases_of[figure]), cases=cases)
        for figure in sorted(cases_of, key=lambda figure: QUANTILES.get(figure, 0.0))
    )


def _figure(occurrence: _Occurrence) -> str:
    """Return the figure that a code has a value for: ``p99``, or the name of a metric."""
    percentile = occurrence.flag.percentile
    return (gettext("maximum") if percentile == "max" else percentile) or _label(occurrence.metric)


def _is_of_one_figure(flag: QualityFlag) -> bool:
    return bool(flag.percentile) or flag.code.name in OF_ONE_FIGURE


def _advice(occurrences: Sequence[_Occurrence], blocks: BlockFlags, *, own_cpus: bool) -> str:
    """Return what to do about a code, by its cause in this run."""
    code = occurrences[0].flag.code
    if code.name == "FEW_BLOCKS":
        fewest = min(len(blocks.get(occurrence.key, ())) for occurrence in occurrences)
        if code.verdict(fewest) != SUSPECT:
            return gettext(_LONGER, count=fewest)
    if own_cpus and code.name in _OWN_CPUS:
        return gettext(_OWN_CPUS[code.name])
    return advice_text(code)


def _metrics_concerned(metrics: Collection[str], first: str) -> str:
    """Return which figures a code concerns, unless the headline metric is one of them."""
    if first in metrics:
        return ""
    if len(metrics) > MAX_METRICS:
        return gettext(" (not the {label})", label=_label(first))
    return gettext(
        " (only the {metrics})", metrics=gettext(" and the ").join(_label(name) for name in METRICS if name in metrics)
    )


def _label(metric: str) -> str:
    return METRICS[metric].label.partition(" (")[0]


def _places(worst: Mapping[str, _Occurrence], blocks: BlockFlags) -> str:
    """Return where a code was raised, with the values that decided.

    Of many cases only the worst is named.
    """
    if len(worst) <= MAX_PLACES:
        return gettext("Seen in {values}", values="; ".join(_place(found, blocks) for found in worst.values()))
    return gettext(
        "Worst: {place}", place=_place(max(worst.values(), key=lambda found: _badness(found, blocks)), blocks)
    )


def _badness(found: _Occurrence, blocks: BlockFlags) -> tuple[int, float]:
    return badness(found.flag, blocks.get(found.key, ()))


def _place(found: _Occurrence, blocks: BlockFlags) -> str:
    value = deciding_value(found.flag, blocks.get(found.key, ()))
    case = f"{found.case}, {_figure(found)}" if _is_of_one_figure(found.flag) else found.case
    return f"{case}: {value}" if value else case


def _gaps(trials: pd.DataFrame) -> dict[str, list[Gap]]:
    """Return the cases that failed or were skipped, by scenario."""
    if trials.empty:
        return {}
    rows = trials[trials["status"] != "ok"].assign(
        reason=lambda frame: frame["reason"].fillna(gettext("no reason given"))
    )
    blocks: dict[tuple[str, str, str], set[int]] = {}
    for row in rows.to_dict("records"):
        key = (str(row["scenario"]), _case(row), f"{in_words(row['status'])}: {translate_line(row['reason'])}")
        blocks.setdefault(key, set()).add(int(row["block"]))
    gaps: dict[str, list[Gap]] = {}
    for (scenario, case, reason), of_case in blocks.items():
        gaps.setdefault(scenario, []).append(
            Gap(case, reason, ngettext("{count} block", "{count} blocks", len(of_case)))
        )
    return gaps


def _in_order(names: Collection[str], thresholds: Thresholds) -> list[str]:
    """Return codes in the order of the catalogue; unknown codes come last."""
    known = [name for name in thresholds.codes if name in names]
    return [*known, *sorted(set(names) - set(known))]
