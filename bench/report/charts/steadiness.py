"""Throughput over the rounds of a block: whether it was steady."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.charts.layout import Label, Texts, body_height_in, name_lines, number_ticks, page, panel_title, settle
from bench.report.charts.marks import mark
from bench.report.charts.style import Style, markers_along, styles
from bench.schema.arms import Arm
from bench.schema.csv_schema import DISTURBED
from bench.translation import gettext

QUARTILES = np.array([0.25, 0.5, 0.75])


def draw_rounds(slices: pd.DataFrame, metric: str, texts: Texts, unit: str) -> Figure | None:
    """Return a chart of each round: the median over blocks, and their middle half.

    slices: rows of one load point.
    """
    rows = slices[(slices["codes"] != DISTURBED) & slices[metric].notna()]
    arms = [arm for name in rows["arm"].unique() if (arm := Arm.parse(name)).competes]
    rows = rows[rows["arm"].isin([arm.name for arm in arms])]
    rows = rows.assign(number=rows.groupby(["block", "arm"])["round"].rank(method="first"))
    if rows.empty or rows["number"].max() < 2:
        return None
    panels = sorted({arm.transport for arm in arms})
    figure, axes = page(texts, len(panels), body_in=body_height_in(4.0, arms))
    looks = styles(arm.label for arm in arms)
    names = []
    for ax, transport in zip(axes, panels, strict=True):
        panel_title(ax, transport.upper())
        of_panel = sorted(arm for arm in arms if arm.transport == transport)
        names.append(name_lines(ax, _draw_arms(ax, rows, of_panel, metric, looks)))
        ax.set_xlabel(gettext("round of a block"))
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel(unit)
    number_ticks(axes[0].yaxis)
    settle(figure, names)
    return figure


def _draw_arms(ax: Axes, rows: pd.DataFrame, arms: Sequence[Arm], metric: str, looks: dict[str, Style]) -> list[Label]:
    """Draw a line for each arm. Return the labels of the lines' ends."""
    labels = []
    for number, arm in enumerate(arms):
        look = looks[arm.label]
        quartiles = rows[rows["arm"] == arm.name].groupby("number")[metric].quantile(QUARTILES).unstack()
        x = quartiles.index.to_numpy(dtype=float)
        with mark(ax, arm.label, arm.display_label):
            ax.fill_between(x, quartiles[0.25], quartiles[0.75], color=look.colour, alpha=0.15, linewidth=0)
            ax.plot(
                x, quartiles[0.5], color=look.colour, linewidth=1.8, linestyle=look.dashes,
                marker=look.marker, markersize=4.5, markevery=markers_along(number),
            )  # fmt: skip
        labels.append(Label(arm.label, float(x[-1]), float(quartiles[0.5].iloc[-1]), look.ink, look.marker))
    return labels
