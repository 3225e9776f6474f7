"""The distribution of a time, latency or service time, up to the rarest percentile that the replies support."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from bench.analysis import statistics
from bench.report.charts.layout import Label, label_right, page, panel_title, settle, spread_labels
from bench.report.charts.points import Load, Point, at_load, transports
from bench.report.charts.style import GREY, Style, styles
from bench.schema.arms import Arm
from clients.quality_codes import MIN_SAMPLES_BEYOND

Numbers = np.ndarray[tuple[int], np.dtype[np.float64]]
NAMES = {"latency": "latency", "service": "service time"}
PERCENTILES = (50, 90, 99, 99.9, 99.99, 99.999)


@dataclass(frozen=True, slots=True)
class Curve:
    """The time (µs) over nines; the band is the interval over blocks, as far as one block supports it."""

    nines: Numbers
    us: Numbers
    band_nines: Numbers
    low_us: Numbers
    high_us: Numbers


def common_connections(histograms: pd.DataFrame, load: Load, quantity: str) -> int | None:
    """The most connections at which every transport has two arms to compare; else those with the most arms."""
    rows = at_load(histograms, load)
    arms = rows.loc[rows["quantity"] == quantity, ["arm", "connections"]].drop_duplicates()
    if arms.empty:
        return None
    arms = arms[~arms["arm"].map(lambda name: Arm.parse(name).control)].assign(
        transport=arms["arm"].map(lambda name: Arm.parse(name).transport)
    )
    counts = arms.groupby(["connections", "transport"]).size().unstack(fill_value=0)
    good = counts.index[(counts >= 2).all(axis=1)]
    most = good.max() if len(good) else counts.sum(axis=1).idxmax()
    return int(str(most))


def quantile(upper: Numbers, counts: Numbers, total: float, q: Numbers) -> Numbers:
    """Smallest slot bound that at least ``q`` of ``total`` requests did not exceed; inf where lost ones reach so far.

    Never optimistic: it is the upper bound of the slot. Source: Hyndman & Fan (1996), type 1.
    """
    reached = np.searchsorted(np.cumsum(counts), q * total - 1e-9)
    return np.append(upper, math.inf)[reached]


def curve(rows: pd.DataFrame, lost: dict[int, float]) -> Curve | None:
    """The merged histogram of all blocks. Histograms are added; percentiles never are. ``lost``: requests, by block."""
    merged = rows.groupby("upper_ns")["count"].sum()
    total = float(merged.sum()) + sum(lost.values())
    nines = _supported(total)
    if not len(nines):
        return None
    us = quantile(merged.index.to_numpy(float) / 1e3, merged.to_numpy(float), total, 1 - 10.0**-nines)
    blocks = {int(str(block)): group.sort_values("upper_ns") for block, group in rows.groupby("block")}
    totals = {block: float(group["count"].sum()) + lost.get(block, 0.0) for block, group in blocks.items()}
    band = _supported(min(totals.values()))
    of_blocks = [
        quantile(
            group["upper_ns"].to_numpy(float) / 1e3, group["count"].to_numpy(float), totals[block], 1 - 10.0**-band
        )
        for block, group in blocks.items()
    ]
    low, high, _ = statistics.order_ranks(len(of_blocks))
    ordered = np.sort(np.stack(of_blocks), axis=0)
    return Curve(nines, us, band, ordered[low - 1], ordered[high - 1])


def _supported(total: float) -> Numbers:
    """A grid of nines that ends where ten requests are left beyond."""
    most = math.log10(total / MIN_SAMPLES_BEYOND) if total > MIN_SAMPLES_BEYOND else 0.0
    return np.linspace(0.02, most, 240) if most > 0.02 else np.empty(0)


def draw_latency(
    found: list[Point],
    histograms: pd.DataFrame,
    trials: pd.DataFrame,
    load: Load,
    quantity: str,
    title: str,
    subtitle: str,
    notes: list[str],
) -> Figure | None:
    """``found`` are the points of the connections drawn; their verdicts colour the lines. quantity: a histogram's."""
    curves = _curves(found, histograms, trials, load, quantity)
    drawn = [point for point in found if point.arm in curves]
    panels = transports(drawn)
    if not panels:
        return None
    figure, axes = page(title, subtitle, notes, len(panels), body_in=4.6)
    looks = styles(point.name for point in found)
    annotations = []
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper())
        mine = [point for point in drawn if Arm.parse(point.arm).transport == name]
        annotations.append(label_right(ax, _draw_curves(ax, mine, curves, looks)))
        most = max(float(curves[point.arm].nines[-1]) for point in mine)
        _percentile_axis(ax, most)
    axes[0].set_yscale("log")
    axes[0].set_ylabel(f"{NAMES[quantity]} (log scale)")
    axes[0].yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: time_in_words(value)))
    axes[0].yaxis.set_minor_locator(NullLocator())
    axes[0].yaxis.set_minor_formatter(NullFormatter())
    settle(figure)
    for ax, names in zip(axes, annotations, strict=True):
        spread_labels(ax, names)
    return figure


def time_in_words(us: float) -> str:
    """Microseconds as people say them: ``200 µs``, ``5 ms``."""
    return f"{us:g} µs" if us < 1e3 else f"{us / 1e3:g} ms" if us < 1e6 else f"{us / 1e6:g} s"


def _curves(
    found: list[Point], histograms: pd.DataFrame, trials: pd.DataFrame, load: Load, quantity: str
) -> dict[str, Curve]:
    rows, cases = at_load(histograms, load), at_load(trials, load)
    rows = rows[rows["quantity"] == quantity]
    curves = {}
    for point in found:
        slots = rows[(rows["arm"] == point.arm) & (rows["connections"] == point.connections)]
        case = cases[
            (cases["arm"] == point.arm) & (cases["connections"] == point.connections) & (cases["status"] == "ok")
        ]
        if slots.empty:
            continue
        missing = case[["lost", "late", "corrupt", "unsent"]].fillna(0).sum(axis=1)
        lost = {int(block): float(count) for block, count in zip(case["block"], missing, strict=True)}
        if made := curve(slots, lost):
            curves[point.arm] = made
    return curves


def _draw_curves(ax: Axes, found: list[Point], curves: dict[str, Curve], looks: dict[str, Style]) -> list[Label]:
    labels = []
    for point in sorted(found, key=lambda point: point.arm):
        one, look = curves[point.arm], looks[point.name]
        seen = np.isfinite(one.us)
        if Arm.parse(point.arm).control:
            ax.plot(one.nines[seen], one.us[seen], color=GREY, linewidth=0.9, zorder=1)
            continue
        colour, firm = look.colour, 1.0 if point.verdict == "valid" else 0.55  # grey lines could not be told apart
        known = np.isfinite(one.high_us)
        ax.fill_between(
            one.band_nines[known], one.low_us[known], one.high_us[known], color=colour, alpha=0.13, linewidth=0
        )
        dashes = ":" if point.verdict == "invalid" else "-"
        ax.plot(one.nines[seen], one.us[seen], dashes, color=colour, alpha=firm, linewidth=2, zorder=2)
        doubt = "" if point.verdict == "valid" else f" ({point.verdict})"
        if seen.any():
            labels.append(Label(point.name + doubt, float(one.nines[seen][-1]), float(one.us[seen][-1]), look.ink))
    return labels


def _percentile_axis(ax: Axes, most: float) -> None:
    shown = [p for p in PERCENTILES if _nines(p) <= most + 0.02]
    ax.set_xlim(0, most * 1.02)
    ax.xaxis.set_major_locator(FixedLocator([_nines(p) for p in shown]))
    names = {round(_nines(p), 6): f"{p:g} %" for p in shown}
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(round(value, 6), "")))
    ax.set_xlabel("percentile of all requests")


def _nines(percentile: float) -> float:
    return -math.log10(1 - percentile / 100)
