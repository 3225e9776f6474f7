"""What stands against the figures of a run, by scenario: codes, and what was not measured. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, headline
from clients.quality_catalogue import CATALOGUE, DEFAULT_THRESHOLDS
from clients.quality_codes import QualityFlag

MOST_PLACES, MOST_FIGURES = 3, 2  # that are listed one by one


@dataclass(frozen=True, slots=True)
class Doubt:
    """A code that rows of a scenario carry."""

    code: str
    meaning: str
    rows: str  # how many, of how many, and of which figures where it is not of what the scenario asks for first
    places: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A case of a scenario that failed or was skipped."""

    case: str
    reason: str
    blocks: str


@dataclass(frozen=True, slots=True)
class Distrust:
    """What stands against the figures of one scenario."""

    doubts: list[Doubt]
    gaps: list[Gap]


def distrust(summary: pd.DataFrame, trials: pd.DataFrame) -> dict[str, Distrust]:
    """By scenario: every code that a row carries, and what was not measured."""
    kinds = _kinds(summary) | _kinds(trials)
    rows: dict[str, set[str]] = {}
    where: dict[
        str, dict[str, list[tuple[str, str, QualityFlag]]]
    ] = {}  # scenario, name of the code: row, metric, code
    for row in summary.to_dict("records"):
        scenario, case = str(row["scenario"]), _case(row)
        if row["status"] == "ok":
            rows.setdefault(scenario, set()).add(case)
        if row["verdict"] in ("suspect", "invalid") and not pd.isna(row["codes"]):
            for flag in DEFAULT_THRESHOLDS.parse(str(row["codes"])):
                of_code = where.setdefault(scenario, {}).setdefault(flag.code.name, [])
                of_code.append((case, str(row["metric"]), flag))
    gaps = _gaps(trials)
    return {
        scenario: Distrust(
            _doubts(where.get(scenario, {}), headline(kinds[scenario]), len(rows.get(scenario, ()))),
            gaps.get(scenario, []),
        )
        for scenario in dict.fromkeys([*rows, *where, *gaps])
    }


def _kinds(frame: pd.DataFrame) -> dict[str, str]:
    return {} if frame.empty else dict(zip(frame["scenario"], frame["scenario_kind"], strict=True))


def _case(row: Mapping[Any, Any]) -> str:
    """A row of a scenario in words: ``select/tcp at 64 connections, 64 bytes``."""
    load = str(LoadPoint.of(row["scenario"], row["connections"], row["message_bytes"]))
    return f"{row['arm']} at {load.removeprefix(str(row['scenario']) + ', ')}"


def _doubts(where: Mapping[str, Sequence[tuple[str, str, QualityFlag]]], first: str, rows: int) -> list[Doubt]:
    """The codes of one scenario, in the order of the table that has them all. first: the metric that it asks for."""
    found = []
    for name in _in_order(where.keys()):
        cases: dict[str, list[QualityFlag]] = {}
        for case, _, flag in where[name]:
            cases.setdefault(case, []).append(flag)
        metrics = {metric for _, metric, _ in where[name]}
        worst = {case: max(flags, key=lambda flag: flag.badness) for case, flags in cases.items()}
        found.append(
            Doubt(
                name,
                where[name][0][2].code.meaning,
                f"{len(cases)} of {rows} rows{_concerned(metrics, first)}",
                _places(worst),
            )
        )
    return found


def _concerned(metrics: Collection[str], first: str) -> str:
    """Which figures a code is of, where what the scenario asks for first is not among them."""
    if first in metrics:
        return ""
    if len(metrics) > MOST_FIGURES:
        return f" (not of the {_in_words(first)})"
    return f" (of the {' and the '.join(_in_words(name) for name in METRICS if name in metrics)} alone)"


def _in_words(metric: str) -> str:
    return METRICS[metric].label.partition(" (")[0]


def _places(cases: Mapping[str, QualityFlag]) -> str:
    """Where a code was seen, with its figure if it has one; of many cases the worst one. cases: the code of each."""
    figures = {case: flag.figure for case, flag in cases.items()}
    told = [f"{case}: {figure}" if figure else case for case, figure in figures.items()]
    if len(cases) <= MOST_PLACES:
        return "; ".join(told)
    worst = max(range(len(told)), key=lambda k: list(cases.values())[k].badness)
    return f"the worst of them {told[worst]}"


def _gaps(trials: pd.DataFrame) -> dict[str, list[Gap]]:
    """What failed or was skipped, by scenario, in how many blocks."""
    if trials.empty:
        return {}
    rows = trials[trials["status"] != "ok"].assign(reason=lambda frame: frame["reason"].fillna("no reason given"))
    found: dict[tuple[str, str, str], set[int]] = {}
    for row in rows.to_dict("records"):
        key = (str(row["scenario"]), _case(row), f"{row['status']}: {row['reason']}")
        found.setdefault(key, set()).add(int(row["block"]))
    gaps: dict[str, list[Gap]] = {}
    for (scenario, case, reason), blocks in found.items():
        gaps.setdefault(scenario, []).append(Gap(case, reason, f"{len(blocks)} block{'s' * (len(blocks) != 1)}"))
    return gaps


def advice(distrusted: Iterable[Distrust]) -> list[tuple[str, str]]:
    """(code, what to do about it) of every code that any scenario has."""
    names = {doubt.code for one in distrusted for doubt in one.doubts}
    return [(name, _advice(name)) for name in _in_order(names)]


def _advice(name: str) -> str:
    (flag,) = DEFAULT_THRESHOLDS.parse(name)
    return flag.code.advice


def _in_order(names: Collection[str]) -> list[str]:
    """Codes in the order of the table that has them all; those that it has not last."""
    return [*(name for name in CATALOGUE if name in names), *sorted(set(names) - CATALOGUE.keys())]
