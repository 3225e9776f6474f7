import pytest

from tests.support.commands import run_python as python


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Have the generator compiled once: a command that had to do it first would need a deadline of its own."""
    ended = python("-c", "from clients.generator import compile_loops; compile_loops()", timeout_s=300)
    assert ended.returncode == 0, ended.stderr
