"""Read a run folder: its plan, its environment and its tables, each read and checked once."""

import contextlib
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec

from bench.escaping import all_visible, visible
from bench.plan.definition import Plan, PlanError
from bench.plan.matrix import arms, row_points
from bench.plan.toml import decode
from bench.plan.validation import plan_thresholds
from bench.schema.column_docs import columns_of, text_columns
from bench.schema.csv_schema import SCHEMA, RateRow, SliceLengthRow
from bench.schema.load_points import LoadPoint
from bench.schema.load_time import LoadTime
from bench.store import file_names
from bench.store.errors import StoreError, os_reason
from bench.store.gzip_members import DamagedMemberError
from bench.store.histograms import HistogramError, one_row_per_bucket, one_row_per_slot
from bench.store.raw_file import whole_text
from clients.quality_codes import Thresholds

if TYPE_CHECKING:  # pandas takes half a second to import
    import pandas as pd

_Row = TypeVar("_Row")

_Seconds = Annotated[float, msgspec.Meta(ge=0)]

STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_LENGTH = len("20261122T073100Z")


class _CompleteTimes(msgspec.Struct, frozen=True):
    """The times in ``complete.json``, which also has the number of blocks."""

    load_s: _Seconds | None = None
    run_s: _Seconds | None = None
    repeated_s: _Seconds = 0.0


@dataclass(frozen=True)
class RunData:
    """One run as it was when it was read. A table is read at its first use and kept.

    Every attribute raises StoreError if its file cannot be read, or has content that no run wrote there.
    """

    path: Path
    environment: Mapping[str, Any]
    plan: Plan  # with its seed
    thresholds: Thresholds  # those of the plan

    @cached_property
    def started_at(self) -> datetime:
        """Return when the run started.

        The environment records it. Without that record it is the stamp in the folder's name, else the time at which
        the plan was written.
        """
        if self.recorded_start is not None:
            return self.recorded_start
        for name in (self.path.absolute().name, self.path.resolve().name):
            with contextlib.suppress(ValueError):
                return datetime.strptime(name[:_STAMP_LENGTH], STAMP).replace(tzinfo=UTC)
        try:
            return datetime.fromtimestamp((self.path / file_names.PLAN).stat().st_mtime, UTC)
        except OSError as error:
            raise _not_a_run(self.path, file_names.PLAN, error) from error

    @property
    def recorded_start(self) -> datetime | None:
        """Return the start that the environment records; None if it has none, or no valid one."""
        try:
            return datetime.fromisoformat(str(self.environment.get("started_at", ""))).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    @property
    def known_start(self) -> datetime | None:
        """Return when the run started, if its environment or its folder's name contains the time.

        The time of a file would be that of a copy.
        """
        if self.recorded_start is not None:
            return self.recorded_start
        is_stamped = self.path.resolve().name.startswith(self.started_at.strftime(STAMP))
        return self.started_at if is_stamped else None

    @cached_property
    def complete(self) -> bool:
        """Return whether everything in the plan was measured."""
        return self.has(file_names.COMPLETE)

    @cached_property
    def load_time(self) -> LoadTime | None:
        """Return how much of the run was load; None if it is not complete, or of an older version."""
        if not self.complete:
            return None
        try:
            times = msgspec.json.decode((self.path / file_names.COMPLETE).read_bytes(), type=_CompleteTimes)
        except OSError as error:
            raise _not_a_run(self.path, file_names.COMPLETE, error) from error
        except msgspec.DecodeError as error:
            reason = f"was not written by a run: {visible(str(error))}; remove it, or restore it"
            raise StoreError(f"{self.path / file_names.COMPLETE} {reason}") from error
        if times.load_s is None or times.run_s is None:
            return None
        return LoadTime(times.load_s, times.run_s, times.repeated_s)

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """Return the trials of all finished blocks."""
        table = self.all_trials
        self._check_planned(table)
        block_sizes = table.groupby("block")["block"].transform("size")
        finished = table[block_sizes == self.rows_of_block].reset_index(drop=True)
        repeated = finished.duplicated(["block", "arm", *LoadPoint.PLANNED_COLUMNS])
        if repeated.any():
            row = finished[repeated].iloc[0]
            raise StoreError(
                f"{self.path / file_names.TRIALS} has two rows of {row['arm']} in block {row['block']}; "
                "restore the file, or measure again"
            )
        return finished

    @cached_property
    def slices(self) -> "pd.DataFrame":
        """Return the slices of all finished blocks."""
        return self._finished(file_names.SLICES)

    @cached_property
    def rounds(self) -> "pd.DataFrame":
        """Return the rounds of all finished blocks."""
        return self._finished(file_names.ROUNDS)

    @cached_property
    def resources(self) -> "pd.DataFrame":
        """Return the resources of all finished blocks."""
        return self._finished(file_names.RESOURCES)

    @cached_property
    def timeline(self) -> "pd.DataFrame | None":
        """Return the replies of loads with phases over time; None for a run of an older version."""
        return self._finished(file_names.TIMELINE) if self.has(file_names.TIMELINE) else None

    @cached_property
    def latency_windows(self) -> "pd.DataFrame | None":
        """Return the latencies of loads with phases over time, with a row for each window and used bucket.

        Requests that were never answered have a row of their own, with infinite ``upper_ns``. None for a run of an
        older version.
        """
        if not self.has(file_names.LATENCY_WINDOWS):
            return None
        try:
            return one_row_per_bucket(self._finished(file_names.LATENCY_WINDOWS))
        except HistogramError as error:
            raise StoreError(f"{self.path / file_names.LATENCY_WINDOWS} {visible(str(error))}") from error

    @cached_property
    def generators(self) -> "pd.DataFrame | None":
        """Return the parts of several generators in their loads; None for a run of an older version."""
        return self._finished(file_names.GENERATORS) if self.has(file_names.GENERATORS) else None

    @cached_property
    def replay(self) -> "pd.DataFrame | None":
        """Return the single requests of a short excerpt; None if the run recorded none."""
        return self.table(file_names.REPLAY) if self.has(file_names.REPLAY) else None

    @cached_property
    def histograms(self) -> "pd.DataFrame":
        """Return the histograms of all finished blocks, with a row for each used slot: lower_ns, upper_ns, count."""
        return self.choose_histograms(lambda histograms: histograms)

    def choose_histograms(self, choose: "Callable[[pd.DataFrame], pd.DataFrame]") -> "pd.DataFrame":
        """Return some histograms of all finished blocks, as ``histograms`` has them. The others are not parsed.

        choose: returns the chosen rows of a table with a row for each histogram, which has the columns of its load.
        """
        try:
            return one_row_per_slot(choose(self._finished(file_names.HISTOGRAMS)))
        except HistogramError as error:
            raise StoreError(f"{self.path / file_names.HISTOGRAMS} {visible(str(error))}") from error

    @cached_property
    def max_rate(self) -> "pd.DataFrame | None":
        """Return the trials of the searches for a max rate; None if there were none."""
        return self.table(file_names.MAX_RATE) if self.has(file_names.MAX_RATE) else None

    @cached_property
    def summary(self) -> "pd.DataFrame":
        """Return the summary that the last report wrote."""
        return self._derived(file_names.SUMMARY)

    @cached_property
    def comparisons(self) -> "pd.DataFrame":
        """Return the comparisons that the last report wrote."""
        return self._derived(file_names.COMPARISONS)

    @cached_property
    def recovery(self) -> "pd.DataFrame | None":
        """Return how often each arm recovered, which the last report wrote; None for a run without overloads."""
        return self.table(file_names.RECOVERY) if self.has(file_names.RECOVERY) else None

    @cached_property
    def rates(self) -> list[RateRow] | None:
        """Return the rates of the open loops; None before the calibration."""
        return self._rows(file_names.RATES, RateRow)

    @cached_property
    def slice_lengths(self) -> list[SliceLengthRow] | None:
        """Return the lengths of the slices; None before the calibration, and for a run of an older version."""
        return self._rows(file_names.SLICE_LENGTHS, SliceLengthRow)

    @cached_property
    def finished_blocks(self) -> list[int]:
        """Return the numbers of the finished blocks, in ascending order."""
        return sorted(int(block) for block in self.trials["block"].unique())

    @property
    def rows_of_block(self) -> int:
        """Return how many trials a finished block has: one for each arm at each load point, population and phase."""
        return len(arms(self.plan)) * len(row_points(self.plan))

    def check_measured(self) -> None:
        """Raise StoreError if the run has neither a finished block nor a search."""
        if self.trials.empty and self.max_rate is None:
            hint = "" if self.complete else f"; continue it with: holabench run --resume {self.path}"
            raise StoreError(f"{self.path} has no finished block, so nothing can be reported{hint}")

    @cached_property
    def all_trials(self) -> "pd.DataFrame":
        """Return the trials of finished and unfinished blocks, as they are in the file."""
        return self.table(file_names.TRIALS)

    def has(self, name: str) -> bool:
        """Return whether the folder has a file."""
        return (self.path / name).exists()

    def table(self, name: str) -> "pd.DataFrame":
        """Read a table with all its rows, but for a torn last one."""
        import pandas as pd

        from bench.store.column_types import complete_columns, schema_error

        row_type = file_names.TABLES[name]
        texts = text_columns(row_type)
        try:
            text = whole_text(name, (self.path / name).read_bytes())
            table = pd.read_csv(io.BytesIO(text), dtype=dict.fromkeys(texts, str), na_values=[""])
        except OSError as error:
            raise _not_a_run(self.path, name, error) from error
        except DamagedMemberError as error:
            raise StoreError(f"{self.path / name} {error}; restore the file, or measure again") from error
        except (ValueError, OverflowError, pd.errors.ParserError) as error:
            raise StoreError(f"{self.path / name} cannot be read: {visible(str(error))}") from error
        table = complete_columns(table, row_type)
        if error_text := schema_error(table, row_type):
            raise StoreError(f"{self.path / name} {visible(error_text)}")
        for column in texts:
            cells = table[column].fillna("")
            table[column] = cells.map({text: visible(text) for text in cells.unique()})
        return table

    def _rows(self, name: str, row_type: type[_Row]) -> list[_Row] | None:
        """Return a table of arms as rows; None if it does not exist. An empty cell is None."""
        if not self.has(name):
            return None
        derived = ("model", "transport")
        names = [spec.name for spec in columns_of(row_type) if spec.name not in derived]
        table = self.table(name)[names].astype(object)
        rows = table.where(table.notna(), None).to_dict("records")
        return [row_type(**{str(name): value for name, value in row.items()}) for row in rows]

    def _derived(self, name: str) -> "pd.DataFrame":
        if not self.has(name):
            raise StoreError(f"{self.path} has no {name}; create it with: holabench report {self.path}")
        return self.table(name)

    def _finished(self, name: str) -> "pd.DataFrame":
        table = self.table(name)
        finished = table["block"].isin(self.finished_blocks)
        return table if finished.all() else table[finished].reset_index(drop=True)

    def _check_planned(self, trials: "pd.DataFrame") -> None:
        """Raise StoreError if a trial is of an arm or a load point that the plan does not contain."""
        file = self.path / file_names.TRIALS
        if unplanned := set(trials["arm"]) - {arm.name for arm in arms(self.plan)}:
            raise StoreError(f"{file} has rows of {min(unplanned)!r}, which is not an arm of plan.toml")
        planned = set(row_points(self.plan))
        for cells in trials[list(LoadPoint.PLANNED_COLUMNS)].drop_duplicates().itertuples(index=False, name=None):
            point = LoadPoint.of(*cells)
            if point not in planned:
                part = f" of {point.part}" if point.part else ""
                raise StoreError(
                    f"{file} has rows{part} of {point.scenario!r} with {point.connections} connections and "
                    f"{point.message_bytes} bytes, which plan.toml does not contain"
                )


def read_run(path: Path) -> RunData:
    """Return the run in a folder. Raises StoreError if it is not one, or of another schema."""
    _refuse_links(path)
    environment = _read_environment(path)
    _check_schema(path, environment)
    plan = _read_plan(path)
    try:
        return RunData(path, environment, plan, plan_thresholds(plan))
    except PlanError as error:
        raise StoreError(f"{path / file_names.PLAN}: {visible(str(error))}") from error


def read_text(path: Path, name: str) -> str:
    """Return the text of a file that every run has. Raises StoreError."""
    try:
        return (path / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _not_a_run(path, name, error) from error


def _not_a_run(path: Path, name: str, error: Exception) -> StoreError:
    return StoreError(f"{path} is not a run folder: {name}: {os_reason(error)}")


def _refuse_links(path: Path) -> None:
    """Raise StoreError for links and pipes: files outside the folder must not be read or overwritten."""
    for folder in (path, path / file_names.CHARTS):
        for entry in _entries(folder):
            if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
                raise StoreError(
                    f"{folder}: {visible(entry.name)!r} is a link or a special file, which no run creates; remove it"
                )


def _entries(folder: Path) -> list[Path]:
    """Return the content of a folder; nothing if it is missing, which the first file read from it reports."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read_environment(path: Path) -> dict[str, Any]:
    text, file = read_text(path, file_names.ENVIRONMENT), path / file_names.ENVIRONMENT
    try:
        environment = all_visible(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{file} is not JSON: {visible(str(error))[:200]}") from error
    if not isinstance(environment, dict):
        raise StoreError(f"{file} was not written by a run: it contains {text[:40]!r}")
    return environment


def _check_schema(path: Path, environment: Mapping[str, Any]) -> None:
    schema, program = environment.get("schema"), environment.get("holabench")
    if schema == SCHEMA:
        return
    version = program.get("version", "unknown") if isinstance(program, dict) else "unknown"
    raise StoreError(
        f"{path} was written by holabench {version} in results schema {schema}; this version reads schema {SCHEMA}. "
        "Read it with that version, or measure again."
    )


def _read_plan(path: Path) -> Plan:
    file = path / file_names.PLAN
    try:
        plan = decode(read_text(path, file_names.PLAN), str(file))
    except PlanError as error:
        raise StoreError(visible(str(error))) from error
    if plan.seed is None:
        raise StoreError(f"{file} has no seed, but every run writes one; restore the file")
    return plan
