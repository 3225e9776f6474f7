"""The folder of one run. The only module that knows the names of its files.

Raw files are appended to block by block, each file synced, trials.csv last: a block with all its rows there is whole. A
run that was cut off in the middle of that leaves a torn line or a block with too few trials, which are not read.
Derived files can be deleted and made again.

A folder is data, and may be somebody else's: reading one opens nothing but its own files, and runs nothing; a link in
it is refused; what is read does nothing to a terminal, and is what its columns may hold. Cells that a spreadsheet would
take for a formula begin with an apostrophe.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bench.formatting import all_visible, visible
from bench.plan.definition import Plan, PlanError
from bench.plan.matrix import arms, load_points
from bench.plan.toml import decode, encode
from bench.schema.rows import SCHEMA, HistogramRow, MaxRateRow, RateRow, ResourceRow, RoundRow, SliceRow, TrialRow
from bench.store.csv_rows import as_text, heads, lines
from bench.store.durable_write import append_synced, whole_lines, write_synced
from bench.store.recovery import NotMendableError, end_of_blocks, lacking, whole_blocks

if TYPE_CHECKING:  # a run begins sooner without it
    import pandas as pd

_RAW: dict[str, type[Any]] = {
    "slices.csv": SliceRow,
    "histograms.csv": HistogramRow,
    "resources.csv": ResourceRow,
    "rounds.csv": RoundRow,
    "trials.csv": TrialRow,  # the last: it makes a block whole
}
_OTHERS: dict[str, type[Any]] = {"rates.csv": RateRow, "max_rate.csv": MaxRateRow}
_STAMP = "%Y%m%dT%H%M%SZ"
_LOAD = ["scenario", "connections", "message_bytes"]

# A thorough run has millions of slots, most of whose cells repeat: as plain text they would take ten times the memory.
_COMPACT = dict.fromkeys(("arm", "scenario", "quantity"), "category") | dict.fromkeys(
    ("block", "connections", "message_bytes"), "int32"
)


@dataclass(frozen=True, slots=True)
class BlockRows:
    """Everything that one block brought."""

    slices: Sequence[SliceRow]
    histograms: Sequence[HistogramRow]
    resources: Sequence[ResourceRow]
    rounds: Sequence[RoundRow]
    trials: Sequence[TrialRow]


class StoreError(Exception):
    """A run's folder cannot be made, written or read: one line that says which and why."""


class RunFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: IO[bytes] | None = None

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of a run that there is. Raises StoreError, also if another version wrote it in another way."""
        folder = cls(path)
        folder._refuse_links()
        environment = folder.environment()
        schema, wrote = environment.get("schema"), environment.get("holabench")
        if schema != SCHEMA:
            version = wrote.get("version", "unknown") if isinstance(wrote, dict) else "unknown"
            raise StoreError(
                f"{path} has the schema {schema}, and this holabench reads {SCHEMA}; version {version} wrote it: "
                "read it with that"
            )
        return folder

    def _refuse_links(self) -> None:
        """What is written here, and read, is to be here: not where a link leads, nor in a pipe that never ends."""
        for folder in (self.path, self.path / "charts"):
            try:
                entries = list(os.scandir(folder))
            except OSError:  # not there, or no folder: whoever wants a file of it will say so
                continue
            for entry in entries:
                if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
                    name = visible(entry.name)
                    raise StoreError(f"{folder}: {name!r} is a link, or no ordinary file; a run has none: remove it")

    @classmethod
    def create(cls, into: Path, plan: Plan, environment: Mapping[str, Any]) -> "RunFolder":
        """Make a new folder with the environment and the plan in it, and the heads of the raw files."""
        stamp = datetime.now(UTC).strftime(_STAMP)
        path = into / f"{stamp}-{plan.name}"
        try:
            into.mkdir(parents=True, exist_ok=True)
            for number in range(2, 100):
                try:
                    path.mkdir()
                    break
                except FileExistsError:  # another run began in the same second
                    path = into / f"{stamp}-{plan.name}-{number}"
            folder = cls(path)
            folder._lock_for_writing()
            text = encode(plan)
            began = {**environment, "plan_sha256": _digest(text)}
            write_synced(path / "environment.json", json.dumps(began, indent=2) + "\n")
            write_synced(path / "plan.toml", text)
            for name, row in _RAW.items():
                write_synced(path / name, heads(row))
        except OSError as error:
            raise StoreError(f"cannot make a results folder in {into}: {error.strerror or error}") from error
        return folder

    def reopen(self) -> list[str]:
        """Make a run that was cut off ready to go on; return what was mended, in words.

        Rows of a block that never ended go, and so does a torn last line; finished blocks stay, byte for byte: a folder
        in which something else is wrong is left as it is. Raises StoreError then, and if another run is writing here.
        """
        self._lock_for_writing()
        whole = self._mendable()
        mended = []
        with _told(self.path):
            for name, row in _RAW.items():
                path = self.path / name
                if not path.exists():
                    write_synced(path, heads(row))
                keep, size = end_of_blocks(path, whole), path.stat().st_size
                if keep < size:
                    os.truncate(path, keep)
                    mended.append(f"{name}: {size - keep:,} bytes of a block that was cut off are gone")
            if self.limits() is not None:
                (self.path / "max_rate.csv").replace(self.path / "max_rate-interrupted.csv")
                mended.append(
                    "max_rate.csv: a search that was cut off begins anew; its trials are in max_rate-interrupted.csv"
                )
        return mended

    def _mendable(self) -> set[int]:
        """The finished blocks, if all that they brought is there. Raises StoreError: nothing has been changed then."""
        began_with = self.environment().get("plan_sha256")
        if began_with is not None and began_with != _digest(self._text("plan.toml")):
            raise StoreError(
                f"{self.path / 'plan.toml'} is not the plan that this run began with: put that back, or begin a new run"
            )
        name = "trials.csv"
        try:
            plan = self.plan()
            whole = whole_blocks(self._table(name), len(arms(plan)) * len(load_points(plan)))
            trials = self.trials()
            for name in _RAW:
                self._mendable_rows(name, trials)
            name = "rates.csv"
            if trials["rate_rps"].notna().any() and self.rates() is None:
                raise NotMendableError("is missing, and finished blocks were loaded at its rates")
        except NotMendableError as error:
            raise StoreError(
                f"{self.path / name} {error}; put it back as it was, or begin a new run (to draw this one: holabench "
                f"report {self.path})"
            ) from error
        return set(whole)

    def _mendable_rows(self, name: str, trials: "pd.DataFrame") -> None:
        """See whether a raw file has all rows of the finished blocks. Raises NotMendableError, StoreError."""
        path, whole = self.path / name, {int(one) for one in trials["block"]}
        if not path.exists():
            if whole:
                raise NotMendableError("is missing, and finished blocks have rows there")
            return
        with path.open("rb") as file:
            if file.readline() != heads(_RAW[name]).encode():
                raise NotMendableError("does not begin with the names of its columns")
        if found := lacking(trials, self.finished(name.removesuffix(".csv")), counts=name == "slices.csv"):
            raise NotMendableError(found)
        end_of_blocks(path, whole)

    def finished_blocks(self) -> list[int]:
        """The numbers of the blocks that are whole."""
        return sorted(int(block) for block in self.trials()["block"].unique())

    @property
    def complete(self) -> bool:
        """Whether nothing of the plan is missing."""
        return (self.path / "complete.json").exists()

    def completed(self) -> None:
        """Say that nothing is missing any more."""
        with _told(self.path / "complete.json"):
            write_synced(self.path / "complete.json", json.dumps({"blocks": len(self.finished_blocks())}) + "\n")

    def resumed(self, environment: Mapping[str, Any]) -> None:
        """Keep on which machine the run went on, beside that on which it began."""
        before, path = self.environment(), self.path / "environment.json"
        known = before.get("resumed", [])
        again = [*(known if isinstance(known, list) else []), environment]
        with _told(path):
            write_synced(path, json.dumps(before | {"resumed": again}, indent=2) + "\n")

    def _lock_for_writing(self) -> None:
        """Keep others from writing here. The kernel lets go of it when this process ends, however it ends."""
        with _told(self.path / "lock"):
            lock = (self.path / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StoreError(f"another run is writing into {self.path}; wait for its end, or end it") from error
        self._lock = lock

    def rates(self) -> list[RateRow] | None:
        """The rates of the open loops; None if none were found yet."""
        if not (self.path / "rates.csv").exists():
            return None
        names = [field.name for field in fields(RateRow)]
        rows = self._table("rates.csv")[names].to_dict("records")
        return [RateRow(**{str(name): value for name, value in row.items()}) for row in rows]

    def write_rates(self, rows: Sequence[RateRow]) -> None:
        """Write the rates of the open loops."""
        path = self.path / "rates.csv"
        if rows:
            with _told(path):
                write_synced(path, heads(RateRow) + lines(RateRow, rows))

    def append_max_rates(self, rows: Sequence[MaxRateRow]) -> None:
        """Add the trials of one round of a search."""
        path = self.path / "max_rate.csv"
        if not path.exists():
            with _told(path):
                write_synced(path, heads(MaxRateRow))
        with _told(path):
            append_synced(path, lines(MaxRateRow, rows).encode())

    def append(self, rows: BlockRows) -> None:
        """Add a finished block. If the disk is full, what was there before stays whole."""
        blocks: dict[str, Sequence[Any]] = {
            "slices.csv": rows.slices,
            "histograms.csv": rows.histograms,
            "resources.csv": rows.resources,
            "rounds.csv": rows.rounds,
            "trials.csv": rows.trials,
        }
        for name, records in blocks.items():
            path = self.path / name
            with _told(path):
                append_synced(path, lines(_RAW[name], records).encode())

    def began(self) -> datetime:
        """When the run did: the stamp in its folder's name, which a copy keeps; else when its plan was written."""
        for name in (self.path.absolute().name, self.path.resolve().name):
            with contextlib.suppress(ValueError):
                return datetime.strptime(name[: len("20261122T073100Z")], _STAMP).replace(tzinfo=UTC)
        try:
            return datetime.fromtimestamp((self.path / "plan.toml").stat().st_mtime, UTC)
        except OSError as error:
            raise StoreError(f"{self.path} is not a run's folder: plan.toml: {error.strerror or error}") from error

    def plan(self) -> Plan:
        """The plan of the run, with its seed. Raises StoreError."""
        try:
            plan = decode(self._text("plan.toml"), str(self.path / "plan.toml"))
        except PlanError as error:
            raise StoreError(visible(str(error))) from error
        if plan.seed is None:
            raise StoreError(f"{self.path / 'plan.toml'} has no seed, which the plan of a run has: put it back")
        return plan

    def environment(self) -> dict[str, Any]:
        """What was known of the machine."""
        text, path = self._text("environment.json"), self.path / "environment.json"
        try:
            found = all_visible(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise StoreError(f"{path} is not JSON: {visible(str(error))[:200]}") from error
        if not isinstance(found, dict):
            raise StoreError(f"{path} is not what a run writes there: {text[:40]!r}")
        return found

    def trials(self) -> "pd.DataFrame":
        """Rows of all finished blocks."""
        table, plan = self._table("trials.csv"), self.plan()
        if strange := {str(arm) for arm in table["arm"].unique()} - {arm.name for arm in arms(plan)}:
            raise StoreError(f"{self.path / 'trials.csv'} has rows of {min(strange)!r}, which is no arm of plan.toml")
        loads = table[_LOAD].drop_duplicates().itertuples(index=False, name=None)
        planned = {(point.scenario, point.connections, point.message_bytes) for point in load_points(plan)}
        if strange_loads := [load for load in loads if load not in planned]:
            scenario, connections, size = strange_loads[0]
            raise StoreError(
                f"{self.path / 'trials.csv'} has rows of {scenario!r} with {connections} connections and {size} bytes, "
                "which plan.toml does not ask for"
            )
        whole = table.groupby("block")["block"].transform("size") == len(arms(plan)) * len(load_points(plan))
        found = table[whole].reset_index(drop=True)
        twice = found.duplicated(["block", "arm", *_LOAD])
        if twice.any():
            first = found[twice].iloc[0]
            raise StoreError(f"{self.path / 'trials.csv'} has two rows of {first['arm']} in block {first['block']}")
        return found

    def measured(self) -> "pd.DataFrame":
        """Rows of all finished blocks; raises StoreError if there are none."""
        trials = self.trials()
        if trials.empty:
            again = "" if self.complete else f"; to go on with it: holabench run --resume {self.path}"
            raise StoreError(f"{self.path} has no finished block: nothing is measured there yet{again}")
        return trials

    def limits(self) -> "pd.DataFrame | None":
        """Rows of the searches for a highest rate; None if there were none."""
        return self._table("max_rate.csv") if (self.path / "max_rate.csv").exists() else None

    def finished(self, name: str) -> "pd.DataFrame":
        """Rows of a raw file that belong to finished blocks. name: slices, histograms or resources."""
        table = self._table(f"{name}.csv")
        whole = table["block"].isin(self.trials()["block"].unique())
        return table if whole.all() else table[whole].reset_index(drop=True)

    def write_table(self, name: str, table: "pd.DataFrame") -> None:
        """Write a derived table."""
        with self._derived_told(name):
            table.map(as_text).to_csv(self.path / name, index=False, lineterminator="\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a derived text."""
        with self._derived_told(name):
            (self.path / name).write_text(text, encoding="utf-8")

    def write_chart(self, name: str, png: bytes, svg: bytes) -> str:
        """Write a chart; returns the PNG's path inside the folder."""
        with self._derived_told(f"charts/{name}"):
            (self.path / "charts").mkdir(exist_ok=True)
            (self.path / "charts" / f"{name}.png").write_bytes(png)
            (self.path / "charts" / f"{name}.svg").write_bytes(svg)
        return f"charts/{name}.png"

    def _derived_told(self, name: str) -> contextlib.AbstractContextManager[None]:
        return _told(self.path / name, f"nothing measured is lost; once it can be: holabench report {self.path}")

    def release(self) -> None:
        """Let others write here."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def __del__(self) -> None:
        self.release()

    def _text(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"{self.path} is not a run's folder: {name}: {reason}") from error

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        from bench.store.column_types import misfit, texts

        kind = (_RAW | _OTHERS)[name]
        types: dict[str, Any] = _COMPACT if name == "histograms.csv" else dict.fromkeys(texts(kind), str)
        try:
            with (self.path / name).open("rb") as file:
                table = pd.read_csv(whole_lines(file), dtype=types, na_values=[""])
        except OSError as error:
            raise StoreError(f"{self.path} is not a run's folder: {name}: {error.strerror or error}") from error
        except (ValueError, OverflowError, pd.errors.ParserError) as error:
            raise StoreError(f"{self.path / name} cannot be read: {visible(str(error))}") from error
        if found := misfit(table, kind):
            raise StoreError(f"{self.path / name} {visible(found)}")
        for column in {column for column, kind in types.items() if kind is str} & set(table.columns):
            cells = table[column].fillna("")
            table[column] = cells.map({text: visible(text) for text in cells.unique()})
        return table


@contextlib.contextmanager
def _told(path: Path, comfort: str = "finished blocks are safe") -> Iterator[None]:
    """Say in one line what could not be written."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}; {comfort}") from error


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
