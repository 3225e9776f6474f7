from collections.abc import Iterator

import pytest

from clients.engine.threads import Threads
from clients.generator import compile_loops


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compile before any load: compiling must not count as load."""
    compile_loops()


@pytest.fixture
def threads() -> Iterator[Threads]:
    pool = Threads()
    yield pool
    pool.close()
