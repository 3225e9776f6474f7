"""Sentences on bursts of connects, overloads and message sizes: for the beginning of a report, and for charts. Pure.

Those for the beginning have one figure and no brackets. Those for charts have the figures of all servers.
"""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from bench.analysis.predictions.straight_lines import CostBySize, cost_by_size
from bench.analysis.recovering_load import OverloadSeries, RecoveringLoad, overload_series
from bench.formatting import compact, join_words
from bench.report.charts.families import sizes_family
from bench.report.charts.phase_families import burst_family, overload_family
from bench.report.charts.points import Point, select_points
from bench.report.charts.sweeps import Sweep, sweeps
from bench.report.leaders import WITHOUT, find_leaders, server_names, with_rest
from bench.schema.arms import Arm
from bench.translation import N_, gettext, ngettext
from clients.quality_codes import INVALID

ANSWERED = N_(
    "When {clients} connect at once to a listen queue for {room}, half of them have their answer after about {time} "
    "with {names}"
)
NEVER_ANSWERED = N_(
    "When {clients} connect at once to a listen queue for {room}, half of them or more get no answer in time "
    "with {names}."
)
OVER = N_("After the overload of the scenario {scenario}, recovery takes about {time} with {names}")
NEVER_OVER = N_("After the overload of the scenario {scenario}, recovery does not end in time with {names}.")
RECOVERED = N_(
    "Where clients over {transport} {repeat}, servers recover from an overload at loads up to "
    "{percent}% of their capacity with {names}"
)
NEVER_RECOVERED = N_(
    "Where clients over {transport} {repeat}, servers recover from an overload at no measured load with {names}."
)
BYTE_COST = N_("Each further byte of a message takes about {nanoseconds} ns of CPU time with {names}")
_SIMILAR = 1.1  # times the least: closer lines through few sizes count as equal


def phase_sentences(summary: pd.DataFrame, trials: pd.DataFrame, recovery: pd.DataFrame | None = None) -> list[str]:
    """Return a sentence for each burst, each overload, and each range of message sizes of a run.

    Each has one figure: that of the servers which are best. The charts have those of the others.

    recovery: how often each arm recovered from each overload, for a sentence on the highest load from which it did.
    """
    if summary.empty or trials.empty:
        return []
    found = sweeps(summary)
    sentences = [_burst(sweep, summary, trials) for sweep in burst_family(found, trials)]
    sentences += recovery_sentences(recovery)
    sentences += [_overload(sweep, summary) for sweep in overload_family(found, trials)]
    sentences.append(_sizes(cost_points(sizes_family(found, trials), summary)))
    return list(filter(None, sentences))


def recovery_sentences(recovery: pd.DataFrame | None) -> list[str]:
    """Return a sentence for each series of overloads: the highest load from which servers recover by themselves."""
    if recovery is None or recovery.empty:
        return []
    return [_recovery_sentence(series) for series in overload_series(recovery)]


def _recovery_sentence(series: OverloadSeries) -> str:
    loads = {Arm.parse(each.arm): each.highest_recovered for each in series.arms}
    shares = {arm: load.load_share if load else 0.0 for arm, load in loads.items() if arm.competes}
    names = server_names(list(shares))
    highest = max(shares.values(), default=0.0)
    best = [names[arm] for arm, share in shares.items() if share == highest]
    if not best:
        return ""
    condition = {"repeat": _repeat_in_words(series.retries), "transport": next(iter(shares)).transport.upper()}
    if not highest:
        return gettext(NEVER_RECOVERED, **condition, names=join_words(best))
    rest = {
        N_("only at lower ones with {names}"): [names[arm] for arm, share in shares.items() if 0 < share < highest],
        N_("at none with {names}"): [names[arm] for arm, share in shares.items() if not share],
    }
    percent = f"{100 * highest:.3g}"
    claim = gettext(RECOVERED, **condition, percent=percent, names=join_words(best))
    return with_rest(claim, rest) + "."


def _repeat_in_words(retries: int) -> str:
    """Return how often a request is sent again, without a digit: it is a condition, not the figure of a sentence."""
    words = {
        0: N_("send each request once"),
        1: N_("send a request again once"),
        2: N_("send a request again up to two times"),
        3: N_("send a request again up to three times"),
    }
    more = N_("send a request again more than three times")
    return gettext(words.get(retries, more))


def _overload(sweep: Sweep, summary: pd.DataFrame) -> str:
    leaders = find_leaders(select_points(summary, sweep, "recovery_s"))
    scenario = sweep.scenario
    if not leaders.best:
        names = join_words(leaders.infinite) if leaders.infinite else ""
        return gettext(NEVER_OVER, scenario=scenario, names=names) if names else ""
    claim = gettext(OVER, scenario=scenario, time=_seconds(leaders.value), names=join_words(leaders.best))
    rest = {
        N_("longer with {names}"): leaders.behind,
        N_("does not end in time with {names}"): leaders.infinite,
        WITHOUT: leaders.invalid,
    }
    return with_rest(claim, rest) + "."


def _burst(sweep: Sweep, summary: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return the median time to an answer of a burst, with the length of the listen queue."""
    rows = sweep.rows(trials)
    lengths = [int(length) for length in rows["backlog"].dropna()]
    leaders = find_leaders(select_points(summary, sweep, "latency_p50_us"))
    if not lengths or not (leaders.best or leaders.infinite):
        return ""
    condition = {
        "clients": ngettext("{count} client", "{count} clients", int(rows["population_connections"].max())),
        "room": ngettext("{count} client", "{count} clients", max(lengths)),
    }
    if not leaders.best:
        return gettext(NEVER_ANSWERED, **condition, names=join_words(leaders.infinite))
    claim = gettext(ANSWERED, **condition, time=_seconds(leaders.value / 1e6), names=join_words(leaders.best))
    rest = {
        N_("later with {names}"): leaders.behind,
        N_("not in time with {names}"): leaders.infinite,
        WITHOUT: leaders.invalid,
    }
    return with_rest(claim, rest) + "."


def _sizes(points: dict[int, list[Point]]) -> str:
    """Return the CPU time of a further byte, with the servers that need least; "" if it is unknown."""
    lines = {arm: line.per_byte_us for arm, line in _lines(points).items()}
    if not lines or min(lines.values()) <= 0:
        return ""
    names = server_names(list(lines))
    most_us = min(lines.values()) * _SIMILAR
    best = [arm for arm, per_byte_us in lines.items() if per_byte_us <= most_us]
    claim = gettext(
        BYTE_COST,
        nanoseconds=compact(1e3 * max(lines[arm] for arm in best)),
        names=join_words(names[arm] for arm in best),
    )
    rest = {N_("more with {names}"): [names[arm] for arm in lines if arm not in best]}
    return with_rest(claim, rest) + "."


def recovery_times(points: Sequence[Point]) -> str:
    """Return the times to recover, with the predicted one: ``(predicted: 2.00 s): asyncio 2.10 s``; "" if unknown."""
    measured = [point for point in points if point.arm.competes and not math.isnan(point.median)]
    times = _figures(measured, _seconds)
    if not times:
        return ""
    predicted = sorted({_seconds(point.predicted) for point in measured if not math.isnan(point.predicted)})
    expected = gettext(" (predicted: {predicted})", predicted=", ".join(predicted)) if predicted else ""
    return f"{expected}: {times}"


def _figures(points: Sequence[Point], text_of: Callable[[float], str]) -> str:
    """Return the figure of each server; "" if none is valid. One whose figure is invalid is named without it."""
    figures = [f"{point.arm.label} {text_of(point.median)}" for point in points if point.verdict != "invalid"]
    without = [point.arm.label for point in points if point.verdict == "invalid"]
    if not figures or not without:
        return ", ".join(figures)
    return gettext("{figures}; no valid figure: {without}", figures=", ".join(figures), without=join_words(without))


def recovering_loads(recovery: pd.DataFrame | None) -> list[str]:
    """Return a sentence for each series of overloads: the highest load from which each server recovers by itself."""
    if recovery is None or recovery.empty:
        return []
    sentences = []
    for series in overload_series(recovery):
        arms = [each for each in series.arms if Arm.parse(each.arm).competes]
        found = "; ".join(f"{Arm.parse(each.arm).label} {_recovering_load(each)}" for each in arms)
        clients = gettext(
            "clients that send a request again {times}, after {timeout_s:g} s each",
            times=_times(series.retries),
            timeout_s=series.timeout_s,
        )
        sentences.append(
            gettext(
                "Highest load from which a server recovers by itself, as a share of its capacity, with "
                "{clients} (predicted: below {predicted_share:.3g}): {found}.",
                clients=clients,
                predicted_share=series.predicted_share,
                found=found,
            )
        )
    return sentences


def _recovering_load(load: RecoveringLoad) -> str:
    """Return ``0.4 (in 3 of 3 blocks), not 0.6 (in 0 of 3)``."""
    highest, lowest = load.highest_recovered, load.lowest_not_recovered
    parts = []
    if highest is None:
        parts.append(gettext("none"))
    else:
        blocks = gettext(
            "in {recovered_blocks} of {blocks}",
            recovered_blocks=highest.recovered_blocks,
            blocks=ngettext("{count} block", "{count} blocks", highest.blocks),
        )
        parts.append(f"{highest.load_share:g} ({blocks})")
    if lowest is None:
        parts.append(gettext("the highest that was measured"))
    else:
        parts.append(
            gettext(
                "not {load_share:g} (in {recovered_blocks} of {blocks})",
                load_share=lowest.load_share,
                recovered_blocks=lowest.recovered_blocks,
                blocks=lowest.blocks,
            )
        )
    return ", ".join(parts)


def _times(retries: int) -> str:
    return {0: gettext("never"), 1: gettext("once")}.get(retries, gettext("up to {retries} times", retries=retries))


def cost_points(of_sizes: Sequence[Sweep], summary: pd.DataFrame) -> dict[int, list[Point]]:
    """Return the CPU times of a request, by the size of its message in bytes."""
    return {sweep.message_bytes: select_points(summary, sweep, "cpu_us_per_request") for sweep in of_sizes}


def byte_costs(points: dict[int, list[Point]]) -> list[str]:
    """Return of each competing arm the line a + b x bytes: ``asyncio/tcp 4.60 µs + 0.50 ns per byte (within 8%)``."""
    costs = []
    for arm, line in _lines(points).items():
        text = gettext(
            "{name} {per_request_us} µs + {per_byte_us} ns per byte",
            name=arm.display_name,
            per_request_us=compact(line.per_request_us),
            per_byte_us=compact(1e3 * line.per_byte_us),
        )
        costs.append(gettext("{text} (within {largest_error:.0f}%)", text=text, largest_error=100 * line.largest_error))
    return costs


def _lines(points: dict[int, list[Point]]) -> dict[Arm, CostBySize]:
    """Return the line of each competing arm with valid figures of several sizes, by name."""
    of_arms: dict[Arm, dict[int, float]] = {}
    for size, of_size in points.items():
        for point in of_size:
            if point.arm.competes and point.drawable and point.verdict != INVALID and point.median > 0:
                of_arms.setdefault(point.arm, {})[size] = point.median
    return {
        arm: cost_by_size(list(of_arms[arm]), list(of_arms[arm].values()))
        for arm in sorted(of_arms, key=lambda arm: arm.display_name)
        if len(of_arms[arm]) > 1
    }


def _seconds(value: float) -> str:
    if value == math.inf:
        return gettext("never in this phase")
    return f"{value:.2f} s" if value >= 0.1 else f"{1e3 * value:.3g} ms"
