"""The folder of one run. The only module that knows the names of its files.

Raw files are appended to block by block, each file synced, trials.csv last: a block with all its rows there is whole. A
run that was cut off in the middle of that leaves a torn line or a block with too few trials, which are not read.
Derived files can be deleted and made again.
"""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bench.plan import Plan, arms, cases
from bench.plan_file import decode, encode
from bench.records import HistogramRow, LimitRow, RateRow, ResourceRow, RoundRow, SliceRow, TrialRow

if TYPE_CHECKING:  # a run begins two seconds sooner without them
    import pandas as pd
    from matplotlib.figure import Figure

_RAW: dict[str, type[Any]] = {
    "slices.csv": SliceRow,
    "histograms.csv": HistogramRow,
    "resources.csv": ResourceRow,
    "rounds.csv": RoundRow,
    "trials.csv": TrialRow,  # the last: it makes a block whole
}
_TEXT_COLUMNS = {"codes", "errors", "reason", "verdict", "bound", "server_cpus", "client_cpus", "arm", "python"}


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

    @classmethod
    def create(cls, into: Path, plan: Plan, environment: Mapping[str, Any]) -> "RunFolder":
        """Make a new folder with the environment and the plan in it, and the heads of the raw files."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
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
            _write_synced(path / "environment.json", json.dumps(environment, indent=2) + "\n")
            _write_synced(path / "plan.toml", encode(plan))
            for name, row in _RAW.items():
                _write_synced(path / name, _heads(row))
        except OSError as error:
            raise StoreError(f"cannot make a results folder in {into}: {error.strerror or error}") from error
        return folder

    def write_rates(self, rows: Sequence[RateRow]) -> None:
        """Write the rates of the open loops."""
        if rows:
            try:
                _write_synced(self.path / "rates.csv", _heads(RateRow) + _lines(RateRow, rows))
            except OSError as error:
                raise StoreError(f"cannot write {self.path / 'rates.csv'}: {error.strerror or error}") from error

    def append_limits(self, rows: Sequence[LimitRow]) -> None:
        """Add the trials of one round of a search."""
        path = self.path / "limits.csv"
        try:
            if not path.exists():
                _write_synced(path, _heads(LimitRow))
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror or error}; finished blocks are safe") from error
        _append_synced(path, _lines(LimitRow, rows).encode())

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
            _append_synced(self.path / name, _lines(_RAW[name], records).encode())

    def plan(self) -> Plan:
        """The plan of the run."""
        return decode(self._text("plan.toml"), str(self.path / "plan.toml"))

    def environment(self) -> dict[str, Any]:
        """What was known of the machine."""
        environment: dict[str, Any] = json.loads(self._text("environment.json"))
        return environment

    def trials(self) -> "pd.DataFrame":
        """Rows of all finished blocks."""
        table, plan = self._table("trials.csv"), self.plan()
        whole = table.groupby("block")["block"].transform("size") == len(arms(plan)) * len(cases(plan))
        return table[whole].reset_index(drop=True)

    def limits(self) -> "pd.DataFrame | None":
        """Rows of the searches for a highest rate; None if there were none."""
        return self._table("limits.csv") if (self.path / "limits.csv").exists() else None

    def finished(self, name: str) -> "pd.DataFrame":
        """Rows of a raw file that belong to finished blocks. name: slices, histograms or resources."""
        table = self._table(f"{name}.csv")
        whole = table["block"].isin(self.trials()["block"].unique())
        return table if whole.all() else table[whole].reset_index(drop=True)

    def write_table(self, name: str, table: "pd.DataFrame") -> None:
        """Write a derived table."""
        table.to_csv(self.path / name, index=False, lineterminator="\n")

    def write_text(self, name: str, text: str) -> None:
        """Write a derived text."""
        (self.path / name).write_text(text, encoding="utf-8")

    def write_chart(self, name: str, figure: "Figure") -> str:
        """Write a chart as PNG and SVG; returns the PNG's path inside the folder."""
        charts = self.path / "charts"
        charts.mkdir(exist_ok=True)
        figure.savefig(charts / f"{name}.png", dpi=150)
        figure.savefig(charts / f"{name}.svg", metadata={"Date": None})
        return f"charts/{name}.png"

    def _text(self, name: str) -> str:
        try:
            return (self.path / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StoreError(f"{self.path} is not a run's folder: {name}: {reason}") from error

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        types = _COMPACT if name == "histograms.csv" else dict.fromkeys(_TEXT_COLUMNS, str)
        try:
            with (self.path / name).open("rb") as file:
                table = pd.read_csv(_whole_lines(file), dtype=types, na_values=[""])
        except OSError as error:
            raise StoreError(f"{self.path} is not a run's folder: {name}: {error.strerror or error}") from error
        except (ValueError, pd.errors.ParserError) as error:
            raise StoreError(f"{self.path / name} cannot be read: {error}") from error
        for column in {column for column, kind in types.items() if kind is str} & set(table.columns):
            table[column] = table[column].fillna("")
        return table


def _whole_lines(file: IO[bytes]) -> IO[bytes]:
    """The file, or a copy without its last line where that is torn. Only a run that was cut off has one."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 1))
    torn = file.read(1) not in (b"\n", b"")
    file.seek(0)
    if not torn:
        return file
    data = file.read()
    return io.BytesIO(data[: data.rfind(b"\n") + 1])


def _heads(kind: type[Any]) -> str:
    return ",".join(field.name for field in fields(kind)) + "\n"


def _lines(kind: type[Any], records: Sequence[Any]) -> str:
    """Records of one kind as the lines of its file."""
    text = io.StringIO()
    cells = attrgetter(*(field.name for field in fields(kind)))
    csv.writer(text, lineterminator="\n").writerows([_cell(value) for value in cells(record)] for record in records)
    return text.getvalue()


def _cell(value: object) -> object:
    """Nine significant digits are more than any of these figures has; None is an empty cell."""
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else value


def _write_synced(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _append_synced(path: Path, data: bytes) -> None:
    """Append all of it, or nothing if the disk is full."""
    before = path.stat().st_size
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    except OSError as error:
        os.truncate(path, before)
        raise StoreError(f"cannot write {path}: {error.strerror or error}; finished blocks are safe") from error
    finally:
        os.close(descriptor)
