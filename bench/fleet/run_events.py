"""Reports of a run on another machine to its controller: the calls of a RunObserver, as values for JSON.

Slices are reported about once a second, all of them together: each report is work for the agent, which shares the host
with the servers.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from bench.experiment.observer import CaseFinished, RunObserver, SliceFinished
from bench.fleet.folder_mirror import FolderChanges
from bench.schema.csv_schema import SliceRow, TrialRow
from clients.quality_codes import Thresholds

_REPORT_S = 1.0
_Row = TypeVar("_Row", SliceRow, TrialRow)


class RunReporter:
    """The observer of a run that reports what it observes, with the changes of the run folder.

    report: sends one event to the controller.
    """

    def __init__(self, report: Callable[[Mapping[str, Any]], None]) -> None:
        self._report = report
        self._slices: list[dict[str, Any]] = []
        self._reported_s = time.monotonic()
        self._changes: FolderChanges | None = None

    def on_message(self, text: str) -> None:
        """Report a message."""
        self._report({"message": text})

    def on_warning(self, text: str) -> None:
        """Report a warning."""
        self._report({"warning": text})

    def on_run_start(self, slices: int | None, blocks: int | None, thresholds: Thresholds) -> None:
        """Report the number of slices and blocks. The controller knows the thresholds from the plan."""
        del thresholds
        self._report({"start": {"slices": slices, "blocks": blocks}})

    def on_slice(self, event: SliceFinished) -> None:
        """Keep a slice for the next report."""
        self._slices.append(asdict(event))
        if time.monotonic() - self._reported_s > _REPORT_S:
            self._report_slices()

    def on_case(self, event: CaseFinished) -> None:
        """Report the trials of a case."""
        self._report_slices()
        trials = [asdict(trial) for trial in event.trials]
        self._report({"case": {"trials": trials, "disturbed": event.disturbed}})

    def on_folder_change(self, folder: Path) -> None:
        """Report the name of the run folder, and what is new in it."""
        self._changes = self._changes or FolderChanges(folder)
        changes = [change.to_plain() for change in self._changes.look()]
        if changes:
            self._report({"folder": folder.name, "changes": changes})

    def _report_slices(self) -> None:
        if self._slices:
            self._report({"slices": self._slices})
        self._slices, self._reported_s = [], time.monotonic()


def deliver(event: Mapping[str, Any], observer: RunObserver, thresholds: Thresholds) -> None:
    """Call the observer of the controller with an event. thresholds: of the plan."""
    match event:
        case {"message": text}:
            observer.on_message(text)
        case {"warning": text}:
            observer.on_warning(text)
        case {"start": {"slices": slices, "blocks": blocks}}:
            observer.on_run_start(slices, blocks, thresholds)
        case {"slices": slices}:
            for each in slices:
                observer.on_slice(SliceFinished(**{**each, "row": _from_values(SliceRow, each["row"])}))
        case {"case": {"trials": trials, "disturbed": disturbed}}:
            observer.on_case(CaseFinished([_from_values(TrialRow, trial) for trial in trials], disturbed))


def _from_values(row_type: type[_Row], values: Mapping[str, Any]) -> _Row:
    """Return a row of its values. A value that a row computes itself is left out."""
    given = {field.name for field in fields(row_type) if field.init}
    return row_type(**{name: value for name, value in values.items() if name in given})
