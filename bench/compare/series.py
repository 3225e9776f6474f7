"""One metric over many runs: its values, and the changes of its level. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import CaseKey
from bench.compare.change_points import change_points
from bench.schema.arms import BASELINE_MODEL, Arm
from bench.schema.load_points import LoadPoint
from bench.schema.metrics import METRICS, ScenarioKind
from clients.quality_codes import INVALID


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The summary of one run, with the label that the run is shown with."""

    label: str
    summary: pd.DataFrame  # rows of summary.csv


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one run in a series."""

    position: int  # of the run among all runs that were asked for
    run: str  # its label
    median: float
    low: float
    high: float
    verdict: str

    @property
    def is_sound(self) -> bool:
        """Return whether the value is not invalid, and is positive and finite.

        Other values are left out of the search for changes.
        """
        return self.verdict != INVALID and 0 < self.median < math.inf


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one arm at one load point, over the runs that have it."""

    arm: str
    load_point: LoadPoint  # without a rate
    metric: str
    points: tuple[Point, ...]  # in the order of the runs

    @property
    def sound_points(self) -> list[Point]:
        """The points that are included in the search for changes."""
        return [point for point in self.points if point.is_sound]

    @property
    def changes(self) -> list[Point]:
        """The first point of each new level."""
        sound = self.sound_points
        columns = zip(*((point.median, point.low, point.high) for point in sound), strict=True)
        return [sound[k] for k in change_points(*columns)] if sound else []

    def machine_changes(self, series: "Sequence[Series]") -> list[Point]:
        """Return the points at which the baseline changed its level, too.

        A change of the baseline at the same load point is a change of the machine.
        """
        baseline = Arm(BASELINE_MODEL, Arm.parse(self.arm).transport).name
        if self.arm == baseline:
            return []
        of_baseline = [each for each in series if (each.arm, each.load_point) == (baseline, self.load_point)]
        positions = {point.position for each in of_baseline for point in each.changes}
        return [point for point in self.points if point.position in positions]


def collect_series(runs: Sequence[RunSummary], metric: str, scenario: str = "") -> list[Series]:
    """Return the series of a metric for each arm and load point, without controls.

    runs: in the order of their start times. scenario: name of the only scenario to include; all if empty.
    """
    points: dict[CaseKey, list[Point]] = {}
    for position, run in enumerate(runs):
        table = run.summary
        for row in table[(table["metric"] == metric) & table["median"].notna()].to_dict("records"):
            is_wanted = not scenario or row["scenario"] == scenario
            is_wanted = is_wanted and not _is_planned(row)
            if is_wanted and not Arm.parse(row["arm"]).control:
                median, low, high = (float(row[column]) for column in ("median", "low", "high"))
                point = Point(position, run.label, median, low, high, str(row["verdict"]))
                points.setdefault(CaseKey.from_row(row).planned, []).append(point)
    return [Series(case.arm, case.load_point, metric, tuple(of_case)) for case, of_case in points.items()]


def sort_series(all_series: Sequence[Series]) -> list[Series]:
    """Return series of one metric by load point and transport, the best newest value first.

    Load points stay in their order. Series without a sound value are the last ones.
    """
    load_points = list(dict.fromkeys(series.load_point for series in all_series))

    def position(series: Series) -> tuple[int, str, float]:
        sign = -1 if METRICS[series.metric].more_is_better else 1
        newest = [sign * point.median for point in series.sound_points[-1:]]
        return load_points.index(series.load_point), Arm.parse(series.arm).transport, next(iter(newest), math.inf)

    return sorted(all_series, key=position)


def _is_planned(row: Mapping[Any, Any]) -> bool:
    """Return whether a value is that of the plan: the rate of an open loop that every arm holds."""
    return bool(row["metric"] == "throughput_rps" and row["scenario_kind"] == ScenarioKind.LATENCY)
