"""A run folder that is copied while it is written."""

import json
from pathlib import Path

import pytest

from bench.fleet.folder_mirror import FileChange, FolderChanges, apply_changes
from bench.store import file_names
from bench.store.errors import StoreError


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    copy.mkdir()
    for name in (file_names.PLAN, file_names.TRIALS, file_names.SLICES):
        (original / name).write_bytes(f"{name}\n".encode())
    (original / file_names.LOCK).touch()
    (original / ".trials.csv.part").write_bytes(b"half")
    return original, copy


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def send(changes: FolderChanges, copy: Path) -> list[tuple[str, int]]:
    """Send changes as text, as over a network; return their names and offsets."""
    text = json.dumps([change.to_plain() for change in changes.look()])
    found = [FileChange.from_plain(values) for values in json.loads(text)]
    apply_changes(copy, found)
    return [(change.name, change.offset) for change in found]


def test_copy_has_the_same_files_after_each_change(folders: tuple[Path, Path]) -> None:
    original, copy = folders
    changes = FolderChanges(original)
    names = [name for name, _ in send(changes, copy)]
    assert names[-1] == file_names.TRIALS  # it makes a block finished
    assert set(names) == {file_names.PLAN, file_names.TRIALS, file_names.SLICES}
    assert send(changes, copy) == []
    for name in (file_names.TRIALS, file_names.SLICES):
        with (original / name).open("ab") as file:
            file.write(bytes(range(256)))
    (original / file_names.COMPLETE).write_bytes(b"{}")
    sent = send(changes, copy)
    assert [name for name, _ in sent] == [file_names.SLICES, file_names.TRIALS, file_names.COMPLETE]
    assert all(offset > 0 for name, offset in sent if name != file_names.COMPLETE)
    expected = {name: data for name, data in files(original).items() if not name.startswith(".")}
    del expected[file_names.LOCK]
    assert files(copy) == expected


def test_lost_bytes_are_an_error_and_not_a_gap(folders: tuple[Path, Path]) -> None:
    original, copy = folders
    changes = FolderChanges(original)
    send(changes, copy)
    (copy / file_names.TRIALS).write_bytes(b"")
    with (original / file_names.TRIALS).open("ab") as file:
        file.write(b"more")
    with pytest.raises(StoreError, match=r"has 0 bytes instead of 11"):
        send(changes, copy)


@pytest.mark.parametrize("name", ["../trials.csv", "/etc/passwd", ".hidden", "charts/a.png"])
def test_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a file"):
        FileChange.from_plain({"name": name, "offset": 0, "data": ""})
