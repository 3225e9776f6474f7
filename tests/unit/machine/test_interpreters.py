import sys

import pytest

from bench.machine.interpreters import NoInterpreterError, find
from bench.schema.arms import Arm


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
