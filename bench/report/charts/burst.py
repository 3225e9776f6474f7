"""Build the chart of a burst of connects: which share of the clients has its answer after which time."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.analysis.predictions.bursts import delayed_share
from bench.formatting import join_words
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.families import MAX_PANELS
from bench.report.charts.layout import Label as NameLabel
from bench.report.charts.layout import Texts, body_height_in, name_lines, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.notes import notes
from bench.report.charts.points import select_points
from bench.report.charts.style import GREY, INK, Style, styles
from bench.report.charts.sweeps import Sweep
from bench.schema.arms import Arm
from bench.translation import gettext, ngettext

FIRST_S, LAST_S = 1e-3, 10.0  # ends of the time axis
RETRANSMISSIONS_S = (1.0, 2.0, 3.0)


def build_burst_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return the cumulative share of answered clients over time, a panel for each scenario; None without answers."""
    curves = {sweep: _curves(sweep, tables) for sweep in request.sweeps[:MAX_PANELS]}
    curves = {sweep: of_arm for sweep, of_arm in curves.items() if of_arm}
    if not curves:
        return None
    arms = sorted({arm for of_arm in curves.values() for arm in of_arm})
    looks = styles(arm.label for arm in arms)
    first = next(iter(curves))
    trial = first.rows(tables.trials).iloc[0]
    clients, blocks = int(trial["population_connections"]), first.blocks(tables.trials)
    subtitle = gettext(
        "{clients} clients connect within {duration_s:.3g} ms, send one request and read the "
        "answer; {blocks} together; dotted: connects that are sent again; dashed: room of the "
        "listen queue",
        clients=clients,
        duration_s=1e3 * float(trial["duration_s"]),
        blocks=ngettext("{count} block", "{count} blocks", blocks),
    )
    lines = [line for sweep in curves for line in _notes(sweep, tables)]
    points = [point for sweep in curves for point in select_points(tables.summary, sweep, "latency_p50_us")]
    lines += notes(points, tables.comparisons, first, "", looks=None)
    texts = Texts(request.question, subtitle, lines)
    figure, axes = page(texts, len(curves), body_height_in(4.2, arms))
    names = []
    for ax, (sweep, of_arm) in zip(axes, curves.items(), strict=True):
        panel_title(ax, _heading(sweep, tables))
        _time_axis(ax)
        _draw_room(ax, sweep, tables, clients)
        if ax is not axes[0]:
            ax.tick_params(axis="y", labelleft=False)
        ends = [_draw(ax, arm, of_arm[arm], looks[arm.label]) for arm in sorted(of_arm)]
        if ax is axes[-1]:
            names.append(name_lines(ax, ends))
    axes[0].set_ylim(0, 104)
    axes[0].set_ylabel(gettext("clients with their answer (%)"))
    settle(figure, names)
    return figure


def _curves(sweep: Sweep, tables: ChartTables) -> dict[Arm, pd.DataFrame]:
    """Return of each competing arm: columns seconds and percent, of all scheduled requests."""
    rows = sweep.rows(tables.histograms)
    rows = rows[rows["quantity"] == "latency"]
    trials = sweep.rows(tables.trials)
    curves = {}
    for name, of_arm in rows.groupby("arm", observed=True):
        arm = Arm.parse(str(name))
        scheduled = float(trials.loc[trials["arm"] == str(name), "scheduled"].sum())
        if not arm.competes or not scheduled:
            continue
        counts = of_arm.groupby("upper_ns")["count"].sum().sort_index()
        seconds = counts.index.to_numpy(dtype=float) / 1e9
        curves[arm] = pd.DataFrame({"seconds": seconds, "percent": (100 * counts.cumsum() / scheduled).to_numpy()})
    return curves


def _draw(ax: Axes, arm: Arm, curve: pd.DataFrame, look: Style) -> NameLabel:
    seconds = np.concatenate([[FIRST_S], curve["seconds"].to_numpy(), [LAST_S]])
    percent = np.concatenate([[0.0], curve["percent"].to_numpy(), [float(curve["percent"].iloc[-1])]])
    with mark(
        ax,
        arm.label,
        gettext(
            "{display_label}: {percent:.1f}% have their answer after {seconds:.2g} s",
            display_label=arm.display_label,
            percent=percent[-1],
            seconds=seconds[-2],
        ),
    ):
        (line,) = ax.plot(seconds, percent, color=look.colour, linewidth=1.8, linestyle=look.dashes, zorder=3)
        line.set_drawstyle("steps-post")
    return NameLabel(arm.display_label, LAST_S, float(percent[-1]), look.ink)


def _draw_room(ax: Axes, sweep: Sweep, tables: ChartTables, clients: int) -> None:
    """Draw the predicted share of the clients that connect at once, without an accept meanwhile."""
    for length in sorted(set(sweep.rows(tables.trials)["backlog"].dropna().astype(int))):
        share = 100 * min(1.0, 1 - delayed_share(clients, length))
        ax.axhline(share, color=INK, linewidth=1.1, linestyle=(0, (4, 3)), zorder=2)


def _time_axis(ax: Axes) -> None:
    ax.set_xscale("log")
    ax.set_xlim(FIRST_S, LAST_S)
    ax.set_xlabel(gettext("time (s, log scale)"))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    for at_s in RETRANSMISSIONS_S:
        ax.axvline(at_s, color=GREY, linewidth=0.9, linestyle=":", zorder=1)


def _heading(sweep: Sweep, tables: ChartTables) -> str:
    lengths = sorted({int(length) for length in sweep.rows(tables.trials)["backlog"].dropna()})
    return gettext("listen queue of {lengths}", lengths=join_words(map(str, lengths))) if lengths else sweep.title


def _notes(sweep: Sweep, tables: ChartTables) -> list[str]:
    """Return the connects that the queue turned away, of each arm."""
    rows = sweep.rows(tables.trials)
    rows = rows[rows["listen_overflows"].notna() & (rows["status"] == "ok")]
    if rows.empty:
        return []
    medians = rows.groupby("arm")["listen_overflows"].median()
    parts = [f"{Arm.parse(str(arm)).label} {count:.0f}" for arm, count in medians.items()]
    return [
        gettext(
            "{heading}: connects turned away in a block (median): {parts}.",
            heading=_heading(sweep, tables).capitalize(),
            parts=", ".join(parts),
        )
    ]
