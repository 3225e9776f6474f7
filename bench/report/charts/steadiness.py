"""Throughput over the rounds of a trial: whether it was steady, and what the machine did meanwhile."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from bench.formatting import on_axis
from bench.report.charts.layout import Label, label_right, page, panel_title, settle, spread_labels
from bench.report.charts.style import styles
from bench.schema.arms import Arm
from bench.schema.rows import DISTURBED


def draw_rounds(slices: pd.DataFrame, metric: str, title: str, subtitle: str, unit: str) -> Figure | None:
    """The median over blocks in each round, and the quarters around it. slices: of one load and size."""
    rows = slices[
        (slices["codes"] != DISTURBED)
        & ~slices["arm"].map(lambda name: Arm.parse(name).control)
        & slices[metric].notna()
    ]
    rows = rows[rows["arm"].map(lambda name: not Arm.parse(name).is_baseline)]
    rows = rows.assign(number=rows.groupby(["block", "arm"])["round"].rank(method="first"))
    if rows.empty or rows["number"].max() < 2:
        return None
    panels = sorted(set(rows["arm"].map(lambda name: Arm.parse(name).transport)))
    figure, axes = page(title, subtitle, [], len(panels), body_in=4.0)
    looks = styles(set(rows["arm"].map(lambda name: Arm.parse(name).label)))
    labels = []
    for ax, name in zip(axes, panels, strict=True):
        panel_title(ax, name.upper())
        ends = []
        for arm, of_arm in rows[rows["arm"].map(lambda name: Arm.parse(name).transport) == name].groupby("arm"):
            look = looks[Arm.parse(arm).label]
            middle = of_arm.groupby("number")[metric].quantile([0.25, 0.5, 0.75]).unstack()
            x = middle.index.to_numpy(dtype=float)
            ax.fill_between(x, middle[0.25], middle[0.75], color=look.colour, alpha=0.15, linewidth=0)
            ax.plot(x, middle[0.5], color=look.colour, linewidth=1.8)
            ends.append(Label(Arm.parse(arm).label, float(x[-1]), float(middle[0.5].iloc[-1]), look.ink))
        labels.append(label_right(ax, ends))
        ax.set_xlabel("round of a block")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel(unit)
    axes[0].yaxis.set_major_formatter(FuncFormatter(lambda value, _: on_axis(value)))
    settle(figure)
    for ax, names in zip(axes, labels, strict=True):
        spread_labels(ax, names)
    return figure
