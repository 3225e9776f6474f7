"""Create a run folder, lock it, and write its files."""

import errno
import fcntl
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from bench.plan.definition import Plan
from bench.plan.toml import encode
from bench.schema.csv_schema import (
    GeneratorRow,
    HistogramRow,
    LatencyWindowRow,
    MaxRateRow,
    RateRow,
    ReplayRow,
    ResourceRow,
    RoundRow,
    SliceLengthRow,
    SliceRow,
    TimelineRow,
    TrialRow,
)
from bench.schema.load_time import LoadTime
from bench.store import file_names, recovery
from bench.store.csv_rows import csv_header, csv_rows, escape_formula
from bench.store.durable_write import append_synced, write_synced
from bench.store.errors import StoreError, os_reason, reporting_write_errors
from bench.store.raw_file import header_bytes, row_bytes, table_bytes
from bench.store.reader import STAMP, RunData, read_run

if TYPE_CHECKING:  # pandas takes half a second to import
    import pandas as pd

__all__ = ["BlockRows", "RunFolder", "StoreError"]

_MOST_RUNS_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class BlockRows:
    """All rows of one block."""

    slices: Sequence[SliceRow]
    histograms: Sequence[HistogramRow]
    resources: Sequence[ResourceRow]
    rounds: Sequence[RoundRow]
    trials: Sequence[TrialRow]
    timeline: Sequence[TimelineRow] = ()  # of loads with phases
    latency_windows: Sequence[LatencyWindowRow] = ()  # of loads with phases
    replay: Sequence[ReplayRow] = ()  # of the first block
    generators: Sequence[GeneratorRow] = ()  # of loads by several generators


class RunFolder:
    """The folder of one run, to write into. ``read()`` returns what it contains.

    ``create`` and ``reopen`` lock the folder. As a context manager it unlocks the folder at the end; the kernel does so
    when the process ends, however it ends. Methods raise StoreError if the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock_warning = ""  # why the folder could not be locked
        self._lock: IO[bytes] | None = None

    @classmethod
    def create(cls, output_dir: Path, plan: Plan, environment: Mapping[str, Any]) -> "RunFolder":
        """Create a folder with the environment, the plan and empty raw files, and lock it."""
        try:
            folder = cls(_create_directory(output_dir, plan.name))
            folder.lock()
            plan_text = encode(plan)
            folder._write_environment({**environment, "plan_sha256": recovery.digest(plan_text)})
            write_synced(folder.path / file_names.PLAN, plan_text.encode())
            for name in file_names.RAW_TABLES:
                write_synced(folder.path / name, header_bytes(name))
        except OSError as error:
            raise StoreError(
                f"cannot create a run folder in {output_dir}: {os_reason(error)}; name another one with --output-dir"
            ) from error
        return folder

    def reopen(self) -> list[str]:
        """Lock the folder of an interrupted run and make it ready to be resumed; return what was repaired.

        Finished blocks stay byte for byte. Raises StoreError, and leaves the folder as it is, if anything differs from
        what an interruption can leave behind, or if another run is writing into the folder.
        """
        self.lock()
        try:
            repairs = recovery.plan_repairs(recovery.read_state(self.read()))
            return recovery.apply(self.path, repairs)
        except recovery.NotResumableError as error:
            self.unlock()
            hint = f"restore the file, or start a new run (holabench report {self.path} shows this one)"
            raise StoreError(f"{self.path}/{error}; {hint}") from error
        except StoreError:
            self.unlock()
            raise

    def read(self) -> RunData:
        """Return what the folder contains now."""
        return read_run(self.path)

    def lock(self) -> None:
        """Keep other runs from writing into the folder. Raises StoreError if one does.

        Some file systems have no locks, e.g. NFS without its lock service. Then ``lock_warning`` contains the reason.
        """
        with reporting_write_errors(self.path / file_names.LOCK):
            lock = (self.path / file_names.LOCK).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                self.lock_warning = (
                    f"{self.path} cannot be locked ({os_reason(error)}); start no other run that writes into it"
                )
                return
            raise StoreError(f"another run is writing into {self.path}; wait until it finishes, or stop it") from error
        self._lock = lock

    def unlock(self) -> None:
        """Let other runs write into the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unlock()

    def append(self, rows: BlockRows) -> None:
        """Append a finished block, trials last. If the disk is full, earlier blocks stay as they are.

        The first block also has the excerpt of single requests, which is a file of its own.
        """
        tables: dict[str, Sequence[Any]] = {
            file_names.SLICES: rows.slices,
            file_names.HISTOGRAMS: rows.histograms,
            file_names.RESOURCES: rows.resources,
            file_names.TIMELINE: rows.timeline,
            file_names.LATENCY_WINDOWS: rows.latency_windows,
            file_names.GENERATORS: rows.generators,
            file_names.ROUNDS: rows.rounds,
            file_names.TRIALS: rows.trials,
        }
        if rows.replay:
            with reporting_write_errors(self.path / file_names.REPLAY):
                write_synced(self.path / file_names.REPLAY, table_bytes(file_names.REPLAY, rows.replay))
        for name, records in tables.items():
            if not records:
                continue
            with reporting_write_errors(self.path / name):
                append_synced(self.path / name, row_bytes(name, records))

    def write_calibration(self, rates: Sequence[RateRow], lengths: Sequence[SliceLengthRow]) -> None:
        """Write the rates of the open loops, if there are any, then the lengths of the slices.

        The second file shows that the calibration is complete.
        """
        if rates:
            self._write(file_names.RATES, csv_header(RateRow) + csv_rows(RateRow, rates))
        self._write(file_names.SLICE_LENGTHS, csv_header(SliceLengthRow) + csv_rows(SliceLengthRow, lengths))

    def append_max_rates(self, rows: Sequence[MaxRateRow]) -> None:
        """Append the trials of one round of searches for a max rate."""
        path = self.path / file_names.MAX_RATE
        if not path.exists():
            self._write(file_names.MAX_RATE, csv_header(MaxRateRow))
        with reporting_write_errors(path):
            append_synced(path, csv_rows(MaxRateRow, rows).encode())

    def mark_complete(self, blocks: int, load_time: LoadTime) -> None:
        """Record that everything in the plan was measured, and how much of the time was load.

        load_time: of a run that was resumed, since then.
        """
        times = {name: round(seconds, 3) for name, seconds in asdict(load_time).items()}
        self._write(file_names.COMPLETE, json.dumps({"blocks": blocks, **times}) + "\n")

    def record_resume(self, environment: Mapping[str, Any]) -> None:
        """Add the environment in which the run is resumed to the one in which it started."""
        recorded = self.read().environment
        earlier = recorded.get("resumed", [])
        resumed = [*(earlier if isinstance(earlier, list) else []), environment]
        with reporting_write_errors(self.path / file_names.ENVIRONMENT):
            self._write_environment({**recorded, "resumed": resumed})

    def write_table(self, name: str, table: "pd.DataFrame") -> str:
        """Write a derived table; return it as CSV."""
        text = str(table.map(escape_formula).to_csv(index=False, lineterminator="\n"))
        self.write_text(name, text)
        return text

    def write_text(self, name: str, text: str) -> None:
        """Write a derived text."""
        with self._reporting_derived(name):
            (self.path / name).write_text(text, encoding="utf-8")

    def write_chart(self, name: str, png: bytes, svg: bytes) -> str:
        """Write a chart as two files; return the path of the PNG inside the folder."""
        charts = self.path / file_names.CHARTS
        with self._reporting_derived(f"{file_names.CHARTS}/{name}"):
            charts.mkdir(exist_ok=True)
            (charts / f"{name}.png").write_bytes(png)
            (charts / f"{name}.svg").write_bytes(svg)
        return f"{file_names.CHARTS}/{name}.png"

    def _write(self, name: str, text: str) -> None:
        with reporting_write_errors(self.path / name):
            write_synced(self.path / name, text.encode())

    def _write_environment(self, environment: Mapping[str, Any]) -> None:
        write_synced(self.path / file_names.ENVIRONMENT, (json.dumps(environment, indent=2) + "\n").encode())

    def _reporting_derived(self, name: str) -> AbstractContextManager[None]:
        return reporting_write_errors(
            self.path / name, f"measurements are safe; retry with: holabench report {self.path}"
        )


def _create_directory(output_dir: Path, plan_name: str) -> Path:
    """Create a folder with the time and the plan in its name; a number distinguishes runs of the same second."""
    output_dir.mkdir(parents=True, exist_ok=True)
    first = output_dir / f"{datetime.now(UTC).strftime(STAMP)}-{plan_name}"
    names = [first, *(first.with_name(f"{first.name}-{number}") for number in range(2, _MOST_RUNS_PER_SECOND))]
    for path in names[:-1]:
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    names[-1].mkdir()
    return names[-1]
