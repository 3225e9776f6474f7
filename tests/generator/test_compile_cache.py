"""The cache of compiled code in every state that a user's disk may leave it in."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.engine.compile_cache import usable_folder
from tests.support.processes import ROOT, run_program

# A function of its own: compiling the generator's would take ten seconds in each test.
MODULE = """
from clients.engine.jit import jit

@jit
def double(number):
    return 2 * number

if __name__ == "__main__":
    print(double(21), sum(double.stats.cache_hits.values()))
"""
COMPILED, LOADED = "42 0\n", "42 1\n"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "doubling.py"
    path.write_text(MODULE)
    return path


def run(module: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {"XDG_CACHE_HOME": str(module.parent / "cache"), "PYTHONPATH": str(ROOT), **environment}
    return run_program([sys.executable, str(module)], environment=variables, timeout_s=60.0)


def find_files(module: Path, suffix: str) -> list[Path]:
    files = list((module.parent / "cache").rglob(f"*{suffix}"))
    assert files
    return files


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 0xFF
    path.write_bytes(data)


def replace_by_noise(path: Path) -> None:
    path.write_bytes(b"\x80\x04cos\nnothing\n." * 20)


@pytest.mark.parametrize("damage", [cut, empty, flip_a_byte, replace_by_noise, Path.unlink])
@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_damaged_file_is_replaced(suffix: str, damage: Callable[[Path], None], module: Path) -> None:
    assert run(module).stdout == COMPILED
    assert run(module).stdout == LOADED
    for path in find_files(module, suffix):
        damage(path)
    again = run(module)
    assert again.stdout in (COMPILED, LOADED), again.stderr  # a flipped byte may be in a part that nothing reads
    assert run(module).stdout == LOADED


def test_full_disk_leaves_the_code_uncached(module: Path) -> None:
    code = f"ulimit -f 0; exec {sys.executable} {module}"
    environment = {"XDG_CACHE_HOME": str(module.parent / "cache"), "PYTHONPATH": str(ROOT)}
    completed = run_program(["sh", "-c", code], environment=environment, timeout_s=60.0)
    assert completed.stdout == COMPILED, completed.stderr
    assert not list((module.parent / "cache").rglob("*.nbc"))
    assert run(module).stdout == COMPILED


@pytest.mark.parametrize("cache", ["/proc/nothing", "/dev/null"])
def test_unusable_cache_folder_is_replaced(cache: str, module: Path) -> None:
    temporary = module.parent / "temporary"
    temporary.mkdir()
    for expected in (COMPILED, LOADED):
        completed = run(module, XDG_CACHE_HOME=cache, TMPDIR=str(temporary))
        assert completed.stdout == expected, completed.stderr


def test_folder_that_others_can_write_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shared = tmp_path / f"holabench-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    folder = usable_folder(Path("/proc/nothing/digest"))
    assert folder is not None
    assert shared not in folder.parents
    shared.chmod(0o700)
    assert usable_folder(Path("/proc/nothing/digest")) == shared / "digest"


def test_code_is_compiled_without_any_folder(module: Path) -> None:
    code = (
        "import tempfile; tempfile.gettempdir = lambda: '/proc/nothing'; "
        f"import runpy; runpy.run_path({str(module)!r}, None, '__main__')"
    )
    environment = {"XDG_CACHE_HOME": "/proc/nothing", "PYTHONPATH": str(ROOT)}
    completed = run_program([sys.executable, "-c", code], environment=environment, timeout_s=60.0)
    assert completed.stdout == COMPILED, completed.stderr
