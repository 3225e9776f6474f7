"""Copies of run folders on the host of the servers: which stay, and what a resumed run begins with."""

import os
from pathlib import Path

import pytest

from bench.fleet.folder_mirror import FileChange
from bench.fleet.spare_copies import open_copy, remove_old_copies
from bench.store import file_names
from bench.store.errors import StoreError
from bench.store.run_folder import RunFolder


def make_copies(spool: Path, count: int, size_bytes: int = 100) -> list[str]:
    """Make copies, the newest last; return their names."""
    names = [f"20261122T07310{number}Z-quick" for number in range(count)]
    for number, name in enumerate(names):
        (spool / name).mkdir(parents=True)
        (spool / name / file_names.TRIALS).write_bytes(bytes(size_bytes))
        os.utime(spool / name, (number, number))
    return names


def names_in(spool: Path) -> list[str]:
    return sorted(path.name for path in spool.iterdir())


def test_newest_copies_are_kept(tmp_path: Path) -> None:
    names = make_copies(tmp_path, 5)
    remove_old_copies(tmp_path, 3)
    assert names_in(tmp_path) == names[2:]


def test_size_of_all_copies_is_bounded(tmp_path: Path) -> None:
    names = make_copies(tmp_path, 5, 1000)
    remove_old_copies(tmp_path, 5, 2500)
    assert names_in(tmp_path) == names[3:]


def test_copy_in_use_is_kept(tmp_path: Path) -> None:
    names = make_copies(tmp_path, 3)
    with RunFolder(tmp_path / names[0]) as folder:
        folder.lock()
        os.utime(folder.path, (0, 0))
        remove_old_copies(tmp_path, 1)
        assert names_in(tmp_path) == [names[0], names[2]]
    remove_old_copies(tmp_path, 1)
    assert len(names_in(tmp_path)) == 1


def test_what_is_no_copy_is_kept(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "20261122T073100Z-file").touch()
    remove_old_copies(tmp_path, 0)
    assert names_in(tmp_path) == ["20261122T073100Z-file", "mine"]


def test_missing_folder_has_no_copies(tmp_path: Path) -> None:
    remove_old_copies(tmp_path / "missing", 0)


def test_resumed_copy_has_the_files_of_the_controller_alone(tmp_path: Path) -> None:
    path = tmp_path / "20261122T073100Z-quick"
    path.mkdir()
    (path / file_names.COMPLETE).write_text("{}")
    (path / file_names.TRIALS).write_text("more blocks")
    with open_copy(path, [FileChange(file_names.TRIALS, 0, b"one block")]):
        assert names_in(path) == [file_names.LOCK, file_names.TRIALS]
        assert (path / file_names.TRIALS).read_bytes() == b"one block"
        with pytest.raises(StoreError, match="another run is writing"):
            open_copy(path, [])
        assert (path / file_names.TRIALS).read_bytes() == b"one block"
