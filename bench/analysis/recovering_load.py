"""The highest load from which each server recovers by itself after an overload. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.analysis.cases import text, to_table
from bench.analysis.predictions.overload import highest_recovering_share
from bench.analysis.predictions.phase_cases import PlannedOverload, planned_overloads
from bench.plan.definition import Plan
from bench.schema.recovery_row import RecoveryRow
from clients.quality_codes import INVALID

_SERIES = ["transport", "retries", "timeout_s", "overload_share", "overload_s"]
_MIN_LOADS = 2  # one load has no highest one


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """A load after an overload, and in how many blocks a server recovered from it."""

    load_share: float
    recovered_blocks: int
    blocks: int

    @property
    def recovered(self) -> bool:
        """True if it recovered in more than half of the blocks."""
        return 2 * self.recovered_blocks > self.blocks


@dataclass(frozen=True, slots=True)
class RecoveringLoad:
    """The outcomes of one arm at several loads after the same overload, lowest load first."""

    arm: str
    outcomes: tuple[LoadOutcome, ...]

    @property
    def highest_recovered(self) -> LoadOutcome | None:
        """The highest load from which it recovered."""
        return next((outcome for outcome in reversed(self.outcomes) if outcome.recovered), None)

    @property
    def lowest_not_recovered(self) -> LoadOutcome | None:
        """The lowest load from which it did not recover."""
        return next((outcome for outcome in self.outcomes if not outcome.recovered), None)


@dataclass(frozen=True, slots=True)
class OverloadSeries:
    """Overloads that differ only in the load after them, with all arms."""

    retries: int
    timeout_s: float
    predicted_share: float
    arms: tuple[RecoveringLoad, ...]


def recovery_table(plan: Plan, trials: pd.DataFrame) -> pd.DataFrame:
    """Return how often each arm recovered from each overload of a plan, as rows of ``RecoveryRow``.

    Blocks without a time to recover do not count, nor do those with invalid figures.
    """
    return to_table(list(_rows(plan, trials)), RecoveryRow)


def overload_series(table: pd.DataFrame) -> list[OverloadSeries]:
    """Return the series of a table with at least two loads after the same overload; table: of ``recovery_table``."""
    found = []
    for _, rows in table.groupby(_SERIES, sort=True):
        if rows["load_share"].nunique() >= _MIN_LOADS:
            first = rows.iloc[0]
            arms = tuple(_recovering_load(str(arm), of_arm) for arm, of_arm in rows.groupby("arm", sort=True))
            found.append(
                OverloadSeries(
                    retries=int(first["retries"]),
                    timeout_s=float(first["timeout_s"]),
                    predicted_share=float(first["predicted_share"]),
                    arms=arms,
                )
            )
    return found


def _rows(plan: Plan, trials: pd.DataFrame) -> Iterator[RecoveryRow]:
    if trials.empty:
        return
    for planned in planned_overloads(plan):
        of_phase = trials
        for column in ("scenario", "population", "phase"):
            of_phase = of_phase[of_phase[column].map(text) == getattr(planned, column)]
        usable = (of_phase["status"] == "ok") & of_phase["recovery_s"].notna() & (of_phase["verdict"] != INVALID)
        for arm, rows in of_phase[usable].groupby("arm", sort=True):
            yield _row(str(arm), planned, rows)


def _row(arm: str, planned: PlannedOverload, rows: pd.DataFrame) -> RecoveryRow:
    overload = planned.overload
    times_s: list[Any] = rows["recovery_s"].tolist()
    return RecoveryRow(
        arm=arm,
        scenario=planned.scenario,
        population=planned.population,
        phase=planned.phase,
        retries=planned.retries,
        timeout_s=planned.timeout_s,
        overload_share=overload.share,
        overload_s=overload.seconds,
        load_share=overload.after_share,
        predicted_share=highest_recovering_share(planned.retries),
        blocks=len(times_s),
        recovered_blocks=sum(math.isfinite(float(time_s)) for time_s in times_s),
    )


def _recovering_load(arm: str, rows: pd.DataFrame) -> RecoveringLoad:
    """Return the outcomes of one arm. Scenarios with the same load count together."""
    of_loads = rows.groupby("load_share", sort=True)[["recovered_blocks", "blocks"]].sum()
    outcomes = (
        LoadOutcome(float(str(load_share)), int(counts["recovered_blocks"]), int(counts["blocks"]))
        for load_share, counts in of_loads.iterrows()
    )
    return RecoveringLoad(arm, tuple(outcomes))
