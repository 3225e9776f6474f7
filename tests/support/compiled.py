"""The compiled loops of the generator."""

from pathlib import Path

import pytest

from tests.support.commands import run_python
from tests.support.once import make_once


def compile_once(temporary: pytest.TempPathFactory) -> None:
    """Have the generator compiled in its cache, by one of the processes that run the tests.

    A command that had to compile first would need a deadline of its own. Compiling takes 18 s of CPU time.
    """
    make_once(temporary, "compiled", _compile)


def _compile(_: Path) -> None:
    ended = run_python("-c", "from clients.generator import compile_loops; compile_loops()", timeout_s=300)
    assert ended.returncode == 0, ended.stderr
