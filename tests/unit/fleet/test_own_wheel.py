import base64
import csv
import hashlib
import io
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from bench.fleet.host_error import HostError
from bench.fleet.own_wheel import build_own_wheel

PROJECT = """
[project]
name = "holabench"
version = "2.0"
requires-python = ">=3.11"
dependencies = ["numpy>=2", "tomli; python_version < '3.11'"]
[project.optional-dependencies]
cluster = ["distributed"]
models = ["uvloop; sys_platform == 'linux'"]
[project.scripts]
holabench = "bench.__main__:main"
"""


def make_project(folder: Path) -> Path:
    for package in ("bench", "clients", "servers"):
        (folder / package / "__pycache__").mkdir(parents=True)
        (folder / package / "__init__.py").write_text("")
        (folder / package / "__pycache__" / "x.pyc").write_text("")
    (folder / "bench" / "preset.toml").write_text("x = 1\n")
    return folder


def make_checkout(folder: Path) -> Path:
    make_project(folder)
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


def test_wheel_of_a_checkout_has_code_data_and_metadata(tmp_path: Path) -> None:
    wheel = build_own_wheel(make_checkout(tmp_path))
    assert wheel.name == "holabench-2.0-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        names = archive.namelist()
        record = list(csv.reader(archive.read("holabench-2.0.dist-info/RECORD").decode().splitlines()))
        digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read("bench/preset.toml")).digest()).decode()
    assert {"bench/__init__.py", "bench/preset.toml", "servers/__init__.py"} < set(names)
    assert not [name for name in names if "__pycache__" in name]
    assert [row[0] for row in record] == names
    assert ["bench/preset.toml", f"sha256={digest.rstrip('=')}", "6"] in record


def test_wheel_of_the_same_files_is_the_same(tmp_path: Path) -> None:
    first = build_own_wheel(make_checkout(tmp_path / "first"))
    assert build_own_wheel(make_checkout(tmp_path / "second")) == first
    (tmp_path / "second" / "bench" / "new.py").write_text("")
    assert build_own_wheel(tmp_path / "second").content != first.content


def test_requirements_are_those_of_the_extras(tmp_path: Path) -> None:
    wheel = build_own_wheel(make_checkout(tmp_path))
    always = ("numpy>=2", "tomli; python_version < '3.11'")
    assert wheel.requirements() == always
    assert wheel.requirements(("cluster",)) == ("distributed", *always)
    assert wheel.requirements(("models",)) == (*always, "uvloop; sys_platform == 'linux'")


def test_installed_files_are_packed_with_their_metadata(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_project(tmp_path)
    information = site / "holabench-3.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.4\nName: holabench\nVersion: 3.0\nRequires-Dist: numpy\n"
        "Requires-Dist: dask ; extra == 'cluster'\n"
    )
    distribution = metadata.Distribution.at(information)
    monkeypatch.setattr(metadata, "distribution", lambda _: distribution)
    wheel = build_own_wheel(site)
    assert wheel.name == "holabench-3.0-py3-none-any.whl"
    assert wheel.requirements(("cluster",)) == ("dask", "numpy")


def test_missing_metadata_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", fail)
    with pytest.raises(HostError, match=r"holabench is not installed; install it with pip$"):
        build_own_wheel(make_project(tmp_path))


def test_own_wheel_contains_the_running_code() -> None:
    wheel = build_own_wheel()
    with zipfile.ZipFile(io.BytesIO(wheel.content)) as archive:
        assert archive.read("bench/fleet/own_wheel.py")
        assert [name for name in archive.namelist() if name.endswith("LC_MESSAGES/holabench.mo")]
    assert any(line.startswith("asyncssh") for line in wheel.requirements(("cluster",)))
