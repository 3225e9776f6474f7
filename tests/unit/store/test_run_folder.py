import errno
import gzip
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from bench.schema.csv_schema import ReplayRow, TrialRow
from bench.schema.load_time import LoadTime
from bench.store.csv_rows import csv_header, csv_rows
from bench.store.errors import StoreError
from bench.store.file_names import RAW_TABLES
from bench.store.run_folder import RunFolder
from tests.unit.store.builders import ENVIRONMENT, PLAN, WITHOUT_PHASES, make_block, make_folder


def test_appended_blocks_read_back_as_they_were(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=2) as folder:
        run = folder.read()
    assert list(run.trials["block"]) == [0, 1]
    assert list(run.trials["mean_throughput_rps"]) == [1234.5, 1234.5]
    assert list(run.trials["reason"]) == ["", ""]
    assert list(run.slices["service_p50_us"]) == [50.0, 50.0]
    assert list(run.slices["transport"]) == ["tcp", "tcp"]
    assert run.slices["service_p99_us"].isna().all()
    assert list(run.histograms["count"]) == [5, 4, 5, 4]
    assert list(run.resources["model"]) == ["select", "select"]
    assert list(run.rounds["disturbed"]) == [False, False]
    assert run.finished_blocks == [0, 1]
    assert run.plan == PLAN
    assert run.environment["machine"] == {}
    assert not run.complete


@pytest.mark.parametrize("name", WITHOUT_PHASES)
def test_raw_tables_are_read_by_pandas_by_name_alone(tmp_path: Path, name: str) -> None:
    with make_folder(tmp_path, blocks=2) as folder:
        assert list(pd.read_csv(folder.path / name)["block"]) == [0, 1]


def test_excerpt_of_a_block_is_a_file_of_its_own(tmp_path: Path) -> None:
    row = ReplayRow("select/tcp", "capacity", 16, 64, connection=3, sent_ns=-5, received_ns=70_000)
    with make_folder(tmp_path, blocks=0) as folder:
        assert folder.read().replay is None
        folder.append(replace(make_block(0), replay=[row]))
        folder.append(make_block(1))
        replay = folder.read().replay
    assert replay is not None
    assert replay.to_dict("records") == [{name: getattr(row, name) for name in ReplayRow.__dataclass_fields__}]


def test_infinite_percentiles_read_back(tmp_path: Path) -> None:
    lost = {"latency_p99_us": math.inf, "service_max_us": math.inf, "pooled_service_p50_us": math.inf}
    block = make_block(0, **lost)
    with make_folder(tmp_path) as folder:
        folder.append(replace(block, slices=[replace(row, service_p50_us=math.inf) for row in block.slices]))
        run = folder.read()
    assert run.trials[list(lost)].eq(math.inf).all(axis=None)
    assert run.slices["service_p50_us"].eq(math.inf).all()


def test_folders_of_one_second_have_different_names(tmp_path: Path) -> None:
    paths = set()
    for _ in range(3):
        with RunFolder.create(tmp_path, PLAN, ENVIRONMENT) as folder:
            paths.add(folder.path)
    assert len(paths) == 3


def test_create_in_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot create a run folder in .*: Not a directory"):
        RunFolder.create(tmp_path / "file" / "below", PLAN, ENVIRONMENT)


def test_second_writer_is_refused_until_the_first_unlocks(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder, pytest.raises(StoreError, match="another run is writing into"):
        RunFolder(folder.path).lock()
    with RunFolder(folder.path) as second:
        second.lock()


@pytest.mark.parametrize("name", WITHOUT_PHASES)
def test_full_disk_keeps_finished_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        before = (folder.path / name).read_bytes()
        fail_fsync(monkeypatch, after=WITHOUT_PHASES.index(name))
        with pytest.raises(StoreError, match=rf"{name}: No space left on device; finished blocks are safe"):
            folder.append(make_block(1))
        assert (folder.path / name).read_bytes() == before
        assert folder.read().finished_blocks == [0]


def fail_fsync(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let a number of calls of fsync succeed, and all later ones fail."""
    calls = 0
    fsync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal calls
        if calls == after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        calls += 1
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("summary.csv", lambda folder: folder.write_table("summary.csv", pd.DataFrame({"a": [1]}))),
        ("report.md", lambda folder: folder.write_text("report.md", "text")),
        ("charts/throughput.png", lambda folder: folder.write_chart("throughput", b"png", b"svg")),
    ],
)
def test_full_disk_while_reporting_is_one_line(tmp_path: Path, name: str, write: Callable[[RunFolder], object]) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(StoreError, match="No space left on device; measurements are safe; retry with: holabench"):
        write(RunFolder(tmp_path))


def test_resume_keeps_both_environments(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder:
        folder.record_resume({"machine": {"cpus": 2}})
        folder.record_resume({"machine": {"cpus": 4}})
        environment = folder.read().environment
    assert environment["machine"] == {}
    assert environment["resumed"] == [{"machine": {"cpus": 2}}, {"machine": {"cpus": 4}}]


def test_complete_run_is_marked(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        assert folder.read().load_time is None
        folder.mark_complete(1, LoadTime(6.0, 8.0, 0.5))
        run = folder.read()
    assert run.complete
    assert run.load_time == LoadTime(6.0, 8.0, 0.5)


def test_complete_run_of_an_older_version_has_no_load_time(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        (folder.path / "complete.json").write_text('{"blocks": 1}')
        assert folder.read().load_time is None


@pytest.mark.parametrize("text", ['{"load_s": -1, "run_s": 2}', '{"load_s": "long"}', "[", ""])
def test_times_that_no_run_wrote_are_refused(tmp_path: Path, text: str) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        (folder.path / "complete.json").write_text(text)
        with pytest.raises(StoreError, match=r"complete\.json was not written by a run"):
            _ = folder.read().load_time


def test_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    for parent in (first, second):
        make_folder(parent, blocks=2).unlock()
    (one,), (other,) = first.iterdir(), second.iterdir()
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in RAW_TABLES)


def test_compressed_table_is_one_member_for_each_block(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        path = folder.path / "slices.csv.gz"
        size = path.stat().st_size
        folder.append(make_block(1))
        appended = path.read_bytes()[size:]
    assert gzip.decompress(appended).startswith(b"1,0,0,select/tcp,select,tcp,capacity,")


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_text_cell_is_no_formula_for_a_spreadsheet(start: str) -> None:
    (trial,) = make_block(0, reason=f"{start}HYPERLINK(1)").trials
    assert f",'{start}HYPERLINK(1)," in csv_rows(TrialRow, [trial])


def test_negative_number_stays_a_number() -> None:
    (trial,) = make_block(0, jain=-1.0).trials
    assert ",-1," in csv_rows(TrialRow, [trial])


def test_row_is_one_line_whatever_its_texts_contain() -> None:
    (trial,) = make_block(0, reason="first\nsecond\r\n\x1b[31mthird\u2028\x9b1m").trials
    assert csv_rows(TrialRow, [trial]).count("\n") == 1
    assert ",first second \ufffd[31mthird \ufffd1m," in csv_rows(TrialRow, [trial])


def test_header_has_the_columns_in_order() -> None:
    assert csv_header(TrialRow).startswith("block,arm,model,transport,protocol,python,scenario,scenario_kind,")


def test_plan_without_seed_is_refused(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, seed=None)
    with make_folder(tmp_path, plan=plan) as folder, pytest.raises(StoreError, match=r"plan\.toml has no seed"):
        folder.read()
