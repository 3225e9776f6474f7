"""Build the chart of replies over time, before, during and after an overload: a panel for each scenario."""

import math
from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.analysis.cases import text
from bench.report.charts.catalogue import ChartRequest, ChartTables
from bench.report.charts.families import MAX_PANELS
from bench.report.charts.layout import Label, Texts, body_height_in, name_lines, number_ticks, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.notes import notes
from bench.report.charts.phase_families import phase_ends_s
from bench.report.charts.points import select_points
from bench.report.charts.style import INK, PALE, Style, markers_along, styles
from bench.report.charts.sweeps import Sweep
from bench.report.phase_sentences import recovering_loads, recovery_times
from bench.schema.arms import Arm
from bench.translation import gettext, ngettext

_BIN_S = 0.1  # of the curves: long enough for some replies of a server that computes for each


def build_overload_chart(request: ChartRequest, tables: ChartTables) -> Figure | None:
    """Return the correct replies per second over time; None if there are none."""
    curves = {sweep: _curves(sweep, tables) for sweep in request.sweeps[:MAX_PANELS]}
    curves = {sweep: of_arm for sweep, of_arm in curves.items() if of_arm}
    if not curves:
        return None
    arms = sorted({arm for of_arm in curves.values() for arm in of_arm})
    looks = styles(arm.label for arm in arms)
    blocks = max(sweep.blocks(tables.trials) for sweep in curves)
    subtitle = gettext(
        "replies in time per second, median of {blocks}; grey area: overload; dashed: predicted end of the recovery",
        blocks=ngettext("{count} block", "{count} blocks", blocks),
    )
    figure, axes = page(
        Texts(request.question, subtitle, _notes(curves, tables)), len(curves), body_height_in(4.4, arms)
    )
    names = []
    for ax, (sweep, of_arm) in zip(axes, curves.items(), strict=True):
        panel_title(ax, sweep.title)
        _draw_overload(ax, sweep, tables)
        ends = [
            _draw_curve(ax, number, arm, of_arm[arm], looks[arm.label]) for number, arm in enumerate(sorted(of_arm))
        ]
        ax.set_xlabel(gettext("time (s)"))
        if ax is axes[-1]:
            names.append(name_lines(ax, ends))
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel(gettext("replies in time per second"))
    number_ticks(axes[0].yaxis)
    settle(figure, names)
    return figure


def _curves(sweep: Sweep, tables: ChartTables) -> dict[Arm, pd.DataFrame]:
    """Return of each competing arm its replies per second: columns middle_s and rps."""
    timeline = tables.timeline
    if timeline is None or timeline.empty:
        return {}
    rows = timeline[(timeline["scenario"] == sweep.scenario) & (timeline["population"].map(text) == sweep.population)]
    # A stretch that begins at 0.3 s belongs to the fourth bin, although 0.3 / 0.1 is 2.9999999999999996.
    bins = ((rows["start_s"] / _BIN_S + 1e-6) // 1).astype(int)
    rows = rows.assign(bin=bins)
    curves = {}
    for name, of_arm in rows.groupby("arm"):
        arm = Arm.parse(str(name))
        if arm.competes:
            replies = of_arm.groupby(["block", "bin"])[["ok_replies", "stretch_s"]].sum()
            rates_rps = (replies["ok_replies"] / replies["stretch_s"]).groupby("bin").median()
            middles_s = _BIN_S * (rates_rps.index.to_numpy(dtype=float) + 0.5)
            curves[arm] = pd.DataFrame({"middle_s": middles_s, "rps": rates_rps.to_numpy()})
    return curves


def _draw_overload(ax: Axes, sweep: Sweep, tables: ChartTables) -> None:
    """Draw the overload as an area, and where its end is predicted to be felt no more."""
    begin_s, end_s = _overload_s(sweep, tables.trials)
    ax.axvspan(begin_s, end_s, color=PALE, alpha=0.6, zorder=0)
    predicted = [point.predicted for point in select_points(tables.summary, sweep, "recovery_s")]
    for recovery_s in {value for value in predicted if math.isfinite(value)}:
        ax.axvline(end_s + recovery_s, color=INK, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)


def _overload_s(sweep: Sweep, trials: pd.DataFrame) -> tuple[float, float]:
    """Return when the phase before that of the sweep begins and ends, in seconds from the start of the first phase."""
    names, ends_s = zip(*phase_ends_s(sweep, trials), strict=True)
    position = names.index(sweep.phase)
    return ends_s[position - 2] if position > 1 else 0.0, ends_s[position - 1]


def _draw_curve(ax: Axes, number: int, arm: Arm, curve: pd.DataFrame, look: Style) -> Label:
    with mark(ax, arm.label, arm.display_label):
        ax.plot(
            curve["middle_s"], curve["rps"], color=look.colour, linewidth=1.8, linestyle=look.dashes,
            marker=look.marker, markersize=4.5, markevery=markers_along(number), zorder=3,
        )  # fmt: skip
    last = curve.iloc[-1]
    return Label(arm.display_label, float(last["middle_s"]), float(last["rps"]), look.ink, look.marker)


def _notes(sweeps: Iterable[Sweep], tables: ChartTables) -> list[str]:
    """Return a line for each scenario: the measured times to recover, and the predicted one."""
    times = {sweep: recovery_times(select_points(tables.summary, sweep, "recovery_s")) for sweep in sweeps}
    names = {sweep: sweep.title.capitalize() for sweep in times}
    lines = [
        gettext("{names}, time to recover{of_sweep}.", names=names[sweep], of_sweep=of_sweep)
        for sweep, of_sweep in times.items()
        if of_sweep
    ]
    scenarios = {sweep.scenario for sweep in times}
    if tables.recovery is not None:
        lines += recovering_loads(tables.recovery[tables.recovery["scenario"].isin(scenarios)])
    points = [point for sweep in times for point in select_points(tables.summary, sweep, "recovery_s")]
    return lines + notes(points, tables.comparisons, next(iter(times)), "", looks=None)
