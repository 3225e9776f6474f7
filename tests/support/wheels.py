"""Small wheels, and a wheelhouse of them, so that tests install within a second and without a network."""

import ensurepip
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bench.fleet.own_wheel import OwnWheel, build_own_wheel
from bench.fleet.wheelhouse import Target, Wheelhouse, collect_wheels
from tests.support.processes import ROOT

VERSION = "1.0"
_GUARD_FILES = (  # that an agent's guard imports
    "pyproject.toml",
    "bench/__init__.py",
    "bench/fleet/*.py",
    "servers/__init__.py",
    "servers/parent_death.py",
)


def write_wheel(folder: Path, name: str, content: str = "", requires: Sequence[str] = ()) -> Path:
    """Write a wheel of one module."""
    path = folder / f"{name}-{VERSION}-py3-none-any.whl"
    information = f"{name}-{VERSION}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {VERSION}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", content)
        archive.writestr(f"{information}/METADATA", "\n".join([*lines, ""]))
        archive.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{information}/RECORD", "")
    return path


def add_pip(folder: Path) -> None:
    """Copy the wheel of pip that Python ships into a folder. Skip the test if it ships none, as some systems do."""
    shipped = sorted((Path(ensurepip.__file__).parent / "_bundled").glob("pip-*.whl"))
    if not shipped:
        pytest.skip("this Python ships no wheel of pip")
    shutil.copy(shipped[-1], folder)


def make_index(folder: Path) -> Path:
    """Return a folder with the wheels of pip and of one small library."""
    add_pip(folder)
    write_wheel(folder, "tiny_library", f"ANSWER = 42\n{'#' * 200_000}\n")
    return folder


def use_index(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have pip take wheels from a folder, and from nowhere else."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


def tiny_collector(index: Path) -> Callable[..., Wheelhouse]:
    """Return a collector that ignores the requirements and collects the small library of an index."""

    def collect(target: Target, requirements: Sequence[str], report: Callable[[str], None]) -> Wheelhouse:
        del requirements
        return collect_wheels(target, ["tiny-library"], report, index / "cache")

    return collect


def tiny_own_wheel(folder: Path) -> OwnWheel:
    """Return a wheel of the few files that an agent's guard needs: installing all takes seconds."""
    (folder / "clients").mkdir(parents=True)
    for pattern in _GUARD_FILES:
        for path in ROOT.glob(pattern):
            copy = folder / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return build_own_wheel(folder)
