"""An observer that reports nothing: of a measurement whose figures the run does not contain."""

from pathlib import Path

from bench.experiment.observer import CaseFinished, SliceFinished
from clients.quality_codes import Thresholds


class SilentObserver:
    """Does nothing."""

    def on_message(self, text: str) -> None:
        """Ignore a message."""

    def on_warning(self, text: str) -> None:
        """Ignore a warning."""

    def on_run_start(self, slices: int | None, blocks: int | None, thresholds: Thresholds) -> None:
        """Ignore the start."""

    def on_slice(self, event: SliceFinished) -> None:
        """Ignore a slice."""

    def on_case(self, event: CaseFinished) -> None:
        """Ignore a case."""

    def on_folder_change(self, folder: Path) -> None:
        """Ignore a change."""
