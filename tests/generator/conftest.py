from collections.abc import Iterator

import pytest

from clients.engine.threads import Threads
from clients.generator import compile_loops
from tests.support.compiled import compile_once


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compile before any load: compiling must not count as load."""
    compile_once(tmp_path_factory)
    compile_loops()


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads()
    yield pool
    pool.close()
