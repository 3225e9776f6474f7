"""Write the latencies of a load over its time: as a picture, or as a table."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from clients.latency_windows import LatencyWindow, lower_ns
from clients.load_spec import Phase

SUFFIXES = (".svg", ".png", ".csv")
COLUMNS = ("population", "start_s", "length_s", "lower_ns", "upper_ns", "requests")


@dataclass(frozen=True, slots=True)
class LoadOverTime:
    """The windows of one population. open_loop: a latency begins when its request was due, else when it was sent."""

    windows: Sequence[LatencyWindow]
    open_loop: bool
    phases: Sequence[Phase] = ()


Loads = Mapping[str, LoadOverTime]  # by the name of the population


def write_heat_map(path: Path, loads: Loads, title: str) -> None:
    """Write a heat map, a panel for each population: .svg or .png; or its figures: .csv. Raises OSError."""
    if path.suffix == ".csv":
        _write_table(path, loads)
    else:
        _write_picture(path, loads, title)


def _write_table(path: Path, loads: Loads) -> None:
    """Write a row for each used bucket of each window. Requests without a reply in time have a latency of inf."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for name, load in loads.items():
            for window in load.windows:
                of_window = (name, window.start_s, window.length_s)
                for upper_ns, count in window.counts.items():
                    table.writerow([*of_window, lower_ns(upper_ns), upper_ns, count])
                if window.never_answered:
                    table.writerow([*of_window, "inf", "inf", window.never_answered])


def _write_picture(path: Path, loads: Loads, title: str) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from clients.heat_map import LatencyScale, draw_heat_map, draw_legend, draw_phases, latency_axis

    scale = LatencyScale.of(load.windows for load in loads.values())
    with rc_context({"svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=(9.0, 0.6 + 3.6 * len(loads)), layout="constrained", facecolor="white")
        figure.suptitle(title, fontsize=12)
        axes = figure.subplots(len(loads), squeeze=False)[:, 0]
        for ax, (name, load) in zip(axes, loads.items(), strict=True):
            draw_heat_map(ax, load.windows, scale)
            latency_axis(ax, scale, "latency (log scale)" if load.open_loop else "service time (log scale)")
            draw_phases(ax, _phase_ends_s(load.phases), scale)
            ax.set_xlim(0, max((window.start_s + window.length_s for window in load.windows), default=1.0))
            ax.set_xlabel(f"when the request was {'due' if load.open_loop else 'sent'} (s)")
            ax.set_title(name, loc="left", fontweight="bold")
        draw_legend(axes[0])
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _phase_ends_s(phases: Sequence[Phase]) -> list[tuple[str, float]]:
    """Return the name of each phase, and when it ends."""
    ends_s = accumulate(phase.seconds for phase in phases)
    return [(phase.name, end_s) for phase, end_s in zip(phases, ends_s, strict=True)]
