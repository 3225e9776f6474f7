import sys

import pytest

from bench.machine.interpreters import NoInterpreterError, find
from bench.schema.arms import Arm
from clients.engine.compile_cache import usable_folder
from clients.engine.jit import cache_folder


def test_find_labels_path_by_its_version() -> None:
    interpreter = find(sys.executable)
    assert interpreter.path == sys.executable
    assert interpreter.label == f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize("name", ["9.99", "no_such_interpreter", "/nowhere/python", "/bin/true"])
def test_find_rejects_missing_or_wrong_program(name: str) -> None:
    with pytest.raises(NoInterpreterError, match=f"no interpreter '{name}' works"):
        find(name)


def test_arm_name_includes_interpreter() -> None:
    arm = Arm("asyncio", "tcp", python="pypy3.9")
    assert arm.name == "asyncio/tcp@pypy3.9"
    assert (Arm.parse(arm.name).transport, Arm.parse(arm.name).label) == ("tcp", "asyncio@pypy3.9")


@pytest.mark.parametrize("name", ["9.99", "~/no_such_python", "~no_such_user/python"])
def test_find_needs_no_home(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_home(monkeypatch)
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    with pytest.raises(NoInterpreterError):
        find(name)


def test_compiled_code_needs_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    remove_home(monkeypatch)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    folder = usable_folder(cache_folder())
    assert folder is not None
    assert folder.is_dir()


def remove_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as a user of a container: with neither HOME nor an entry in /etc/passwd."""

    def find_nobody(_: object) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    for function in ("getpwuid", "getpwnam"):
        monkeypatch.setattr(f"pwd.{function}", find_nobody)
