import sys

import pytest

from bench.machine.interpreters import NoInterpreterError, find
from bench.schema.arms import Arm


def test_a_path_is_tried_and_labelled_by_what_it_says_of_itself() -> None:
    found = find(sys.executable)
    assert found.path == sys.executable
    assert found.label == f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.mark.parametrize("wanted", ["9.99", "no_such_interpreter", "/nowhere/python", "/bin/true"])
def test_what_is_not_there_or_no_interpreter_is_said_so(wanted: str) -> None:
    with pytest.raises(NoInterpreterError, match=f"no interpreter '{wanted}'"):
        find(wanted)


def test_an_interpreter_is_part_of_an_arms_name() -> None:
    arm = Arm("asyncio", "tcp", python="pypy3.9")
    assert arm.name == "asyncio/tcp@pypy3.9"
    assert (Arm.parse(arm.name).transport, Arm.parse(arm.name).label) == ("tcp", "asyncio@pypy3.9")
