"""One figure over many runs, read from their folders: its course, and where it changed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.analysis.search_results import summarise_searches
from bench.analysis.summary import summarise
from bench.compare.change_points import change_points
from bench.formatting import visible
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.load_points import LoadPoint
from bench.store.folder_labels import labels
from bench.store.reader import RunData, read_run


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one arm at one load over the runs that have it, in their order."""

    arm: str
    load: str
    metric: str
    places: tuple[int, ...]  # of the runs, among all that were asked for
    runs: tuple[str, ...]
    medians: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    verdicts: tuple[str, ...]

    @property
    def sound(self) -> list[int]:
        """Places of runs that are looked at for changes: an invalid figure says nothing of a level."""
        rows = zip(self.medians, self.verdicts, strict=True)
        return [k for k, (median, verdict) in enumerate(rows) if verdict != "invalid" and 0 < median < math.inf]

    @property
    def changes(self) -> list[int]:
        """Places of runs with which another level begins."""
        sound = self.sound
        columns = ([column[k] for k in sound] for column in (self.medians, self.lows, self.highs))
        return [sound[place] for place in change_points(*columns)]

    def machine(self, every: "Sequence[Series]") -> set[int]:
        """Places of runs with which the machine's own limit at this load begins another level, too."""
        name = f"{BASELINE_MODEL}/{Arm.parse(self.arm).transport}"
        limits = [one for one in every if (one.arm, one.load) == (name, self.load) and self.arm != name]
        moved = {one.places[k] for one in limits for k in one.changes}
        return {k for k, place in enumerate(self.places) if place in moved}


def series(folders: Sequence[Path], metric: str, scenario: str = "") -> list[Series]:
    """The series of a metric, oldest run first. scenario: only this one. Raises StoreError and PlanError."""
    paths = list({path.resolve(): path for path in reversed(folders)}.values())  # one named twice is one run
    opened = {path: read_run(path) for path in paths}
    runs = sorted(zip([one.started_at for one in opened.values()], labels(paths), paths, strict=True))
    found: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for place, (_, name, path) in enumerate(runs):
        for row in _rows(opened[path], metric):
            if not scenario or row["scenario"] == scenario:
                load = str(LoadPoint.of(row["scenario"], row["connections"], row["message_bytes"]))
                numbers = (float(row["median"]), float(row["low"]), float(row["high"]))
                points = found.setdefault((str(row["arm"]), load), [])
                points.append((place, visible(name), *numbers, str(row["verdict"])))
    return [
        Series(one, load, metric, *(tuple(column) for column in zip(*points, strict=True)))
        for (one, load), points in found.items()
    ]


def _rows(run: RunData, metric: str) -> list[dict[Any, Any]]:
    """The rows of the summary that have a figure."""
    rows = []
    for summary in (
        summarise(run.trials, run.slices, run.thresholds),
        summarise_searches(run.max_rate, run.thresholds),
    ):
        known = summary[(summary["metric"] == metric) & pd.notna(summary["median"])]
        rows += known[~known["arm"].astype(str).str.endswith("~control")].to_dict("records")
    return rows
