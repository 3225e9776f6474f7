"""Observers of a run. The experiment itself prints nothing.

Every method is called between two slices, so its work is not part of any measurement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.schema.csv_schema import SliceRow, TrialRow
from clients.quality_codes import Thresholds


@dataclass(frozen=True, slots=True)
class SliceFinished:
    """A slice is over."""

    block: int
    scenario: str
    connections: int
    round: int
    row: SliceRow


@dataclass(frozen=True, slots=True)
class CaseFinished:
    """All arms are finished at one load point of a block."""

    trials: Sequence[TrialRow]
    disturbed: int  # rounds that were repeated


class RunObserver(Protocol):
    """Receives the messages and the progress of a run."""

    def on_message(self, text: str) -> None:
        """Report what the run does next, in one line."""

    def on_warning(self, text: str) -> None:
        """Report something that may distort results, in one line."""

    def on_run_start(self, slices: int | None, blocks: int | None, thresholds: Thresholds) -> None:
        """Report that the first block starts. None: the number depends on the results.

        thresholds: of the plan; they decide which results are doubtful.
        """

    def on_slice(self, event: SliceFinished) -> None:
        """Report a finished slice."""

    def on_case(self, event: CaseFinished) -> None:
        """Report the trials of a finished case."""

    def on_folder_change(self, folder: Path) -> None:
        """Report that something was written into the run folder."""
