import signal
from collections.abc import Iterator

import pytest

from tests.support.compiled import compile_once


@pytest.fixture(scope="session", autouse=True)
def _default_sighup() -> Iterator[None]:
    """Let commands react to SIGHUP: under nohup they would inherit that it is ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    compile_once(tmp_path_factory)
