"""Sentences on the servers that are immune to slow or idle clients, and on those that are not. Pure."""

import math
from collections.abc import Sequence

import pandas as pd

from bench.analysis.cases import text
from bench.analysis.disturbance import Disturbance, Effect, disturbances
from bench.formatting import compact, format_ratio, join_words
from bench.report.charts.families import BEHAVIOURS, disturbed_family
from bench.report.charts.sweeps import Sweep, sweeps

_KIB_PER_MB = 1e6 / 1024


def disturbance_sentences(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return sentences about each scenario with clients that are slow or idle: effects, and memory of each client."""
    if summary.empty or trials.empty:
        return []
    sentences = []
    for sweep in disturbed_family(sweeps(summary), trials):
        rows = sweep.all_rows(summary)
        found = disturbances(rows[rows["metric"] == "latency_p99_us"])
        others = _behaviour(sweep, trials)
        if effects := effects_in_words(found):
            sentences.append(f"Beside clients that {BEHAVIOURS[others]}: {effects}.")
        if memory := _memory(rows[rows["metric"] == "memory_mb"], {each.arm.name for each in found}):
            sentences.append(f"Memory of the server for each client that {_third_person(others)}: {memory}.")
    return sentences


def effects_in_words(found: Sequence[Disturbance]) -> str:
    """Return ``immune up to 1024: asyncio; breaks: select between 256 and 1024``; "" if nothing is known.

    The number of clients at which a server breaks is between two that were measured. A prediction is that of the
    smallest measured number at which the server should break.
    """
    immune = [each for each in found if each.effect is Effect.IMMUNE]
    parts = []
    for count in sorted({each.connections for each in immune}, reverse=True):
        names = join_words(_with_prediction(each) for each in immune if each.connections == count)
        parts.append(f"immune up to {count}: {names}")
    degraded = [
        f"{_with_prediction(each)} from {each.connections} on ({format_ratio(each.factor)} times the p99)"
        for each in found
        if each.effect is Effect.DEGRADES
    ]
    broken = [_broken(each) for each in found if each.effect is Effect.BREAKS]
    unknown = [each.arm.label for each in found if each.effect is Effect.UNKNOWN]
    groups = (("degrades", degraded), ("breaks", broken), ("not measured", unknown))
    parts += [f"{word}: {', '.join(labels)}" for word, labels in groups if labels]
    return "; ".join(parts) if len(unknown) < len(found) else ""


def _with_prediction(found: Disturbance) -> str:
    """Return the name of a server that does not break, and where it was predicted to."""
    if found.predicted is None or found.predicted > found.connections:
        return found.arm.label
    return f"{found.arm.label} (predicted to break at {found.predicted})"


def _broken(found: Disturbance) -> str:
    """Return ``select between 256 and 1024 (as predicted)``."""
    where = f"at {found.connections}" if found.before is None else f"between {found.before} and {found.connections}"
    if found.predicted is None:
        return f"{found.arm.label} {where}"
    if found.predicted == found.connections:
        return f"{found.arm.label} {where} (as predicted)"
    return f"{found.arm.label} {where} (predicted: at {found.predicted})"


def kib_per_client(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Return the memory of each further client in KiB: estimate, and the ends of an interval; nan if unknown.

    rows: the memory of one arm at each number of clients. It is the slope between the fewest and the most clients.
    The interval is conservative: it combines the opposite ends of both intervals.
    """
    known = rows[rows["median"].notna()].sort_values("connections")
    if len(known) < 2:
        return math.nan, math.nan, math.nan
    first, last = known.iloc[0], known.iloc[-1]
    clients = int(last["connections"]) - int(first["connections"])
    rises = (
        float(last["median"]) - float(first["median"]),
        float(last["low"]) - float(first["high"]),
        float(last["high"]) - float(first["low"]),
    )
    estimate, low, high = (_KIB_PER_MB * rise / clients for rise in rises)
    return estimate, low, high


def _memory(rows: pd.DataFrame, arms: set[str]) -> str:
    """Return the memory per client of each arm: ``asyncio 2.1 KiB [1.9, 2.3]``."""
    parts = []
    for name, of_arm in rows[rows["arm"].isin(arms)].groupby("arm", sort=True):
        estimate, low, high = kib_per_client(of_arm)
        if math.isfinite(estimate):
            label = str(name).partition("/")[0]
            parts.append(f"{label} {compact(max(estimate, 0.0))} KiB [{compact(max(low, 0.0))}, {compact(high)}]")
    return ", ".join(parts)


def _behaviour(sweep: Sweep, trials: pd.DataFrame) -> str:
    """Return the behaviour of the other clients: the first one that is not normal."""
    of_scenario = trials[trials["scenario"] == sweep.scenario]
    return next(each for each in of_scenario["behaviour"].map(text) if each in BEHAVIOURS)


def _third_person(behaviour: str) -> str:
    return {"silent": "sends nothing", "trickle": "sends byte by byte", "never_reads": "never reads"}[behaviour]
