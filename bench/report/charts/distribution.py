"""The distribution of latency or service time, as far as the replies support it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.analysis import statistics
from bench.report.charts.layout import Label, Texts, body_height_in, name_lines, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.points import Point, of_transport, row_name, transports
from bench.report.charts.style import GREY, Style, markers_along, styles
from bench.report.charts.sweeps import Sweep
from bench.schema.arms import Arm
from bench.schema.code_words import in_words
from bench.translation import N_, gettext
from clients.quality_codes import MIN_SAMPLES_BEYOND

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
NAMES = {"latency": N_("latency"), "service": N_("service time")}
PERCENTILES = (50, 90, 99, 99.9, 99.99, 99.999)
GRID_POINTS = 240
DOUBTFUL_ALPHA = 0.55  # grey lines would look alike


@dataclass(frozen=True, slots=True)
class Curve:
    """Times in microseconds over nines (0.5 is p68, 2 is p99, 3 is p99.9).

    The band is the interval over blocks, as far as each single block supports it.
    """

    nines: Numbers
    us: Numbers
    band_nines: Numbers
    low_us: Numbers
    high_us: Numbers


def common_connections(histograms: pd.DataFrame, sweep: Sweep, quantity: str) -> int | None:
    """Return the most connections at which every transport has two arms.

    If there are none, return the number of connections with the most arms.
    """
    rows = sweep.rows(histograms)
    pairs = rows.loc[rows["quantity"] == quantity, ["arm", "connections"]].drop_duplicates()
    cases = [(Arm.parse(str(row["arm"])), int(row["connections"])) for row in pairs.to_dict("records")]
    cases = [(arm, connections) for arm, connections in cases if not arm.control]
    if not cases:
        return None
    panels = {arm.transport for arm, _ in cases}
    arms_at: dict[int, list[str]] = {}
    for arm, connections in cases:
        arms_at.setdefault(connections, []).append(arm.transport)
    shared = [count for count, over in arms_at.items() if all(over.count(transport) >= 2 for transport in panels)]
    return max(shared) if shared else max(sorted(arms_at), key=lambda count: len(arms_at[count]))


def quantile(upper: Numbers, counts: Numbers, total: float, q: Numbers) -> Numbers:
    """Return the smallest slot bound that a share ``q`` of requests did not exceed.

    It is infinite where unanswered requests reach that far. The upper bound of a slot is never optimistic.

    Source: Hyndman & Fan (1996), type 1.
    """
    reached = np.searchsorted(np.cumsum(counts), q * total - 1e-9)
    return np.append(upper, math.inf)[reached]


def curve(rows: pd.DataFrame, lost: Mapping[int, float]) -> Curve | None:
    """Return the curve of all blocks together, or None if there are too few replies.

    Histograms are added; percentiles never are. rows: of one case. lost: unanswered requests, by block.
    """
    if rows.empty:
        return None
    blocks = _sorted_blocks(rows)
    merged_upper, slot = np.unique(np.concatenate([upper for upper, _ in blocks.values()]), return_inverse=True)
    merged = np.bincount(slot, np.concatenate([counts for _, counts in blocks.values()])).astype(float)
    total = float(merged.sum()) + sum(lost.values())
    nines = _supported_nines(total)
    if not len(nines):
        return None
    us = quantile(merged_upper / 1e3, merged, total, 1 - 10.0**-nines)
    totals = {block: float(counts.sum()) + lost.get(block, 0.0) for block, (_, counts) in blocks.items()}
    band = _supported_nines(min(totals.values()))
    of_blocks = [
        quantile(upper / 1e3, counts, totals[block], 1 - 10.0**-band) for block, (upper, counts) in blocks.items()
    ]
    low, high, _ = statistics.order_ranks(len(of_blocks))
    ordered = np.sort(np.stack(of_blocks), axis=0)
    return Curve(nines, us, band, ordered[low - 1], ordered[high - 1])


def _sorted_blocks(rows: pd.DataFrame) -> dict[int, tuple[Numbers, Numbers]]:
    """Return the slots of each block, in ascending order, and their counts.

    Groups of pandas took half of the time of a chart: each one copies all columns.
    """
    block, upper, counts = (rows[name].to_numpy() for name in ("block", "upper_ns", "count"))
    order = np.lexsort((upper, block))
    names, firsts = np.unique(block[order], return_index=True)
    parts = (np.split(column[order].astype(float), firsts[1:]) for column in (upper, counts))
    return dict(zip(names.tolist(), zip(*parts, strict=True), strict=True))


def _supported_nines(total: float) -> Numbers:
    """Return a grid of nines that ends where ten requests are left beyond."""
    most = math.log10(total / MIN_SAMPLES_BEYOND) if total > MIN_SAMPLES_BEYOND else 0.0
    return np.linspace(0.02, most, GRID_POINTS) if most > 0.02 else np.empty(0)


def draw_distribution(
    points: Sequence[Point],
    histograms: pd.DataFrame,
    trials: pd.DataFrame,
    sweep: Sweep,
    quantity: str,
    texts: Texts,
) -> Figure | None:
    """Return a chart with a panel for each transport and a curve for each arm.

    points: the points at the number of connections to show. quantity: latency or service.
    """
    curves = _curves(points, histograms, trials, sweep, quantity)
    drawn = [point for point in points if point.arm in curves]
    panels = transports(drawn)
    if not panels:
        return None
    figure, axes = page(texts, len(panels), body_in=body_height_in(4.6, (point.arm for point in drawn)))
    looks = styles(point.label for point in points)
    names = []
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        of_panel = of_transport(drawn, transport)
        names.append(name_lines(ax, _draw_curves(ax, of_panel, curves, looks)))
        _percentile_axis(ax, max(float(curves[point.arm].nines[-1]) for point in of_panel))
    _time_axis(axes[0], gettext(NAMES[quantity]))
    settle(figure, names)
    return figure


def format_time(us: float) -> str:
    """Return microseconds in a readable unit: ``200 µs``, ``5 ms``."""
    if us < 1e3:
        return f"{us:g} µs"
    return f"{us / 1e3:g} ms" if us < 1e6 else f"{us / 1e6:g} s"


def _curves(
    points: Sequence[Point], histograms: pd.DataFrame, trials: pd.DataFrame, sweep: Sweep, quantity: str
) -> dict[Arm, Curve]:
    slots = sweep.rows(histograms)
    slots = slots[slots["quantity"] == quantity]
    measured = sweep.rows(trials)
    measured = measured[measured["status"] == "ok"]
    curves = {}
    for point in points:
        of_case = slots[(slots["arm"] == point.arm.name) & (slots["connections"] == point.connections)]
        if of_case.empty:
            continue
        rows = measured[(measured["arm"] == point.arm.name) & (measured["connections"] == point.connections)]
        unanswered = rows[["lost", "late", "corrupt", "unsent"]].fillna(0).sum(axis=1)
        lost = {int(block): float(count) for block, count in zip(rows["block"], unanswered, strict=True)}
        if made := curve(of_case, lost):
            curves[point.arm] = made
    return curves


def _draw_curves(
    ax: Axes, drawn: Sequence[Point], curves: Mapping[Arm, Curve], looks: Mapping[str, Style]
) -> list[Label]:
    """Draw the curve of each arm. Return the labels of the curves' ends."""
    labels = []
    for number, point in enumerate(sorted(drawn, key=lambda point: point.arm)):
        line, look = curves[point.arm], looks[point.label]
        finite = np.isfinite(line.us)
        if point.arm.control:
            ax.plot(line.nines[finite], line.us[finite], color=GREY, linewidth=0.9, zorder=1)
            continue
        in_band = np.isfinite(line.high_us)
        x = line.band_nines[in_band]
        alpha = 1.0 if point.verdict == "valid" else DOUBTFUL_ALPHA
        dashes = ":" if point.verdict == "invalid" else look.dashes
        with mark(ax, point.label, point.arm.display_label):
            ax.fill_between(x, line.low_us[in_band], line.high_us[in_band], color=look.colour, alpha=0.13, linewidth=0)
            ax.plot(
                line.nines[finite],
                line.us[finite],
                linestyle=dashes,
                color=look.colour,
                alpha=alpha,
                linewidth=2,
                zorder=2,
                marker=look.marker,
                markersize=4.5,
                markevery=markers_along(number),
            )
        if finite.any():
            quality = "" if point.verdict == "valid" else f", {in_words(point.verdict)}"
            end = float(line.nines[finite][-1]), float(line.us[finite][-1])
            labels.append(Label(row_name(point.label) + quality, *end, look.ink, look.marker))
    return labels


def _time_axis(ax: Axes, name: str) -> None:
    ax.set_yscale("log")
    ax.set_ylabel(gettext("{name} (log scale)", name=name))
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_time(value)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())


def _percentile_axis(ax: Axes, most: float) -> None:
    shown = [percentile for percentile in PERCENTILES if _nines(percentile) <= most + 0.02]
    ax.set_xlim(0, most * 1.02)
    ax.xaxis.set_major_locator(FixedLocator([_nines(percentile) for percentile in shown]))
    names = {round(_nines(percentile), 6): f"p{percentile:g}" for percentile in shown}
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(round(value, 6), "")))
    ax.set_xlabel(gettext("percentile of all requests"))


def _nines(percentile: float) -> float:
    return -math.log10(1 - percentile / 100)
