"""Sentences on the servers that are immune to slow or idle clients, and on those that are not. Pure."""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.cases import text
from bench.analysis.connection_memory import PARTS, ConnectionMemory, connection_memory
from bench.analysis.disturbance import Disturbance, Effect, disturbances
from bench.formatting import compact, format_ratio, join_words
from bench.report.charts.families import BEHAVIOURS, BEHAVIOURS_OF_ONE, disturbed_family, idle_family
from bench.report.charts.sweeps import Sweep, sweeps
from bench.schema.arms import Arm
from bench.translation import gettext

_SMALLEST_KIB = 0.005  # smaller values are 0 with two decimals


def disturbance_sentences(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return sentences about each scenario with clients that are slow or idle: effects, and memory of each client."""
    if summary.empty or trials.empty:
        return []
    sentences = []
    for sweep in disturbed_family(sweeps(summary), trials):
        rows = sweep.all_rows(summary)
        found = disturbances(rows[rows["metric"] == "latency_p99_us"])
        if effects := effects_in_words(found):
            sentences.append(
                gettext(
                    "Beside clients that {behaviours}: {effects}.",
                    behaviours=gettext(BEHAVIOURS[_behaviour(sweep, trials)]),
                    effects=effects,
                )
            )
    return sentences + _memory_sentences(summary, trials)


def _memory_sentences(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return a sentence on the memory for each kind of client. Scenarios without other clients come first."""
    found = sweeps(summary)
    texts: dict[str, list[str]] = {}
    for sweep in [*idle_family(found), *disturbed_family(found, trials)]:
        behaviour = _behaviour(sweep, trials)
        if behaviour not in texts and (memory := memory_in_words(connection_memory(sweep.all_rows(trials)))):
            texts[behaviour] = memory
    return [
        gettext(
            "Memory of the server for each client that {third_person}: {memory}.",
            third_person=gettext(BEHAVIOURS_OF_ONE[behaviour]),
            memory="; ".join(memory),
        )
        for behaviour, memory in texts.items()
    ]


def effects_in_words(found: Sequence[Disturbance]) -> str:
    """Return ``immune up to 1024: asyncio; breaks: select between 256 and 1024``; "" if nothing is known.

    The number of clients at which a server breaks is between two that were measured. A prediction is that of the
    smallest measured number at which the server should break.
    """
    immune = [each for each in found if each.effect is Effect.IMMUNE]
    parts = []
    for count in sorted({each.connections for each in immune}, reverse=True):
        names = join_words(_with_prediction(each) for each in immune if each.connections == count)
        parts.append(gettext("immune up to {count}: {names}", count=count, names=names))
    degraded = [
        gettext(
            "{with_prediction} from {connections} on ({factor} times the p99)",
            with_prediction=_with_prediction(each),
            connections=each.connections,
            factor=format_ratio(each.factor),
        )
        for each in found
        if each.effect is Effect.DEGRADES
    ]
    broken = [_broken(each) for each in found if each.effect is Effect.BREAKS]
    undecided, unknown = (
        [each.arm.label for each in found if each.effect is effect] for effect in (Effect.UNDECIDED, Effect.UNKNOWN)
    )
    groups = (
        (gettext("degrades"), degraded),
        (gettext("breaks"), broken),
        (gettext("not decided"), undecided),
        (gettext("not measured"), unknown),
    )
    parts += [f"{word}: {', '.join(labels)}" for word, labels in groups if labels]
    return "; ".join(parts) if len(unknown) + len(undecided) < len(found) else ""


def _with_prediction(found: Disturbance) -> str:
    """Return the name of a server that does not break, and where it was predicted to."""
    if found.predicted is None or found.predicted > found.connections:
        return found.arm.label
    return gettext("{label} (predicted to break at {predicted})", label=found.arm.label, predicted=found.predicted)


def _broken(found: Disturbance) -> str:
    """Return ``select between 256 and 1024 (as predicted)``."""
    where = (
        gettext("at {connections}", connections=found.connections)
        if found.before is None
        else gettext("between {before} and {connections}", before=found.before, connections=found.connections)
    )
    if found.predicted is None:
        return f"{found.arm.label} {where}"
    if found.predicted == found.connections:
        return gettext("{label} {where} (as predicted)", label=found.arm.label, where=where)
    return gettext(
        "{label} {where} (predicted: at {predicted})", label=found.arm.label, where=where, predicted=found.predicted
    )


def memory_in_words(memory: Sequence[ConnectionMemory]) -> list[str]:
    """Return a text for each part of the memory: ``in its sockets asyncio 3.67 KiB [3.67, 3.68], select ...``."""
    texts = []
    for column, place in PARTS.items():
        shown = [each for each in memory if each.column == column and Arm.parse(each.arm).competes]
        if shown:
            texts.append(f"{gettext(place)} {', '.join(map(_kib_with_interval, shown))}")
    return texts


def _kib_with_interval(memory: ConnectionMemory) -> str:
    """Return a server's memory for each connection.

    An interval that reaches zero is that of noise: other programs also change the memory of the kernel.
    """
    kib, name = memory.kib, Arm.parse(memory.arm).label
    if kib.low <= 0:
        if kib.high < _SMALLEST_KIB:
            return gettext("{name} none measurable", name=name)
        return gettext("{name} at most {kib} KiB", name=name, kib=compact(kib.high))
    interval = "" if kib.low == kib.high else f" [{compact(kib.low)}, {compact(kib.high)}]"
    return gettext("{name} {estimate} KiB{interval}", name=name, estimate=compact(kib.estimate), interval=interval)


def _behaviour(sweep: Sweep, trials: pd.DataFrame) -> str:
    """Return the behaviour of the other clients: the first one that is not normal."""
    of_scenario = trials[trials["scenario"] == sweep.scenario]
    return next(each for each in of_scenario["behaviour"].map(text) if each in BEHAVIOURS)
