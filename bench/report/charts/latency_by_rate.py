"""Latency against the requested rate, with the knee of each server."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.formatting import compact
from bench.report.charts.layout import Label, Texts, body_height_in, name_lines, number_ticks, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.style import GREY, Style, styles
from bench.schema.arms import Arm
from bench.translation import N_, gettext

_DOTTED = (0, (1, 1.5))
LINES: Mapping[str, Mapping[str, object]] = {
    "latency_p50_us": {"linewidth": 1.0},
    "latency_p99_us": {"linewidth": 2.2},
    "latency_p99_9_us": {"linewidth": 1.2, "linestyle": _DOTTED},
}
LINE_LEGEND = N_("thin: p50, thick: p99, dotted: p99.9")
RING_LEGEND = N_('Ring: the knee, where the rate of replies divided by their p99 is highest (Kleinrock\'s "power").')
OUTSIDE_LEGENDS = {
    "first": N_("The knee is at the lowest measured rate or below it"),
    "last": N_("No knee reached: it is at the highest measured rate or above it"),
}
_ANSWERED, _TAIL = "throughput_rps", "latency_p99_us"
MIN_RATES = 3  # with two rates one is the first and the other the last


@dataclass(frozen=True, slots=True)
class Knee:
    """The knee of an arm among the measured rates."""

    arm: str
    rate_rps: float
    p99_us: float
    where: str  # inside; or first or last, if the knee may lie beyond the measured rates


def draw_latency_by_rate(rows: pd.DataFrame, capacities: Mapping[str, float], texts: Texts) -> Figure | None:
    """Return a chart with a panel for each transport.

    rows: open loops in the summary. capacities: the rate of each arm in a closed loop, where known.
    """
    competing = {arm: of_arm for arm, of_arm in _by_arm(rows).items() if arm.competes}
    knees = [knee for arm, of_arm in competing.items() if (knee := find_knee(arm.name, of_arm))]
    without_knee = sorted({arm.name for arm in competing} - {knee.arm for knee in knees})
    shown = rows[rows["metric"].isin(LINES) & rows["median"].map(math.isfinite).astype(bool)]
    lines = {arm: of_arm for arm, of_arm in _by_arm(shown).items() if not arm.control}
    if not lines or max(of_arm["rate_rps"].nunique() for of_arm in lines.values()) < 2:
        return None
    panels = sorted({arm.transport for arm in lines})
    notes = [*_knee_notes(knees, without_knee), *texts.notes]
    figure, axes = page(Texts(texts.title, texts.subtitle, notes), len(panels), body_in=body_height_in(4.4, lines))
    looks = styles(arm.label for arm in lines)
    names = []
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        ends: list[Label] = []
        for arm, of_arm in lines.items():
            if arm.transport == transport:
                ends += _draw_arm(ax, arm, of_arm, looks[arm.label], capacities)
        for knee in knees:
            if Arm.parse(knee.arm).transport == transport:
                _draw_knee(ax, knee, looks[Arm.parse(knee.arm).label])
        names.append(name_lines(ax, ends))
        ax.set_xlabel(gettext("requested requests per second"))
        ax.set_xlim(left=0)
        number_ticks(ax.xaxis)
    axes[0].set_yscale("log")
    axes[0].set_ylabel(gettext("latency (µs, log scale)"))
    number_ticks(axes[0].yaxis)
    settle(figure, names)
    return figure


def find_knee(arm: str, rows: pd.DataFrame) -> Knee | None:
    """Return the rate with the highest power, or None with fewer than three rates.

    Power is the rate of replies divided by their latency. Below the knee a little more latency buys much more work;
    above it, it is the other way round. rows: of the arm, in the summary.

    Source: Kleinrock, Power and deterministic rules of thumb for probabilistic problems in computer communications (ICC
    1979), with the mean in place of our 99th percentile.
    """
    usable = rows[(rows["verdict"] != "invalid") & rows["median"].notna()]
    values = usable.pivot_table(index="rate_rps", columns="metric", values="median", aggfunc="min")
    if _TAIL not in values or len(of_rates := values[values[_TAIL].notna()]) < MIN_RATES:
        return None
    tail = of_rates[_TAIL]
    requested = of_rates.index.to_series()
    answered = of_rates[_ANSWERED].fillna(requested) if _ANSWERED in of_rates else requested
    power = answered / tail  # 0 for a percentile that is infinite because too many requests were lost
    best = int(power.to_numpy(float).argmax())
    where = {0: "first", len(power) - 1: "last"}.get(best, "inside")
    return Knee(arm, float(requested.iloc[best]), float(tail.iloc[best]), where)


def _by_arm(rows: pd.DataFrame) -> dict[Arm, pd.DataFrame]:
    return {Arm.parse(str(name)): of_arm for name, of_arm in rows.groupby("arm")}


def _knee_notes(knees: Sequence[Knee], without_knee: Sequence[str]) -> list[str]:
    notes = [gettext(RING_LEGEND)] if any(knee.where == "inside" for knee in knees) else []
    for where, text in OUTSIDE_LEGENDS.items():
        if names := [knee.arm for knee in knees if knee.where == where]:
            notes.append(f"{gettext(text)}: {', '.join(names)}.")
    if without_knee:
        text = gettext(
            "No knee, because fewer than {min_rates} rates have a p99 that is not invalid", min_rates=MIN_RATES
        )
        notes.append(f"{text}: {', '.join(without_knee)}.")
    return notes


def _draw_knee(ax: Axes, knee: Knee, look: Style) -> None:
    if knee.where == "inside":
        ax.scatter(knee.rate_rps, knee.p99_us, s=150, facecolors="none", edgecolors=look.colour, linewidths=1.8)


def _draw_arm(ax: Axes, arm: Arm, rows: pd.DataFrame, look: Style, capacities: Mapping[str, float]) -> list[Label]:
    """Draw the lines of an arm, and a tick at its capacity.

    Return the label of the end of its p99 line.
    """
    ends: list[Label] = []
    for metric, line in LINES.items():
        of_metric = rows[rows["metric"] == metric].sort_values("rate_rps")
        if of_metric.empty:
            continue
        x, y = of_metric["rate_rps"].to_numpy(float), of_metric["median"].to_numpy(float)
        colours = [GREY if verdict != "valid" else look.colour for verdict in of_metric["verdict"]]
        dashes = "--" if arm.is_baseline else look.dashes
        with mark(ax, arm.label, f"{arm.display_label}, {metric}"):
            ax.plot(x, y, color=look.colour, **{"linestyle": dashes, **line})  # type: ignore[arg-type]  # keywords of a line
            ax.scatter(x, y, c=colours, s=22, marker=look.marker, zorder=3)
        if metric == _TAIL:
            ends = [Label(arm.display_label, float(x[-1]), float(y[-1]), look.ink, look.marker)]
    if arm.name in capacities:
        with mark(
            ax,
            arm.label,
            gettext(
                "{display_label}: capacity {capacities} requests/s",
                display_label=arm.display_label,
                capacities=compact(capacities[arm.name]),
            ),
        ):
            ax.axvline(capacities[arm.name], ymax=0.06, color=look.colour, linewidth=2.5)
    return ends
