import pytest

from clients.generator import compile_loops


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    """Compile before any load: compiling must not count as load."""
    compile_loops()
