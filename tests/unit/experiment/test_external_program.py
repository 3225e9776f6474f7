import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.experiment.external_program import find_missing_program, find_problem
from bench.plan.external_server import ExternalServer


def make_server(**values: Any) -> ExternalServer:
    return msgspec.convert({"name": "x", **values}, ExternalServer)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with programs of all kinds. The current directory is empty but for one of them."""
    here, folder = tmp_path / "here", tmp_path / "folder"
    here.mkdir()
    folder.mkdir()
    (folder / "inner").mkdir()
    for name, content, mode in (
        ("own-server", "#!/bin/sh\n", 0o755),
        ("env-script", "#!/usr/bin/env sh\n", 0o755),
        ("binary", "\x7fELF\0", 0o755),
        ("plain", "#!/bin/sh\n", 0o644),
        ("no-line", "import socket\n", 0o755),
        ("no-interpreter", "#!/nowhere/python\n", 0o755),
        ("no-program", "#!/usr/bin/env no-such-interpreter\n", 0o755),
        ("server.py", "import socket\n", 0o644),
    ):
        (folder / name).write_bytes(content.encode("latin-1"))
        (folder / name).chmod(mode)
    (here / "other").write_text("#!/bin/sh\n")
    monkeypatch.chdir(here)
    return folder


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["./own-server", "{port}"], ""),
        (["./env-script", "{port}"], ""),
        (["./binary", "{port}"], ""),
        (["env", "PORT={port}", "./own-server"], ""),
        ([sys.executable, "server.py", "{port}"], ""),
        ([sys.executable, "-u", "./server.py", "{port}"], ""),
        ([sys.executable, "-m", "server.py", "{port}"], ""),
        ([sys.executable, "-c", "nowhere.py", "{port}"], ""),
        ([sys.executable, "{protocol}.py", "{port}"], ""),
        (["./{transport}", "{port}"], ""),
        (["true", "{port}"], ""),
        (["./nowhere", "{port}"], "'./nowhere' does not exist in folder = "),
        (["./other", "{port}"], ", where a relative path starts; the one in the current directory is /"),
        (["/nowhere/x", "{port}"], "'/nowhere/x' does not exist"),
        (["./inner", "{port}"], "'./inner' is a directory; name the program in it"),
        (["./plain", "{port}"], "'./plain' is not executable; run chmod +x "),
        (["./no-line", "{port}"], "'./no-line' is a text without #! in its first line; name its interpreter"),
        (["./no-interpreter", "{port}"], "its first line names /nowhere/python, which does not exist"),
        (["./no-program", "{port}"], "its first line names no-such-interpreter, which was not found"),
        (["env", "PORT={port}", "./nowhere"], "'./nowhere' does not exist"),
        ([sys.executable, "-u", "nowhere.py", "{port}"], "'nowhere.py', which "),
        ([sys.executable, "/nowhere.py", "{port}"], " is to run, does not exist"),
    ],
)
def test_program_is_looked_for_in_the_folder(command: list[str], problem: str, folder: Path) -> None:
    found = find_problem(make_server(command=command, folder=str(folder)))
    assert problem in found
    assert bool(found) == bool(problem)
    assert "\n" not in found


def test_without_folder_the_current_directory_is_named(folder: Path) -> None:
    assert find_problem(make_server(command=["./own-server", "{port}"])) == (
        f"'./own-server' does not exist in the current directory, {folder.parent / 'here'}"
    )


def test_folder_must_be_a_directory(folder: Path) -> None:
    server = make_server(command=["true", "{port}"], folder=f"{folder}/own-server")
    assert find_problem(server) == f"folder = '{folder}/own-server' is not a directory"
    assert find_problem(make_server(command=["./x", "{port}"], folder="/srv/{protocol}")) == ""
    assert find_problem(make_server(command=["./x", "{port}"], folder="~/srv")).endswith("only a shell replaces ~")


def test_program_is_looked_for_on_the_path_of_the_server(folder: Path) -> None:
    assert find_missing_program(make_server(command=["own-server", "{port}"])) == "own-server"
    assert find_missing_program(make_server(command=["own-server"], environment={"PATH": str(folder)})) == ""
    assert find_missing_program(make_server(command=["env", "A=1", "own-server"])) == "own-server"
    assert find_missing_program(make_server(command=["./own-server"])) == ""
