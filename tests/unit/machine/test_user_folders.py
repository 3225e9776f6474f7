"""Folders for caches and temporary files, where there may be no home."""

import os
from pathlib import Path

import pytest

from bench.machine.user_folders import cache_folder, writable_folder
from tests.unit.machine.test_interpreters import remove_home


def test_cache_folder_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache_folder() == Path("/home/me/.cache")


def test_folder_that_can_be_made_is_preferred(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


def test_temporary_folder_replaces_one_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    remove_home(monkeypatch)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = writable_folder(cache_folder() / "holabench" / "runs")
    assert folder.parent == tmp_path
    assert os.access(folder, os.W_OK)


def test_temporary_folder_replaces_one_that_is_read_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert writable_folder(Path("/proc/self")).parent == tmp_path
