import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from bench.store.errors import StoreError
from bench.store.file_names import RAW_TABLES
from bench.store.gzip_members import compress_member
from bench.store.raw_file import scan, whole_text
from bench.store.reader import read_run
from bench.store.recovery import FolderState, NotResumableError, Repair, plan_repairs, read_state
from bench.store.run_folder import RunFolder
from tests.unit.store.builders import (
    WITHOUT_PHASES,
    edit_text,
    make_block,
    make_folder,
    make_interrupted_folder,
    read_files,
)


def reopen(path: Path) -> list[str]:
    with RunFolder(path) as folder:
        return folder.reopen()


def state_after(
    state: FolderState, path: Path, name: str, data: bytes, known: dict[bytes, pd.DataFrame]
) -> FolderState:
    """Return the state of a folder with another content of one raw file.

    known: the tables of earlier contents by their whole lines, which alone decide what a table contains: test_reader
    reads it after a cut at every byte.
    """
    lines = whole_text(name, data)
    if lines not in known:
        (path / name).write_bytes(data)
        known[lines] = read_run(path).table(name)
    table = known[lines]
    files, tables = {**state.files, name: scan(name, data)}, {**state.tables, name: table}
    all_trials = table if name == "trials.csv" else state.all_trials
    return replace(state, files=files, tables=tables, all_trials=all_trials)


def test_finished_blocks_stay_byte_for_byte(tmp_path: Path) -> None:
    path, finished = make_interrupted_folder(tmp_path)
    with (path / "rounds.csv").open("ab") as file:
        file.write(b"2,0,to")
    repaired = [line.partition(":")[0] for line in reopen(path)]
    assert repaired == [name for name in WITHOUT_PHASES if name != "trials.csv"]
    assert read_files(path) == finished


def test_folder_without_damage_needs_no_repair(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=2) as folder:
        pass
    before = read_files(folder.path)
    assert reopen(folder.path) == []
    assert read_files(folder.path) == before


@pytest.mark.parametrize("name", WITHOUT_PHASES)
def test_cut_at_every_byte_is_repaired_or_refused(tmp_path: Path, name: str) -> None:
    path, finished = make_interrupted_folder(tmp_path)
    if name == "trials.csv":
        with RunFolder(path) as folder:
            folder.append(replace(make_block(3), slices=[], histograms=[], resources=[], rounds=[]))
    state, complete = read_state(read_run(path)), (path / name).read_bytes()
    end = len(finished[name])
    known: dict[bytes, pd.DataFrame] = {}
    for size in range(end - 20, len(complete)):
        cut = state_after(state, path, name, complete[:size], known)
        if size < end and name != "trials.csv":
            with pytest.raises(NotResumableError, match=r"finished block 1|belongs to block 1"):
                plan_repairs(cut)
        else:
            keep = {repair.name: repair.keep_bytes for repair in plan_repairs(cut)}.get(name, size)
            assert keep == (end if size >= end else len(finished[name].rpartition(b"\n1,")[0]) + 1)


def test_zeros_after_a_power_cut_are_removed(tmp_path: Path) -> None:
    path, finished = make_interrupted_folder(tmp_path)
    for name in RAW_TABLES:
        (path / name).write_bytes(finished[name] + bytes(512))
    assert len(reopen(path)) == len(RAW_TABLES)
    assert read_files(path) == finished


def drop_block_1(text: str) -> str:
    return text[: text.index("\n1,") + 1]


def repeat_block_1(text: str) -> str:
    return text[: text.index("\n1,") + 1] + text[text.index("\n1,") + 1 :] * 2


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("plan.toml", lambda text: text.replace('"select"', '"select", "poll"'), "was changed after the run started"),
        ("slices.csv.gz", drop_block_1, "has no rows of finished block 1"),
        ("histograms.csv.gz", drop_block_1, "has no rows of finished block 1"),
        ("rounds.csv", drop_block_1, "has no rows of finished block 1"),
        ("slices.csv.gz", lambda text: text.replace(",10,9,10,", ",7,6,7,", 1), "lacks rows of select/tcp in finished"),
        ("rounds.csv", lambda text: text[: text.index("\n1,") + 9], "has no rows of finished block 1"),
        ("resources.csv.gz", lambda text: text.replace("block,round", "block,turn", 1), "has no column 'round'"),
        ("rounds.csv", lambda text: "extra," + text.replace("\n", "\n0,"), "does not have the columns of this version"),
        ("trials.csv", repeat_block_1, "has 2 rows of block 1; expected 1"),
    ],
)
def test_other_changes_are_refused_and_kept(
    tmp_path: Path, name: str, change: Callable[[str], str], message: str
) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    edit_text(path / name, change)
    before = read_files(path)
    with pytest.raises(StoreError) as raised:
        reopen(path)
    assert message in str(raised.value)
    assert read_files(path) == before


def test_missing_file_of_finished_blocks_is_refused(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    (path / "histograms.csv.gz").unlink()
    with pytest.raises(StoreError, match=r"histograms\.csv\.gz is missing, although it has rows of finished blocks"):
        reopen(path)


def test_missing_file_before_the_first_block_is_created(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder:
        pass
    before = read_files(folder.path)
    (folder.path / "rounds.csv").unlink()
    assert reopen(folder.path) == []
    assert read_files(folder.path) == before


def test_line_torn_inside_a_finished_block_is_refused(tmp_path: Path) -> None:
    path, finished = make_interrupted_folder(tmp_path)
    (path / "rounds.csv").write_bytes(finished["rounds.csv"] + b"1,0,capa")
    with pytest.raises(StoreError, match=r"rounds\.csv ends inside line 4, which belongs to block 1"):
        reopen(path)


def test_finished_block_after_an_unfinished_one_is_refused(tmp_path: Path) -> None:
    path, finished = make_interrupted_folder(tmp_path)
    header, first, second = finished["rounds.csv"].splitlines(keepends=True)
    (path / "rounds.csv").write_bytes(header + first + first.replace(b"0,", b"2,", 1) + second)
    with pytest.raises(StoreError, match=r"has rows of finished block 1 after those of an unfinished block"):
        reopen(path)


def test_member_with_finished_and_unfinished_blocks_is_refused(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    text = gzip.decompress((path / "resources.csv.gz").read_bytes())
    (path / "resources.csv.gz").write_bytes(compress_member(text))
    with pytest.raises(StoreError, match=r"has rows of finished block 0 after those of an unfinished block"):
        reopen(path)


def test_damaged_member_is_refused(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    data = bytearray((path / "slices.csv.gz").read_bytes())
    data[-6] ^= 0xFF  # the checksum of the last member
    (path / "slices.csv.gz").write_bytes(data)
    with pytest.raises(StoreError, match=r"slices\.csv\.gz is damaged at byte"):
        reopen(path)
    assert (path / "slices.csv.gz").read_bytes() == data


def test_missing_rates_of_finished_blocks_are_refused(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder:
        folder.append(make_block(0, rate_rps=100.0, sent=10))
    with pytest.raises(StoreError, match=r"rates\.csv is missing, although finished blocks were measured at its rates"):
        reopen(folder.path)


def test_interrupted_search_is_renamed(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    state = replace(read_state(read_run(path)), has_searches=True)
    assert plan_repairs(state)[-1] == Repair("max_rate.csv", new_name="max_rate-interrupted.csv")


def test_folder_of_a_running_run_cannot_be_reopened(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder, pytest.raises(StoreError, match="another run is writing into"):
        reopen(folder.path)


def test_refused_folder_is_unlocked(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    (path / "trials.csv").unlink()
    folder = RunFolder(path)
    with pytest.raises(StoreError):
        folder.reopen()
    with RunFolder(path) as other:
        other.lock()


def test_missing_slice_lengths_are_refused_if_slices_are_longer(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    (path / "slice_lengths.csv").unlink()
    with pytest.raises(StoreError, match=r"slice_lengths.csv is missing, although finished blocks have longer slices"):
        reopen(path)


def test_run_of_an_older_version_is_resumed_without_slice_lengths(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    state = replace(read_state(read_run(path)), has_lengths=False, usual_window_s=0.045)
    assert plan_repairs(state)
