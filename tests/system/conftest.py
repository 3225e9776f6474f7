import signal
from collections.abc import Iterator

import pytest

from tests.support.commands import run_python as python


@pytest.fixture(scope="session", autouse=True)
def _default_sighup() -> Iterator[None]:
    """Let commands react to SIGHUP: under nohup they would inherit that it is ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Have the generator compiled once: a command that had to do it first would need a deadline of its own."""
    ended = python("-c", "from clients.generator import compile_loops; compile_loops()", timeout_s=300)
    assert ended.returncode == 0, ended.stderr
