"""Repair a run folder that an interruption left behind, so that the run can be resumed.

A run appends block by block, each file synced, ``trials.csv`` last. Whatever an interruption leaves unfinished is
therefore at the end of a file, and can be cut off. Any other difference was made by somebody: a repair could remove
measurements, so the folder is refused and stays as it is.

``read_state`` reads the folder, ``plan_repairs`` decides and is pure, and ``apply`` changes the folder.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.plan.slice_lengths import usual_length
from bench.schema.csv_schema import DISTURBED
from bench.schema.load_points import LoadPoint
from bench.store import file_names
from bench.store.durable_write import sync_folder, truncate_synced, write_synced
from bench.store.errors import StoreError, reporting_write_errors
from bench.store.gzip_members import DamagedMemberError
from bench.store.raw_file import RawFile, header_bytes, scan
from bench.store.reader import RunData, read_text

if TYPE_CHECKING:  # pandas takes half a second to import
    import pandas as pd

_CASE = ["block", "arm", *LoadPoint.PLANNED_COLUMNS]


@dataclass(frozen=True, slots=True)
class FolderState:
    """Everything about a folder that decides whether its run can be resumed."""

    plan_changed: bool
    rows_of_block: int  # trials of a finished block
    all_trials: "pd.DataFrame"  # also those of an unfinished block
    files: Mapping[str, RawFile | None]  # each raw file; None if it is missing
    tables: Mapping[str, "pd.DataFrame"]  # each raw table that exists
    has_rates: bool
    has_lengths: bool
    usual_window_s: float  # of the plan's slices
    has_searches: bool


@dataclass(frozen=True, slots=True)
class Repair:
    """One change of a folder: cut a file off, create a file that is missing, or rename one."""

    name: str
    keep_bytes: int | None = None
    removed_bytes: int = 0
    new_name: str = ""

    @property
    def description(self) -> str:
        """Return what the repair does, for the user; empty if nothing of the run changes."""
        if self.new_name:
            return f"{self.name}: renamed to {self.new_name}, because an interrupted search starts again"
        if self.keep_bytes is None:
            return ""
        return f"{self.name}: removed {self.removed_bytes:,} bytes of an unfinished block"


class NotResumableError(Exception):
    """The folder is not in a state that an interruption can leave behind."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} {reason}")


def digest(text: str) -> str:
    """Return the digest of a plan's text that ``environment.json`` contains."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_state(run: RunData) -> FolderState:
    """Read what decides about resuming. Raises StoreError if a file cannot be read."""
    recorded = run.environment.get("plan_sha256")
    existing = [name for name in file_names.RAW_TABLES if run.has(name)]
    return FolderState(
        plan_changed=recorded is not None and recorded != digest(read_text(run.path, file_names.PLAN)),
        rows_of_block=run.rows_of_block,
        all_trials=run.all_trials,
        files={name: _scan(run.path / name) if name in existing else None for name in file_names.RAW_TABLES},
        tables={name: run.all_trials if name == file_names.TRIALS else run.table(name) for name in existing},
        has_rates=run.rates is not None,
        has_lengths=run.slice_lengths is not None,
        usual_window_s=max(usual_length(run.plan, scenario).window_s for scenario in run.plan.scenarios),
        has_searches=run.max_rate is not None,
    )


def _scan(path: Path) -> RawFile:
    try:
        return scan(path.name, path.read_bytes())
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    except DamagedMemberError as error:
        raise StoreError(f"{path} {error}; restore the file, or start a new run") from error


def plan_repairs(state: FolderState) -> list[Repair]:
    """Return the repairs that make the folder ready to be resumed. Raises NotResumableError."""
    if state.plan_changed:
        raise NotResumableError(file_names.PLAN, "was changed after the run started")
    finished = finished_blocks(state.all_trials, state.rows_of_block)
    trials = state.all_trials[state.all_trials["block"].isin(finished)]
    repairs: list[Repair] = []
    for name, file in state.files.items():
        if file is not None:
            _check_rows(name, trials, state.tables[name])
            repairs += _repair_file(name, file, finished)
        elif finished:
            raise NotResumableError(name, "is missing, although it has rows of finished blocks")
        else:
            repairs.append(Repair(name))
    if trials["rate_rps"].notna().any() and not state.has_rates:
        raise NotResumableError(file_names.RATES, "is missing, although finished blocks were measured at its rates")
    if not state.has_lengths and finished:
        windows_s = state.tables[file_names.SLICES]["duration_s"]
        if (windows_s > 1.01 * state.usual_window_s).any():
            raise NotResumableError(
                file_names.SLICE_LENGTHS, "is missing, although finished blocks have longer slices than the plan"
            )
    if state.has_searches:
        repairs.append(Repair(file_names.MAX_RATE, new_name=file_names.INTERRUPTED_MAX_RATE))
    return repairs


def finished_blocks(all_trials: "pd.DataFrame", rows_of_block: int) -> set[int]:
    """Return the blocks that have all their trials; only the last one may have fewer. Raises NotResumableError."""
    sizes = all_trials.groupby("block", sort=False).size()
    for position, (block, size) in enumerate(sizes.items()):
        is_last = position == len(sizes) - 1
        if size > rows_of_block or (size < rows_of_block and not is_last):
            raise NotResumableError(file_names.TRIALS, f"has {size} rows of block {block}; expected {rows_of_block}")
    return {int(block) for block in sizes.index[sizes == rows_of_block]}


def _check_rows(name: str, trials: "pd.DataFrame", rows: "pd.DataFrame") -> None:
    """Raise NotResumableError if a table lacks rows of a finished block. trials: of the finished blocks."""
    measured = trials[trials["status"] == "ok"]
    if name in file_names.OF_PHASES:
        measured = measured[measured["phase"] != ""]
    if name == file_names.GENERATORS:
        measured = measured[measured["generator_hosts"].fillna("").str.contains(" ")]
    if missing := set(measured["block"]) - set(rows["block"]):
        raise NotResumableError(name, f"has no rows of finished block {min(missing)}")
    if name == file_names.SLICES:
        counted = rows[rows["codes"] != DISTURBED].groupby(_CASE)["sent"].sum()
        recorded = measured.dropna(subset=["sent"]).set_index(_CASE)["sent"]
        differs = recorded.ne(counted.reindex(recorded.index)).to_numpy()
        if differs.any():
            block, arm, *_ = recorded.index[int(differs.argmax())]
            raise NotResumableError(name, f"lacks rows of {arm} in finished block {block}")


def _repair_file(name: str, file: RawFile, finished: Collection[int]) -> list[Repair]:
    """Return how to cut a raw file off after its last finished block. Raises NotResumableError."""
    if not file.header_end:
        reason = "does not have the columns of this version of holabench; resume it with the version that started it"
        raise NotResumableError(name, reason)
    keep = file.header_end
    later = list(file.segments)
    while later and later[0].blocks <= set(finished):
        keep = later.pop(0).end
    if behind := {block for segment in later for block in segment.blocks} & set(finished):
        raise NotResumableError(name, f"has rows of finished block {min(behind)} after those of an unfinished block")
    if file.torn_line and file.torn_block in finished:
        raise NotResumableError(name, f"ends inside line {file.torn_line}, which belongs to block {file.torn_block}")
    return [Repair(name, keep, file.size - keep)] if keep < file.size else []


def apply(path: Path, repairs: Collection[Repair]) -> list[str]:
    """Repair the folder and return the descriptions of what was changed. Raises StoreError if writing fails."""
    for repair in repairs:
        file = path / repair.name
        with reporting_write_errors(file):
            if repair.new_name:
                file.replace(path / repair.new_name)
                sync_folder(path)
            elif repair.keep_bytes is None:
                write_synced(file, header_bytes(repair.name))
            else:
                truncate_synced(file, repair.keep_bytes)
    return [repair.description for repair in repairs if repair.description]
