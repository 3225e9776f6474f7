"""Sentences on bursts of connects, overloads and message sizes, for the beginning of a report. Pure."""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from bench.analysis.predictions.straight_lines import cost_by_size
from bench.analysis.recovering_load import RecoveringLoad, overload_series
from bench.formatting import compact, join_words, plural
from bench.report.charts.families import sizes_family
from bench.report.charts.phase_families import burst_family, overload_family
from bench.report.charts.points import Point, select_points
from bench.report.charts.sweeps import Sweep, sweeps
from bench.schema.arms import Arm


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
        sentences.append(f"CPU time of a request: {'; '.join(costs)}.")
    return list(filter(None, sentences))


def recovery_times(points: Sequence[Point]) -> str:
    """Return the times to recover, with the predicted one: ``(predicted: 2.00 s): asyncio 2.10 s``; "" if unknown."""
    measured = [point for point in points if point.arm.competes and not math.isnan(point.median)]
    times = _figures(measured, _seconds)
    if not times:
        return ""
    predicted = sorted({_seconds(point.predicted) for point in measured if not math.isnan(point.predicted)})
    expected = f" (predicted: {', '.join(predicted)})" if predicted else ""
    return f"{expected}: {times}"


def _figures(points: Sequence[Point], text_of: Callable[[float], str]) -> str:
    """Return the figure of each server; "" if none is valid. One whose figure is invalid is named without it."""
    figures = [f"{point.arm.label} {text_of(point.median)}" for point in points if point.verdict != "invalid"]
    without = [point.arm.label for point in points if point.verdict == "invalid"]
    if not figures or not without:
        return ", ".join(figures)
    return f"{', '.join(figures)}; no valid figure: {join_words(without)}"


def recovering_loads(recovery: pd.DataFrame | None) -> list[str]:
    """Return a sentence for each series of overloads: the highest load from which each server recovers by itself."""
    if recovery is None or recovery.empty:
        return []
    sentences = []
    for series in overload_series(recovery):
        arms = [each for each in series.arms if Arm.parse(each.arm).competes]
        found = "; ".join(f"{Arm.parse(each.arm).label} {_recovering_load(each)}" for each in arms)
        clients = f"clients that send a request again {_times(series.retries)}, after {series.timeout_s:g} s each"
        sentences.append(
            f"Highest load from which a server recovers by itself, as a share of its capacity, with {clients} "
            f"(predicted: below {series.predicted_share:.3g}): {found}."
        )
    return sentences


def _recovering_load(load: RecoveringLoad) -> str:
    """Return ``0.4 (in 3 of 3 blocks), not 0.6 (in 0 of 3)``."""
    highest, lowest = load.highest_recovered, load.lowest_not_recovered
    parts = []
    if highest is None:
        parts.append("none")
    else:
        blocks = f"in {highest.recovered_blocks} of {plural(highest.blocks, 'block')}"
        parts.append(f"{highest.load_share:g} ({blocks})")
    if lowest is None:
        parts.append("the highest that was measured")
    else:
        parts.append(f"not {lowest.load_share:g} (in {lowest.recovered_blocks} of {lowest.blocks})")
    return ", ".join(parts)


def _times(retries: int) -> str:
    return {0: "never", 1: "once"}.get(retries, f"up to {retries} times")


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
            text = f"{name} {compact(line.per_request_us)} µs + {compact(1e3 * line.per_byte_us)} ns per byte"
            costs.append(f"{text} (within {100 * line.largest_error:.0f}%)")
    return costs


def _overload(sweep: Sweep, summary: pd.DataFrame) -> str:
    times = recovery_times(select_points(summary, sweep, "recovery_s"))
    return f"Time to recover from the overload of the scenario {sweep.scenario}{times}." if times else ""


def _burst(sweep: Sweep, summary: pd.DataFrame, trials: pd.DataFrame) -> str:
    """Return the median time to an answer of a burst, with the length of the listen queue."""
    rows = sweep.rows(trials)
    lengths = sorted({int(length) for length in rows["backlog"].dropna()})
    points = [point for point in select_points(summary, sweep, "latency_p50_us") if point.arm.competes]
    known = [point for point in points if not math.isnan(point.median)]
    times = _figures(known, lambda median_us: _answered(median_us / 1e6))
    if not times or not lengths:
        return ""
    clients = plural(int(rows["population_connections"].max()), "client")
    queue = f"a listen queue of {join_words(map(str, lengths))}"
    return f"{clients} connect at once, with {queue}: half of them have their answer after {times}."


def _answered(value: float) -> str:
    return "not in time" if value == math.inf else _seconds(value)


def _seconds(value: float) -> str:
    if value == math.inf:
        return "never in this phase"
    return f"{value:.2f} s" if value >= 0.1 else f"{1e3 * value:.3g} ms"
