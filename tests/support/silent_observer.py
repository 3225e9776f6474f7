"""An observer of runs that shows nothing."""

from pathlib import Path

from bench.experiment.observer import CaseFinished, SliceFinished
from clients.quality_codes import Thresholds


class SilentObserver:
    """Keeps the lines of a run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def on_message(self, text: str) -> None:
        self.lines.append(text)

    def on_warning(self, text: str) -> None:
        self.lines.append(text)

    def on_run_start(self, slices: int | None, blocks: int | None, thresholds: Thresholds) -> None:
        del slices, blocks, thresholds

    def on_slice(self, event: SliceFinished) -> None:
        del event

    def on_case(self, event: CaseFinished) -> None:
        del event

    def on_folder_change(self, folder: Path) -> None:
        del folder
