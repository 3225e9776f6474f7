"""Sentences on bursts of connects, overloads and message sizes, for the beginning of a report. Pure."""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from bench.analysis.predictions.straight_lines import cost_by_size
from bench.analysis.recovering_load import RecoveringLoad, overload_series
from bench.formatting import compact, join_words
from bench.report.charts.families import sizes_family
from bench.report.charts.phase_families import burst_family, overload_family
from bench.report.charts.points import Point, select_points
from bench.report.charts.sweeps import Sweep, sweeps
from bench.schema.arms import Arm
from bench.translation import gettext, ngettext


def phase_sentences(summary: pd.DataFrame, trials: pd.DataFrame, recovery: pd.DataFrame | None = None) -> list[str]:
    """Return a sentence for each burst, each overload, and each range of message sizes of a run.

    recovery: how often each arm recovered from each overload, for a sentence on the highest load from which it did.
    """
    if summary.empty or trials.empty:
        return []
    found = sweeps(summary)
    sentences = [_burst(sweep, summary, trials) for sweep in burst_family(found, trials)]
    sentences += [_overload(sweep, summary) for sweep in overload_family(found, trials)]
    sentences += recovering_loads(recovery)
    sizes = sizes_family(found, trials)
    if costs := byte_costs(cost_points(sizes, summary)):
        sentences.append(gettext("CPU time of a request: {costs}.", costs="; ".join(costs)))
    return list(filter(None, sentences))


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
    of_arms: dict[str, dict[int, float]] = {}
    for size, of_size in points.items():
        for point in of_size:
            if point.arm.competes and point.drawable and point.verdict != "invalid" and point.median > 0:
                of_arms.setdefault(point.arm.display_name, {})[size] = point.median
    costs = []
    for name, medians in sorted(of_arms.items()):
        if len(medians) > 1:
            line = cost_by_size(list(medians), list(medians.values()))
            text = gettext(
                "{name} {per_request_us} µs + {per_byte_us} ns per byte",
                name=name,
                per_request_us=compact(line.per_request_us),
                per_byte_us=compact(1e3 * line.per_byte_us),
            )
            costs.append(
                gettext("{text} (within {largest_error:.0f}%)", text=text, largest_error=100 * line.largest_error)
            )
    return costs


def _overload(sweep: Sweep, summary: pd.DataFrame) -> str:
    times = recovery_times(select_points(summary, sweep, "recovery_s"))
    return (
        gettext(
            "Time to recover from the overload of the scenario {scenario}{times}.", scenario=sweep.scenario, times=times
        )
        if times
        else ""
    )


def _burst(sweep: Sweep, summary: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return the median time to an answer of a burst, with the length of the listen queue."""
    rows = sweep.rows(trials)
    lengths = sorted({int(length) for length in rows["backlog"].dropna()})
    points = [point for point in select_points(summary, sweep, "latency_p50_us") if point.arm.competes]
    known = [point for point in points if not math.isnan(point.median)]
    times = _figures(known, lambda median_us: _answered(median_us / 1e6))
    if not times or not lengths:
        return ""
    clients = ngettext("{count} client", "{count} clients", int(rows["population_connections"].max()))
    queue = gettext("a listen queue of {lengths}", lengths=join_words(map(str, lengths)))
    return gettext(
        "{clients} connect at once, with {queue}: half of them have their answer after {times}.",
        clients=clients,
        queue=queue,
        times=times,
    )


def _answered(value: float) -> str:
    return gettext("not in time") if value == math.inf else _seconds(value)


def _seconds(value: float) -> str:
    if value == math.inf:
        return gettext("never in this phase")
    return f"{value:.2f} s" if value >= 0.1 else f"{1e3 * value:.3g} ms"
