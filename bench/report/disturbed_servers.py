"""Sentences on the servers that are immune to slow or idle clients, and on those that are not. Pure.

Those for the beginning of a report have at most one figure and no brackets. Those for charts have all figures.
"""

from collections.abc import Sequence

import pandas as pd

from bench.analysis.cases import text
from bench.analysis.connection_memory import PARTS, ConnectionMemory, connection_memory
from bench.analysis.disturbance import Disturbance, Effect, disturbances
from bench.formatting import compact, format_ratio, join_words
from bench.report.charts.families import BEHAVIOURS, BEHAVIOURS_OF_ONE, disturbed_family, idle_family
from bench.report.charts.sweeps import Sweep, sweeps
from bench.report.leaders import is_clearly_more, server_names, with_rest
from bench.schema.arms import Arm
from bench.translation import N_, gettext, ngettext

SLOWER = N_("Beside up to {others} that {behaviours}, the slowest hundredth of the other requests takes {times}")
NOT_SERVED = N_("Beside up to {others} that {behaviours}, the other requests are not served with {names}")
NOT_KNOWN = N_("the effect on {names} is not known")
_SMALLEST_KIB = 0.005  # smaller values are 0 with two decimals


def disturbance_sentences(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return a sentence about each scenario with clients that are slow or idle: their effect on the others."""
    if summary.empty or trials.empty:
        return []
    sentences = []
    for sweep in disturbed_family(sweeps(summary), trials):
        rows = sweep.all_rows(summary)
        found = disturbances(rows[rows["metric"] == "latency_p99_us"])
        sentences.append(_effects_in_a_sentence(found, gettext(BEHAVIOURS[_behaviour(sweep, trials)])))
    return list(filter(None, sentences))


def _effects_in_a_sentence(found: Sequence[Disturbance], behaviours: str) -> str:
    """Return which servers are immune, degrade and break, up to the most other clients; "" if nothing is known.

    The charts have the number of clients from which each server degrades or breaks.
    """
    names = server_names([each.arm for each in found])
    most = max((each.connections for each in found), default=0)

    def of(*effects: Effect) -> list[str]:
        return [names[each.arm] for each in found if each.effect in effects and not _is_unknown(each, most)]

    unknown = [names[each.arm] for each in found if _is_unknown(each, most)]
    broken = of(Effect.BREAKS)
    clauses = {
        N_("less than twice as long with {names}"): of(Effect.IMMUNE),
        N_("at least twice as long with {names}"): of(Effect.DEGRADES),
    }
    times = [gettext(clause, names=join_words(of_clause)) for clause, of_clause in clauses.items() if of_clause]
    condition = {
        "others": ngettext("{count} client", "{count} clients", most),
        "behaviours": behaviours,
    }
    if times:
        claim = gettext(SLOWER, **condition, times=join_words(times))
        return with_rest(claim, {N_("they are not served with {names}"): broken, NOT_KNOWN: unknown}) + "."
    if broken:
        return with_rest(gettext(NOT_SERVED, **condition, names=join_words(broken)), {NOT_KNOWN: unknown}) + "."
    return ""


def _is_unknown(found: Disturbance, most: int) -> bool:
    """Return whether the effect of the most clients is unknown: a server may be immune to fewer."""
    if found.effect is Effect.IMMUNE:
        return found.connections < most
    return found.effect in (Effect.UNDECIDED, Effect.UNKNOWN)


def memory_sentences(summary: pd.DataFrame, trials: pd.DataFrame) -> list[str]:
    """Return a sentence for each kind of client: the memory that it takes in the processes of a server.

    Scenarios without other clients come first. The charts have the memory of the kernel and of sockets, too.
    """
    if summary.empty or trials.empty:
        return []
    found = sweeps(summary)
    sentences: dict[str, str] = {}
    for sweep in [*idle_family(found), *disturbed_family(found, trials)]:
        behaviour = _behaviour(sweep, trials)
        memory = [each for each in connection_memory(sweep.all_rows(trials)) if each.column == "memory_mb"]
        if behaviour not in sentences and (sentence := _memory_in_a_sentence(memory, behaviour)):
            sentences[behaviour] = sentence
    return list(sentences.values())


def _memory_in_a_sentence(memory: Sequence[ConnectionMemory], behaviour: str) -> str:
    kib_of = {arm: each.kib for each in memory if (arm := Arm.parse(each.arm)).competes}
    if not kib_of:
        return ""
    names = server_names(list(kib_of))
    least = min(kib_of.values(), key=lambda kib: kib.estimate)
    best = [
        arm for arm, kib in kib_of.items() if not is_clearly_more((kib.estimate, kib.low), (least.estimate, least.high))
    ]
    place = {
        "third_person": gettext(BEHAVIOURS_OF_ONE[behaviour]),
        "names": join_words(names[arm] for arm in best),
    }
    if all(kib_of[arm].low <= 0 for arm in best):
        claim = gettext(
            "Each client that {third_person} takes no measurable memory in the processes of {names}", **place
        )
    else:
        kib = max(kib_of[arm].estimate for arm in best)
        claim = gettext(
            "Each client that {third_person} takes about {kib} KiB in the processes of {names}",
            **place,
            kib=compact(kib),
        )
    rest = {N_("more in those of {names}"): [names[arm] for arm in kib_of if arm not in best]}
    return with_rest(claim, rest) + "."


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
